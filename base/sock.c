/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"

/* SCM_MAX_FD: no message carries more, so a buffer of this size never cuts the list. */
#define KERNEL_MAX_FDS 253

int sock_listen_at(int dirfd, const char *name, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;

	/* Whatever the length of the way to it, the directory is one short number. */
	_free_ char *parent = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
	if (!parent)
		return err_errno(err, ENOMEM, "listen at '%s'", name);
	_close_ int dir = openat(dirfd, parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "listen at '%s': open its directory", name);
	int n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", path_of_fd(dir).s, base);
	if (*base == '\0' || (size_t)n >= sizeof(addr.sun_path))
		return err_errno(err, *base ? ENAMETOOLONG : EINVAL, "listen at '%s'", name);

	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "socket");
	/* bind(2) gives the file the mode of the socket: it is 0600 from its first moment. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(err, errno, "bind '%s'", name);
	if (listen(fd, SOMAXCONN) < 0) {
		int r = err_errno(err, errno, "listen at '%s'", name);

		unlinkat(dir, base, 0);
		return r;
	}
	return take_fd(fd);
}

int sock_connect_at(int dirfd, const char *name, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int r;

	/* Connecting through a descriptor of the socket file itself takes names of any length. */
	_close_ int file = openat(dirfd, name, O_PATH | O_CLOEXEC);
	if (file < 0)
		return err_errno(err, errno, "connect to '%s'", name);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path_of_fd(file).s);

	_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, errno, "socket");
	do {
		r = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(err, errno, "connect to '%s'", name);
	return take_fd(fd);
}

int sock_pair(int ret[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret) < 0)
		return err_errno(err, errno, "socketpair");
	return 0;
}

int sock_send_fds(int sock, const void *data, size_t len, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (n_fds > SOCK_MAX_FDS || (n_fds > 0 && len == 0))
		return -EINVAL;
	if (n_fds > 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *c = &control.align; /* CMSG_FIRSTHDR() */
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	while (iov.iov_len > 0) {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		/* The descriptors went with the first byte. */
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
	}
	return 0;
}

/* All descriptors of a received message. Returns their number; got has room for every possible one. */
static size_t collect(struct msghdr *msg, int got[KERNEL_MAX_FDS])
{
	size_t n_got = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > KERNEL_MAX_FDS - n_got)
			n = KERNEL_MAX_FDS - n_got;
		memcpy(got + n_got, CMSG_DATA(c), n * sizeof(int));
		n_got += n;
	}
	return n_got;
}

ssize_t sock_recv_fds(int sock, void *data, size_t len, int *fds, size_t *n_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(KERNEL_MAX_FDS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	size_t room = n_fds ? *n_fds : 0;
	int got[KERNEL_MAX_FDS];
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	size_t n_got = collect(&msg, got);
	bool cut = msg.msg_flags & MSG_CTRUNC;
	if (cut || n_got > room) {
		for (size_t i = 0; i < n_got; i++)
			fd_close(got[i]);
		return cut ? -EPROTO : -EMFILE;
	}
	if (n_got)
		memcpy(fds, got, n_got * sizeof(int));
	if (n_fds)
		*n_fds = n_got;
	return n;
}

int sock_peer_uid(int sock, uid_t *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	/* Nobody connected: pid 0 and uid -1. */
	if (cred.uid == (uid_t)-1)
		return -ENOTCONN;
	*ret = cred.uid;
	return 0;
}
