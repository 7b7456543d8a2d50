/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recvtty SOCKET [ROWSxCOLS [ROWSxCOLS]]: what a caller does with --console-socket, as runc's contrib/cmd/recvtty
 *
 * Listens at SOCKET, receives one terminal, says on standard error the text that came with it, and copies
 * terminal -> standard output and standard input -> terminal, byte by byte as they are. The first size is
 * set at once, the second at SIGUSR1. Ends with the terminal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t resize;

static void on_usr1(int sig)
{
	(void)sig;
	resize = 1;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
		return -1;
	strcpy(addr.sun_path, path);
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0 ? -1 : fd;
}

static int receive(int sock)
{
	union {
		struct cmsghdr hdr;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {};
	char name[256];
	struct iovec iov = { .iov_base = name, .iov_len = sizeof(name) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	int fd;

	c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int))) {
		errno = n < 0 ? errno : EBADMSG;
		return -1;
	}
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	fprintf(stderr, "received %.*s\n", (int)n, name);
	return fd;
}

static void set_size(int tty, const char *text)
{
	struct winsize ws = {};

	if (text && sscanf(text, "%hux%hu", &ws.ws_row, &ws.ws_col) == 2 &&
	    ioctl(tty, TIOCSWINSZ, &ws) < 0)
		perror("TIOCSWINSZ");
}

/* False at the end, also at that of a terminal (EIO). */
static int copy(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf)), done = 0, r;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	for (; done < n; done += r) {
		r = write(to, buf + done, (size_t)(n - done));
		if (r < 0)
			return 0;
	}
	return n > 0;
}

static int relay(int tty, const char *second)
{
	struct pollfd p[2] = { { .fd = tty, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };

	for (;;) {
		if (resize) {
			resize = 0;
			set_size(tty, second);
		}
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return fail("poll");
		}
		if (p[0].revents && !copy(tty, STDOUT_FILENO))
			return 0;
		if (p[1].revents && !copy(STDIN_FILENO, tty))
			p[1].fd = -1;
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_usr1 };
	int sock, conn, tty;

	if (argc < 2 || argc > 4) {
		fputs("usage: recvtty SOCKET [ROWSxCOLS [ROWSxCOLS]]\n", stderr);
		return 2;
	}
	sigaction(SIGUSR1, &sa, NULL);
	sock = listen_at(argv[1]);
	if (sock < 0)
		return fail(argv[1]);
	do
		conn = accept(sock, NULL, NULL);
	while (conn < 0 && errno == EINTR);
	if (conn < 0)
		return fail("accept");
	tty = receive(conn);
	if (tty < 0)
		return fail("receive");
	set_size(tty, argc > 2 ? argv[2] : NULL);
	return relay(tty, argc > 3 ? argv[3] : NULL);
}
