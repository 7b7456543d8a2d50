/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of a QMP connection by themselves. */
#include <errno.h>
#include <string.h>

#include "hypervisor/qmp_message.h"
#include "tests/unit/unit.h"

static size_t count_lines(struct qmp_lines *l, struct err *err)
{
	const char *line;
	size_t len, n = 0;
	int r;

	while ((r = qmp_lines_next(l, &line, &len, err)) > 0) {
		ck_assert_ptr_null(memchr(line, '\n', len));
		n++;
	}
	return r < 0 ? (size_t)r : n;
}

START_TEST(framing)
{
	struct qmp_lines l = { 0 };
	struct err err = { 0 };
	const char *line;
	size_t len;

	ck_assert_int_eq(qmp_lines_next(&l, &line, &len, &err), 0);
	unit_ok(qmp_lines_add(&l, "ab\r\n\ncd\r", 8, &err), &err);
	ck_assert_int_eq(qmp_lines_next(&l, &line, &len, &err), 1);
	ck_assert_msg(len == 2 && memcmp(line, "ab", 2) == 0, "%.*s", (int)len, line);
	ck_assert_int_eq(qmp_lines_next(&l, &line, &len, &err), 1);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(qmp_lines_next(&l, &line, &len, &err), 0);
	ck_assert_int_eq(qmp_lines_next(&l, &line, &len, &err), 0);
	unit_ok(qmp_lines_add(&l, "e\n", 2, &err), &err);
	ck_assert_int_eq(qmp_lines_next(&l, &line, &len, &err), 1);
	ck_assert_msg(len == 4 && memcmp(line, "cd\re", 4) == 0, "%.*s", (int)len, line);
	qmp_lines_done(&l);
	qmp_lines_done(&l);
}
END_TEST

/* Memory stays bounded however the lines are cut. */
START_TEST(framing_bounds)
{
	struct qmp_lines l = { 0 };
	struct err err = { 0 };
	char chunk[5000];
	size_t n = 0;

	memset(chunk, 'x', sizeof(chunk));
	chunk[2499] = '\n';
	for (int i = 0; i < 2000; i++) {
		unit_ok(qmp_lines_add(&l, chunk, sizeof(chunk), &err), &err);
		n += count_lines(&l, &err);
	}
	ck_assert_uint_eq(n, 2000);
	ck_assert_uint_lt(l.buf.len, 200000);
	chunk[2499] = 'x';
	for (int i = 0; i < 300 && err.code == 0; i++) {
		if (qmp_lines_add(&l, chunk, sizeof(chunk), &err) == 0)
			count_lines(&l, &err);
	}
	ck_assert_int_eq(err.code, EMSGSIZE);
	ck_assert_uint_lt(l.buf.len, 1300000);
	qmp_lines_done(&l);

	/* Lines that nobody takes. */
	err.code = 0;
	chunk[10] = '\n';
	for (int i = 0; i < 1000 && err.code == 0; i++)
		qmp_lines_add(&l, chunk, sizeof(chunk), &err);
	ck_assert_int_eq(err.code, EMSGSIZE);
	qmp_lines_done(&l);
}
END_TEST

UNIT_MAIN("qmp_lines", framing, framing_bounds)
