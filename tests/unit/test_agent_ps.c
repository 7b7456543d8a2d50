/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/ps.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/unit.h"

#define NUMBERS " S 1 5 5 0 -1 4194560 67 0 0 0 1 2 0 0 20 0 1 0 100 4096 10"

START_TEST(cuts_the_line_behind_rss)
{
	static const struct {
		const char *line, *want; /* NULL: not one */
	} cases[] = {
		{ "5 (sh)" NUMBERS " 184 1 2 3\n", "5 (sh)" NUMBERS },
		{ "5 (sh)" NUMBERS "\n", "5 (sh)" NUMBERS },
		/* a name that looks like the rest of a line */
		{ "5 (x) R 9 9 9 (y)" NUMBERS " 7\n", "5 (x) R 9 9 9 (y)" NUMBERS },
		{ "5 (a b c)" NUMBERS " 7\n", "5 (a b c)" NUMBERS },
		{ "5 (sh) S 1 2 3\n", NULL },
		{ "", NULL },
		{ "5 sh S 1\n", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char line[256];

		snprintf(line, sizeof(line), "%s", cases[i].line);
		ck_assert_msg(ps_cut_stat(line) == (cases[i].want != NULL), "%s", cases[i].line);
		if (cases[i].want)
			ck_assert_str_eq(line, cases[i].want);
	}
}

START_TEST(joins_arguments)
{
	char two[] = "sh\0-c\0a b\0", none[] = "", ends[] = "x\0\0\0", empty[] = "a\0\0b\0";

	ps_join_command(two, sizeof(two) - 1);
	ck_assert_str_eq(two, "sh -c a b");
	ps_join_command(none, 0);
	ck_assert_str_eq(none, "");
	ps_join_command(ends, sizeof(ends) - 1);
	ck_assert_str_eq(ends, "x");
	ps_join_command(empty, sizeof(empty) - 1);
	ck_assert_str_eq(empty, "a  b");
}

START_TEST(reads_a_process)
{
	struct ps ps = { .proc_fd = open("/proc", O_PATH), .list = json_array() };
	_json_ json_t *result = NULL;
	const json_t *p;
	char pid[32];

	ck_assert_int_eq(ps_add(getpid(), &ps), 0);
	ck_assert_int_eq(ps_add(0x7ffffff0, &ps), 0); /* no such process */
	result = ps_result(&ps);
	json_decref(ps.list);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "processes")), 1);
	p = json_array_get(json_object_get(result, "processes"), 0);
	ck_assert_int_eq(js_get_int(p, "uid", -1), geteuid());
	snprintf(pid, sizeof(pid), "%d (", getpid());
	ck_assert_msg(!strncmp(js_get_str(p, "stat"), pid, strlen(pid)), "%s",
		      js_get_str(p, "stat"));
	ck_assert_ptr_nonnull(strstr(js_get_str(p, "command"), "test_agent_ps"));
	ck_assert_int_eq(js_get_int(result, "left_out", -1), 0);
	ck_assert_int_eq(js_get_int(result, "ticks", -1), sysconf(_SC_CLK_TCK));
	ck_assert_int_gt(js_get_int(result, "uptime", -1), 0);
	close(ps.proc_fd);
}

/* A child whose command line is all backslashes, control characters and broken UTF-8, as long as it may be. */
static pid_t hostile_child(void)
{
	static char arg[20000];
	int ready[2];
	char byte;
	pid_t pid;

	for (size_t i = 0; i < sizeof(arg) - 1; i++)
		arg[i] = "\\\x1b\"\xff"[i % 4];
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", arg, "-c", "read x", NULL);
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 0); /* executed */
	close(ready[0]);
	return pid;
}

START_TEST(stays_within_its_room)
{
	struct ps ps = { .proc_fd = open("/proc", O_PATH), .list = json_array() };
	int in[2];

	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	dup2(in[0], 0);
	pid_t pid = hostile_child();
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(ps_add(pid, &ps), 0);
	_json_ json_t *result = ps_result(&ps);
	_free_ char *text = js_dump(result);
	size_t n = json_array_size(ps.list);

	ck_assert_uint_gt(n, 10);
	ck_assert_uint_eq(n + ps.left_out, 1000);
	ck_assert_int_eq(js_get_int(result, "left_out", -1), (json_int_t)ps.left_out);
	ck_assert_uint_le(strlen(text), PS_TOTAL_MAX + 1024);
	/* cleaned: no control character has been escaped */
	ck_assert_ptr_null(strstr(text, "\\u00"));
	ck_assert_uint_le(strlen(js_get_str(json_array_get(ps.list, 0), "command")), PS_COMMAND_MAX);
	close(in[1]);
	waitpid(pid, NULL, 0);
	json_decref(ps.list);
	close(ps.proc_fd);
}

UNIT_MAIN("agent_ps", cuts_the_line_behind_rss, joins_arguments, reads_a_process,
	  stays_within_its_room)
