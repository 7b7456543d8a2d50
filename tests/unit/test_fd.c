/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "tests/unit/unit.h"

START_TEST(closing)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int number = fd;

	errno = EBUSY;
	fd = fd_close(fd);
	ck_assert_int_eq(fd, -EBADF);
	ck_assert_int_eq(fcntl(number, F_GETFD), -1);
	errno = EBUSY;
	ck_assert_int_eq(fd_close(-EBADF), -EBADF);
	ck_assert_int_eq(fd_close(number), -EBADF); /* closed already: errno stays */
	ck_assert_int_eq(errno, EBUSY);
}
END_TEST

START_TEST(flags)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(fd_set_nonblock(fd, true), 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fd_set_nonblock(fd, false), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fd_set_cloexec(fd, false), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(fd_set_cloexec(fd, true), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	ck_assert_int_eq(fd_set_nonblock(fd, true), -EBADF);
	ck_assert_int_eq(fd_set_cloexec(fd, true), -EBADF);
}
END_TEST

START_TEST(duplicate)
{
	/* Not below 3 even if that is free. */
	close(0);
	int copy = fd_dup(2);

	ck_assert_int_ge(copy, 3);
	ck_assert_int_eq(fcntl(copy, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fd_dup(-1), -EBADF);
	close(copy);
}
END_TEST

START_TEST(fill_stdio)
{
	struct stat st, null;

	ck_assert_int_eq(stat("/dev/null", &null), 0);
	close(0);
	close(2);
	ck_assert_int_eq(fd_fill_stdio(), 0);
	for (int i = 0; i <= 2; i += 2) {
		ck_assert_int_eq(fstat(i, &st), 0);
		ck_assert(st.st_rdev == null.st_rdev);
	}
	int before = unit_count_fds();
	ck_assert_int_eq(fd_fill_stdio(), 0);
	ck_assert_int_eq(unit_count_fds(), before);
}
END_TEST

START_TEST(close_from)
{
	int fd = fcntl(1, F_DUPFD_CLOEXEC, 100);
	int high = fcntl(1, F_DUPFD_CLOEXEC, 200);

	ck_assert_int_eq(fd, 100);
	fd_close_from(101);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(fcntl(high, F_GETFD), -1);
	close(fd);
}
END_TEST

START_TEST(ownership)
{
	char *p = strdup("x"), *q = take_ptr(p);
	int fd = 5, other = take_fd(fd);

	ck_assert_ptr_null(p);
	ck_assert_str_eq(q, "x");
	ck_assert_int_eq(fd, -EBADF);
	ck_assert_int_eq(other, 5);
	free(q);
	errno = EBUSY;
	{
		_free_ char *scoped = strdup("y");
		_close_ int none = -EBADF;

		ck_assert_ptr_nonnull(scoped);
		(void)none;
	}
	ck_assert_int_eq(errno, EBUSY);
}
END_TEST

UNIT_MAIN("fd", closing, flags, duplicate, fill_stdio, close_from, ownership)
