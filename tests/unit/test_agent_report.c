/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "agent/report.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/sock.h"
#include "tests/unit/unit.h"

static int ends[2];

static void set_up(void)
{
	ck_assert_int_eq(report_pair(ends), 0);
	fd_set_nonblock(ends[0], true);
}

START_TEST(packets)
{
	char longer[8192];
	struct report r;
	int fds[2];

	set_up();
	ck_assert_int_eq(report_recv(ends[0], &r, fds), -EAGAIN);
	ck_assert_int_eq(report_send(ends[1], REPORT_LOG, 2, "hello", NULL, 0), 0);
	ck_assert_int_eq(report_send(ends[1], REPORT_READY, 0, "", NULL, 0), 0);
	ck_assert_int_eq(report_recv(ends[0], &r, fds), 1);
	ck_assert_int_eq(r.kind, REPORT_LOG);
	ck_assert_int_eq(r.code, 2);
	ck_assert_str_eq(r.text, "hello");
	ck_assert_int_eq(report_recv(ends[0], &r, fds), 1);
	ck_assert_int_eq(r.kind, REPORT_READY);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(report_send(ends[1], REPORT_ERROR, ENOENT, longer, NULL, 0), 0);
	ck_assert_int_eq(report_recv(ends[0], &r, fds), 1);
	ck_assert_uint_eq(strlen(r.text), sizeof(r.text) - 1);
	close(ends[1]);
	ck_assert_int_eq(report_recv(ends[0], &r, fds), 0);
	close(ends[0]);
}
END_TEST

START_TEST(terminals)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[2], before;
	struct report r;

	set_up();
	before = unit_count_fds();
	ck_assert_int_eq(report_send(ends[1], REPORT_TTY, 0, "", (int[]){ null, null }, 2), 0);
	ck_assert_int_eq(report_recv(ends[0], &r, fds), 1);
	ck_assert(fds[0] >= 0 && fds[1] >= 0 && fcntl(fds[0], F_GETFD) == FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	/* Descriptors where none belong, and none where they do, are refused and closed. */
	ck_assert_int_eq(report_send(ends[1], REPORT_READY, 0, "", (int[]){ null }, 1), 0);
	ck_assert_int_eq(report_recv(ends[0], &r, fds), -EPROTO);
	ck_assert_int_eq(report_send(ends[1], REPORT_TTY, 0, "", (int[]){ null }, 1), 0);
	ck_assert_int_eq(report_recv(ends[0], &r, fds), -EPROTO);
	ck_assert_int_eq(sock_send_fds(ends[1], "short", 5, NULL, 0), 0);
	ck_assert_int_eq(report_recv(ends[0], &r, fds), -EPROTO);
	ck_assert_int_eq(unit_count_fds(), before);
	close(null);
}
END_TEST

UNIT_MAIN("agent_report", packets, terminals)
