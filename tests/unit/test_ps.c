/* SPDX-License-Identifier: Apache-2.0 */
/* What the host makes of a guest's report of processes, and the table that it prints. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/ps_table.h"
#include "libruntime/ps.h"
#include "tests/unit/unit.h"

static int decode(const char *text, struct moat_processes *ret, struct err *err)
{
	_json_ json_t *v = NULL;

	unit_ok(js_parse(text, strlen(text), NULL, &v, err), err);
	return ps_decode(v, ret, err);
}

#define LIST(stat, uid, command)                                                        \
	"{\"processes\":[{\"uid\":" uid ",\"stat\":\"" stat "\",\"command\":\"" command \
	"\"}],\"left_out\":0,\"uptime\":100000,\"ticks\":100}"

START_TEST(decodes)
{
	struct moat_processes l = {};
	struct err err = {};

	unit_ok(decode(LIST("42 (a) b) R 7 42 41 34816 -1 1 0 0 0 0 30 12 0 0 20 -5 3 0 99000 4096 25",
			    "1000", "x y"),
		       &l, &err),
		&err);
	ck_assert_uint_eq(l.n, 1);
	ck_assert_int_eq(l.v[0].pid, 42);
	ck_assert_int_eq(l.v[0].ppid, 7);
	ck_assert_int_eq(l.v[0].session, 41);
	ck_assert_uint_eq(l.v[0].tty, 34816);
	ck_assert_uint_eq(l.v[0].used, 42);
	ck_assert_int_eq(l.v[0].nice, -5);
	ck_assert_int_eq(l.v[0].threads, 3);
	ck_assert_uint_eq(l.v[0].start, 99000);
	ck_assert_uint_eq(l.v[0].vsize, 4096);
	ck_assert_uint_eq(l.v[0].rss, 25);
	ck_assert_uint_eq(l.v[0].uid, 1000);
	ck_assert_int_eq(l.v[0].state, 'R');
	ck_assert_str_eq(l.v[0].name, "a) b");
	ck_assert_str_eq(l.v[0].command, "x y");
	rt_processes_done(&l);
}

#define NUMBERS "1 1 1 0 -1 1 0 0 0 0 3 1 0 0 20 0 1 0 1 4096 2"

START_TEST(refuses_what_is_malformed)
{
	static const char *const bad[] = {
		"{}",
		"{\"processes\":{},\"ticks\":100}",
		"{\"processes\":[]}",
		"{\"processes\":[],\"ticks\":0}",
		"{\"processes\":[],\"ticks\":-5}",
		"{\"processes\":[1],\"ticks\":100}",
		"{\"processes\":[{}],\"ticks\":100}",
		"{\"processes\":[{\"stat\":\"1 (a) S " NUMBERS "\"}],\"ticks\":100}",
		LIST("", "0", ""),
		LIST("1", "0", ""),
		LIST("1 (a", "0", ""),
		LIST("(a) S " NUMBERS, "0", ""),
		LIST("1 )a( S " NUMBERS, "0", ""),
		LIST("0 (a) S " NUMBERS, "0", ""),
		LIST("-1 (a) S " NUMBERS, "0", ""),
		LIST("2147483648 (a) S " NUMBERS, "0", ""),
		LIST("1 (a)", "0", ""),
		LIST("1 (a) S", "0", ""),
		LIST("1 (a) S ", "0", ""),
		LIST("1 (a) SS " NUMBERS, "0", ""),
		LIST("1 (a) S " NUMBERS " 5", "0", ""),
		LIST("1 (a) S 1 2 x", "0", ""),
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct moat_processes l = {};
		struct err err = {};

		ck_assert_msg(decode(bad[i], &l, &err) == -EPROTO, "%s: %s", bad[i], err.msg);
		ck_assert_ptr_null(l.v);
	}
}

START_TEST(takes_extremes)
{
#define HUGE "18446744073709551615"
	struct moat_processes l = {};
	struct err err = {};

	unit_ok(decode(LIST("1 (" HUGE HUGE HUGE HUGE ") S " HUGE " " HUGE " " HUGE " " HUGE " " HUGE
			    " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE
			    " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE " " HUGE,
			    "-1", ""),
		       &l, &err),
		&err);
	ck_assert_uint_eq(l.v[0].used, INT64_MAX);
	ck_assert_uint_eq(strlen(l.v[0].name), sizeof(l.v[0].name) - 1);
	rt_processes_done(&l);
}

START_TEST(cleans_texts)
{
	struct moat_processes l = {};
	struct err err = {};

	unit_ok(decode(LIST("1 (a\\u001b[31m) S " NUMBERS, "0", "b\\u0007\\u009bc\\nd"), &l, &err),
		&err);
	ck_assert_str_eq(l.v[0].name, "a?[31m");
	ck_assert_str_eq(l.v[0].command, "b??c d");
	rt_processes_done(&l);
}

/* ---- the table ---- */

static char out[8192];

static void print(const struct moat_processes *l, char *const *options, time_t now)
{
	struct ps_table t;
	struct err err = {};
	FILE *f = fmemopen(out, sizeof(out), "w");

	unit_ok(ps_table_parse(options, &t, &err), &err);
	ps_table_print(&t, l, now, f);
	fclose(f);
}

static struct moat_process_info some[] = {
	{ .pid = 108,
	  .ppid = 1,
	  .session = 108,
	  .threads = 1,
	  .state = 'S',
	  .name = "sleep",
	  .command = (char *)"sleep 1000",
	  .used = 6170,
	  .start = 1000,
	  .vsize = 4096000,
	  .rss = 300 },
	{ .pid = 1234567,
	  .ppid = 108,
	  .session = 108,
	  .threads = 2,
	  .nice = 5,
	  .uid = 1000,
	  .tty = 136 << 8 | 3,
	  .state = 'Z',
	  .name = "dead",
	  .command = (char *)"",
	  .used = 8640000,
	  .start = 8650000 },
};
static const struct moat_processes list = { .v = some, .n = 2, .uptime = 8650000, .ticks = 100 };

/* 2026-11-25 12:00:00 UTC */
#define NOON 1795608000

START_TEST(full_format)
{
	setenv("TZ", "UTC", 1);
	print(&list, NULL, NOON);
	ck_assert_str_eq(out,
			 "UID          PID    PPID  C STIME TTY          TIME CMD\n"
			 "root         108       1  0 Nov24 ?        00:01:01 sleep 1000\n"
			 "1000     1234567     108  0 12:00 pts/3    1-00:00:00 [dead] <defunct>\n");
	print(&list, (char *[]){ (char *)"-ef", NULL }, NOON);
	ck_assert_ptr_nonnull(strstr(out, "UID          PID    PPID  C STIME"));
}

START_TEST(chosen_columns)
{
	setenv("TZ", "UTC", 1);
	print(&list,
	      (char *[]){ (char *)"-e", (char *)"-o", (char *)"pid,stat,comm,ni", (char *)"-ocmd",
			  NULL },
	      NOON);
	ck_assert_str_eq(out, "    PID STAT COMMAND          NI CMD\n"
			      "    108 Ss   sleep             0 sleep 1000\n"
			      "1234567 ZNl  dead <defunct>    5 [dead] <defunct>\n");
	print(&list, (char *[]){ (char *)"o", (char *)"user pid,etime,vsz,rss,s,pcpu,tty", NULL },
	      NOON);
	ck_assert_str_eq(out, "USER         PID     ELAPSED    VSZ   RSS S %CPU TT\n"
			      "root         108  1-00:01:30   4000  1200 S  0.0 ?\n"
			      "1000     1234567       00:00      0     0 Z  0.0 pts/3\n");
}

START_TEST(options_that_are_none)
{
	static const struct {
		const char *a, *b, *message;
	} cases[] = {
		{ "aux", NULL, "ps options: 'u' is not supported" },
		{ "-o", NULL, "-o needs a list" },
		{ "-o", "pid,bogus", "no column 'bogus'" },
		{ "-o", "pi", "no column 'pi'" },
		{ "-o", "comm", "couldn't find PID field in ps output" },
		{ "--sort=pid", NULL, "not supported" },
		{ "-o",
		  "pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,"
		  "pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid,pid",
		  "more than 32" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *options[] = { (char *)cases[i].a, (char *)cases[i].b, NULL };
		struct ps_table t;
		struct err err = {};

		unit_fails(ps_table_parse(options, &t, &err), EINVAL, &err, cases[i].message);
	}
}

UNIT_MAIN("ps", decodes, refuses_what_is_malformed, takes_extremes, cleans_texts, full_format,
	  chosen_columns, options_that_are_none)
