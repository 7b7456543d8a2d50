/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libruntime/passed.h"
#include "tests/unit/unit.h"

/* Each is closed. */
static void refused(int fd, const char *why)
{
	struct err err = { 0 };
	struct passed p;

	ck_assert_int_ge(fd, 0);
	unit_fails(passed_look(fd, &p, &err), ENOTSUP, &err, why);
	close(fd);
}

static void passes(int fd, bool in, bool out)
{
	struct err err = { 0 };
	struct passed p;

	ck_assert_int_ge(fd, 0);
	unit_ok(passed_look(fd, &p, &err), &err);
	ck_assert(p.in == in && p.out == out);
	close(fd);
}

START_TEST(kinds)
{
	int pipe_fd[2], socket_fd[2], s;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, socket_fd), 0);
	passes(pipe_fd[0], true, false);
	passes(pipe_fd[1], false, true);
	passes(socket_fd[0], true, true);
	close(socket_fd[1]);
	passes(open("/dev/null", O_RDWR), true, true);
	passes(open("/proc/self/exe", O_RDONLY), true, false);
	refused(open("/", O_RDONLY | O_DIRECTORY), " is a directory");
	refused(open("/dev/null", O_PATH), "is only a path");
	refused(open("/tmp", O_TMPFILE | O_RDWR, 0600), "open for reading and writing");
	refused(socket(AF_UNIX, SOCK_DGRAM, 0), "datagrams");
	s = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(listen(s, 1), 0);
	refused(s, "listening");
}
END_TEST

START_TEST(not_there)
{
	struct passed p[WIRE_PASSED_MAX];
	struct err err = { 0 };
	int ours = open("/dev/null", O_RDONLY | O_CLOEXEC);

	unit_fails(passed_look(ours, &p[0], &err), EBADF, &err, "descriptor");
	close(ours);
	unit_fails(passed_look(ours, &p[0], &err), EBADF, &err, "descriptor");
	unit_fails(passed_check(WIRE_PASSED_MAX + 1, p, &err), EINVAL, &err, "at most");
	unit_ok(passed_check(0, p, &err), &err);
}
END_TEST

UNIT_MAIN("passed", kinds, not_there)
