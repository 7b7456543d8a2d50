/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		/* Never repeated: Linux has released the number even on EINTR. */
		close(fd);
		errno = saved;
	}
	return -EBADF;
}

static int set_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);

	if (flags < 0)
		return -errno;
	int want = on ? flags | flag : flags & ~flag;
	if (want != flags && fcntl(fd, set, want) < 0)
		return -errno;
	return 0;
}

int fd_set_nonblock(int fd, bool on)
{
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int fd_set_cloexec(int fd, bool on)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

int fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

int fd_fill_stdio(void)
{
	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) >= 0)
			continue;
		if (errno != EBADF)
			return -errno;
		/* The lowest free number, which is i; not close-on-exec, as standard streams are. */
		if (open("/dev/null", O_RDWR | O_NOCTTY) < 0)
			return -errno;
	}
	return 0;
}

void fd_close_from(int from)
{
	close_range((unsigned int)(from < 0 ? 0 : from), ~0U, 0);
}
