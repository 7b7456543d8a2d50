/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/modules.h"
#include "base/cleanup.h"
#include "base/str.h"

#define PORTS_DIR "/sys/class/virtio-ports"
#define UEVENT_GROUP 1 /* the kernel's own, not udev's */

static bool has_name(int dirfd, const char *port)
{
	char path[300], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/name", port);
	_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, name, sizeof(name) - 1);
	if (n < 0)
		return false;
	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return strcmp(name, CHANNEL_PORT_NAME) == 0;
}

/* Descriptor of the port, -ENOENT if it is not there yet. */
static int find_port(struct err *err)
{
	DIR *dir = opendir(PORTS_DIR);
	char path[300];
	int fd = -ENOENT;

	if (!dir)
		return -ENOENT;
	for (struct dirent *d; fd == -ENOENT && (d = readdir(dir));) {
		if (d->d_name[0] == '.' || !has_name(dirfd(dir), d->d_name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", d->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			fd = err_errno(err, errno, "open %s", path);
	}
	closedir(dir);
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Takes what the socket has; true if a virtio port appeared or changed. */
static bool read_uevents(int fd)
{
	char buf[4096];
	bool port = false;
	ssize_t n;

	/* "add@/devices/...\0KEY=value\0..."; an overrun (ENOBUFS) means look again as well. */
	while ((n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT)) > 0 ||
	       (n < 0 && errno == ENOBUFS)) {
		if (n > 0)
			buf[n] = '\0';
		if (n < 0 || strstr(buf, "/virtio-ports/"))
			port = true;
	}
	return port;
}

int channel_open_port(int timeout_ms, struct err *err)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP };
	int64_t deadline = now_ms() + timeout_ms;
	int fd = find_port(err);

	if (fd != -ENOENT)
		return fd;
	_close_ int events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	if (events < 0 || bind(events, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(err, errno, "listen for kernel events");
	/* Whatever comes from now on is heard, so this look and the events leave no gap. */
	while ((fd = find_port(err)) == -ENOENT) {
		int64_t left = deadline - now_ms();
		struct pollfd p = { .fd = events, .events = POLLIN };

		if (left <= 0)
			return err_set(err, ETIMEDOUT,
				       "no virtio-serial port named " CHANNEL_PORT_NAME
				       " after %d ms",
				       timeout_ms);
		do {
			if (poll(&p, 1, (int)left) <= 0)
				break;
		} while (!read_uevents(events));
	}
	return fd;
}

int channel_connect_vsock(uint32_t port, struct err *err)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_HOST,
		.svm_port = port,
	};

	modules_load("vsock");
	_close_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "vsock");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(err, errno, "connect to the host's vsock port %u", port);
	return take_fd(fd);
}
