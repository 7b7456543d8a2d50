// SPDX-License-Identifier: Apache-2.0
#include "standin/sio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"

#define TTYAUX_MAJOR 5 /* /dev/tty, /dev/console, /dev/ptmx */

/*
 * Opening these again gives the same pipe or terminal. Not so for a pty master
 * (a new pair) and /dev/tty (another session's terminal); and what other
 * devices do when they are opened, nobody knows.
 */
static int can_reopen(int fd, const struct stat *st)
{
	return S_ISFIFO(st->st_mode) ||
	       (S_ISCHR(st->st_mode) && major(st->st_rdev) != TTYAUX_MAJOR && isatty(fd));
}

/* Puts an open file of our own in the place of fd. Fails for a pipe whose reader is gone. */
static int reopen(int fd)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0 || (mode & O_PATH))
		return -EBADF;
	_close_ int own = open(path_of_fd(fd).s,
			       (mode & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	return dup3(own, fd, O_CLOEXEC) < 0 ? -errno : 0;
}

void sio_init(struct sio *s, int fd)
{
	struct stat st;

	*s = (struct sio){ .fd = fd, .kind = SIO_SHARED };
	if (fstat(fd, &st) < 0)
		s->fd = -EBADF;
	else if (S_ISSOCK(st.st_mode))
		s->kind = SIO_SOCKET;
	else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode))
		s->kind = SIO_FILE;
	else if (can_reopen(fd, &st) && reopen(fd) == 0)
		s->kind = SIO_OWN;
}

/* -EAGAIN unless the descriptor is ready (or broken: the transfer will tell). */
static int shared_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r = poll(&p, 1, 0);

	return r > 0 ? 0 : r == 0 ? -EAGAIN : -errno;
}

ssize_t sio_read(struct sio *s, void *buf, size_t len)
{
	ssize_t n;
	int r;

	if (s->kind == SIO_SHARED) {
		r = shared_ready(s->fd, POLLIN);
		if (r < 0)
			return r;
	}
	n = s->kind == SIO_SOCKET ? recv(s->fd, buf, len, MSG_DONTWAIT) : read(s->fd, buf, len);
	if (n >= 0)
		return n;
	return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

ssize_t sio_write(struct sio *s, const void *data, size_t len)
{
	ssize_t n;
	int r;

	if (s->kind == SIO_SHARED) {
		r = shared_ready(s->fd, POLLOUT);
		if (r < 0)
			return r;
		if (len > PIPE_BUF)
			len = PIPE_BUF;
	}
	n = s->kind == SIO_SOCKET ? send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) :
				    write(s->fd, data, len);
	if (n >= 0)
		return n;
	return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

void sio_close(struct sio *s)
{
	s->fd = fd_close(s->fd);
}
