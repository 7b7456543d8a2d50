/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define UEVENT_GROUP 1 /* the kernel's own, not udev's */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Takes what the socket has; true if there was something of interest among it. */
static bool read_events(int fd, const char *what)
{
	char buf[4096];
	bool found = false;
	ssize_t n;

	/* "add@/devices/...\0KEY=value\0..."; an overrun (ENOBUFS) means look again as well. */
	while ((n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT)) > 0 ||
	       (n < 0 && errno == ENOBUFS)) {
		if (n > 0)
			buf[n] = '\0';
		if (n < 0 || strstr(buf, what))
			found = true;
	}
	return found;
}

int uevent_until(const char *what, int (*look)(void *data, struct err *err), void *data,
		 int timeout_ms, struct err *err)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP };
	int64_t deadline = now_ms() + timeout_ms;
	int r = look(data, err);

	if (r != -ENOENT)
		return r;
	_close_ int events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (events < 0 || bind(events, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(err, errno, "listen for kernel events");
	/* Whatever comes from now on is heard, so this look and the events leave no gap. */
	while ((r = look(data, err)) == -ENOENT) {
		struct pollfd p = { .fd = events, .events = POLLIN };
		int64_t left;

		if (now_ms() >= deadline)
			return -ETIMEDOUT;
		do {
			/* Of what others report there may be no end. */
			left = deadline - now_ms();
			if (left <= 0 || poll(&p, 1, (int)left) <= 0)
				break;
		} while (!read_events(events, what));
	}
	return r;
}
