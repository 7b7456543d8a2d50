/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int option_of(int fd, int option)
{
	socklen_t len;
	int v = 0;

	len = sizeof(v);
	return getsockopt(fd, SOL_SOCKET, option, &v, &len) < 0 ? -errno : v;
}

/* What cannot be had by copying bytes; NULL: it can. */
static const char *not_a_stream(int fd, const struct stat *st, int mode)
{
	if (mode & O_PATH)
		return "is only a path";
	if (S_ISDIR(st->st_mode))
		return "is a directory";
	if (S_ISBLK(st->st_mode))
		return "is a block device";
	if (S_ISREG(st->st_mode) && (mode & O_ACCMODE) == O_RDWR)
		return "is a file that is open for reading and writing";
	if (S_ISSOCK(st->st_mode) && option_of(fd, SO_ACCEPTCONN) != 0)
		return "is a listening socket";
	if (S_ISSOCK(st->st_mode) && option_of(fd, SO_TYPE) != SOCK_STREAM)
		return "is a socket of datagrams";
	if (!S_ISREG(st->st_mode) && !S_ISSOCK(st->st_mode) && !S_ISFIFO(st->st_mode) &&
	    !S_ISCHR(st->st_mode))
		return "is no file";
	return NULL;
}

int passed_look(int fd, struct passed *ret, struct err *err)
{
	int mode = fcntl(fd, F_GETFL);
	const char *why;
	struct stat st;

	/* What was inherited is not close-on-exec, all that we open ourselves is. */
	if (mode >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC)
		return err_errno(err, EBADF, "--preserve-fds: descriptor %d", fd);
	if (mode < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "--preserve-fds: descriptor %d", fd);
	why = not_a_stream(fd, &st, mode);
	if (why)
		return err_set(
			err, ENOTSUP,
			"--preserve-fds: descriptor %d %s, which cannot be passed into a virtual machine",
			fd, why);
	ret->in = (mode & O_ACCMODE) != O_WRONLY;
	ret->out = (mode & O_ACCMODE) != O_RDONLY;
	return 0;
}

int passed_check(unsigned int n, struct passed ret[WIRE_PASSED_MAX], struct err *err)
{
	int r = 0;

	if (n > WIRE_PASSED_MAX)
		return err_set(err, EINVAL, "--preserve-fds %u: at most %d", n, WIRE_PASSED_MAX);
	for (unsigned int i = 0; i < n && r >= 0; i++)
		r = passed_look(PASSED_FIRST + (int)i, &ret[i], err);
	return r;
}

json_t *passed_describe(const struct passed *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		json_array_append_new(list, json_pack("{s:b, s:b}", "in", (int)v[i].in, "out",
						      (int)v[i].out));
	return list;
}
