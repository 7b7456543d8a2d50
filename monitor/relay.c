/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/sock.h"
#include "wire/relay.h"

/* docs/interop/vhost-user.rst: request, flags, size; then as many bytes. */
#define HEADER 12
#define SOCKET_MS 5 /* between looks for QEMU's socket: it comes when the device is attached */
#define PAYLOAD_MAX 4096 /* the largest, a table of memory regions, has some hundred */

struct message {
	uint8_t bytes[HEADER + PAYLOAD_MAX];
	size_t len;
	int fds[SOCK_MAX_FDS];
	size_t n_fds;
};

/* So many more bytes, and what comes with them. 1, 0 at the end, or -errno. */
static int take(int from, struct message *m, size_t len)
{
	while (len > 0) {
		size_t n_fds = ARRAY_SIZE(m->fds) - m->n_fds;
		ssize_t n = sock_recv_fds(from, m->bytes + m->len, len, m->fds + m->n_fds, &n_fds);

		if (n <= 0)
			return (int)n;
		m->n_fds += n_fds;
		m->len += (size_t)n;
		len -= (size_t)n;
	}
	return 1;
}

/* Byte by byte as it came: a reader takes the descriptors with the header of the message that they belong to. */
static int receive(int from, struct message *m)
{
	uint32_t size;
	int r = take(from, m, HEADER);

	if (r <= 0)
		return r;
	memcpy(&size, m->bytes + 8, sizeof(size));
	return size > PAYLOAD_MAX ? -EMSGSIZE : take(from, m, size);
}

int relay_message(int from, int to, int *bad)
{
	struct message m = { .len = 0 };
	int r = receive(from, &m);

	*bad = from;
	if (r > 0) {
		r = sock_send_fds(to, m.bytes, m.len, m.fds, m.n_fds);
		*bad = to;
		r = r < 0 ? r : 1;
	}
	for (size_t i = 0; i < m.n_fds; i++)
		fd_close(m.fds[i]);
	return r;
}

/* The monitor logs it. */
static void say(const char *target, const char *what)
{
	char line[4300];
	int n = snprintf(line, sizeof(line), "vhost-user target '%s' %s\n", target, what);

	if (n > 0)
		(void)!write(STDERR_FILENO, line,
			     (size_t)n < sizeof(line) ? (size_t)n : sizeof(line));
}

/* Until one of the two has ended. True: it was the target. */
static bool pass_on(int qemu, int target)
{
	struct pollfd fds[2] = { { .fd = qemu, .events = POLLIN },
				 { .fd = target, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		for (int i = 0; i < 2; i++) {
			int bad;

			if (fds[i].revents && relay_message(fds[i].fd, fds[1 - i].fd, &bad) <= 0)
				return bad == target;
		}
	}
}

/* QEMU's side. It has a name in a directory of QEMU's, or an address of ours. */
struct front {
	int dir; /* -EBADF: there is none */
	const char *name;
	struct sockaddr_un addr;
	socklen_t len;
};

static int connect_qemu(const struct front *f)
{
	_close_ int fd = -EBADF;

	if (f->dir >= 0)
		return sock_connect_at(f->dir, f->name, NULL);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&f->addr, f->len) < 0)
		return -errno;
	return take_fd(fd);
}

/* An address that the kernel chooses, in the network namespace that is this process's own: nobody else can connect there. */
static int listen_for_qemu(struct front *f)
{
	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	f->addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	f->len = sizeof(f->addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&f->addr, sizeof(f->addr.sun_family)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&f->addr, &f->len) < 0 || listen(fd, 1) < 0)
		return -errno;
	return take_fd(fd);
}

/* Makes the socket, connects to it, and hands it over. */
static int give_socket(struct front *f)
{
	_close_ int listener = listen_for_qemu(f), fd = -EBADF;
	int r;

	if (listener < 0)
		return listener;
	fd = connect_qemu(f);
	if (fd < 0)
		return fd;
	r = sock_send_fds(RELAY_FD_STARTER, "l", 1, &listener, 1);
	return r < 0 ? r : take_fd(fd);
}

static void wait_ms(uint32_t ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000,
					.tv_nsec = (long)(ms % 1000) * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* Is told where QEMU's will be, and waits until it is there. */
static int find_socket(struct front *f)
{
	size_t n = 1;
	char byte;
	int fd;

	if (sock_recv_fds(RELAY_FD_STARTER, &byte, 1, &f->dir, &n) <= 0 || n != 1)
		return -EPIPE;
	while ((fd = connect_qemu(f)) < 0)
		wait_ms(SOCKET_MS);
	return fd;
}

static int confine(struct err *err)
{
	static const struct confine_rule rules[] = {
		CONFINE_ALLOW(recvmsg),
		CONFINE_ALLOW(sendmsg),
		CONFINE_ALLOW(write), /* the log */
		CONFINE_ALLOW(poll),
		CONFINE_ALLOW(ppoll),
		CONFINE_ALLOW(restart_syscall),
		CONFINE_ALLOW(clock_nanosleep),
		CONFINE_ALLOW(close),
		/* a new connection: the socket's file is named, never opened */
		CONFINE_ALLOW_ARG(openat, 2, O_PATH | O_CLOEXEC),
		CONFINE_ALLOW_ARG(socket, 0, AF_UNIX),
		CONFINE_ALLOW(connect),
		CONFINE_ALLOW(exit_group),
		CONFINE_ALLOW(rt_sigreturn),
	};
	int r = confine_no_new_privs(err);

	if (r >= 0)
		r = confine_undumpable(err);
	return r < 0 ? r : confine_syscalls(rules, ARRAY_SIZE(rules), EPERM, err);
}

/* False: the monitor has ended meanwhile, and QEMU with it. */
static bool wait_alive(uint32_t seconds)
{
	struct pollfd life = { .fd = RELAY_FD_LIFE, .events = POLLIN };

	return poll(&life, 1, (int)seconds * 1000) <= 0;
}

/* The target's socket is looked for by its path each time: a new target has made a new one. */
static int connect_target(const char *target, uint32_t seconds)
{
	int fd = -ESRCH;

	while (fd < 0 && wait_alive(seconds))
		fd = sock_connect_at(AT_FDCWD, target, NULL);
	return fd;
}

int relay_main(const char *target_path, const char *seconds_text, const char *name)
{
	_close_ int qemu = -EBADF, target = RELAY_FD_TARGET;
	struct front front = { .dir = -EBADF, .name = name };
	struct err err = {};
	uint32_t seconds;
	int r = num_u32(seconds_text, 0, 3600, &seconds);

	if (r >= 0 && !*name)
		r = qemu = give_socket(&front);
	if (r >= 0)
		r = confine(&err);
	if (r >= 0 && *name)
		r = qemu = find_socket(&front);
	close(RELAY_FD_STARTER);
	if (r < 0) {
		err_set(&err, -r, "has no connection: %s", err.code ? err.msg : err_str(-r));
		say(target_path, err.msg);
	}
	/* When nobody listens any more QEMU is gone, or has no use for the device. */
	while (r >= 0) {
		bool gone = pass_on(qemu, target);

		if (gone)
			say(target_path, seconds ? "is gone: the guest waits for it" :
						   "is gone: the guest waits for it for ever");
		close(take_fd(qemu));
		close(take_fd(target));
		if (seconds == 0)
			break;
		r = target = connect_target(target_path, seconds);
		if (r < 0)
			break;
		if (gone)
			say(target_path, "is there again");
		r = qemu = connect_qemu(&front);
	}
	return 1;
}
