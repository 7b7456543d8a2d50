// SPDX-License-Identifier: Apache-2.0
/* Beginning, signals and end of a stand-in. */
#include "base/io.h"
#include "tests/unit/test_standin.h"
#include "wire/frame.h"

static const struct rig_options init = { 0 }, exec = { .no_pidns = true };
static struct rig rig;

static void exit_with(const char *event, const struct rig_options *o, int code, int sig)
{
	rig_init(&rig);
	rig_start(&rig, o);
	rig_put_text(&rig, WIRE_EVENT, 0, event);
	int status = rig_wait(&rig);
	if (sig) {
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == sig, "%s: status %x",
			      event, status);
		ck_assert_msg(!WCOREDUMP(status), "%s", event);
	} else {
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "%s: status %x",
			      event, status);
	}
	rig_done(&rig);
}

START_TEST(exit_codes)
{
	exit_with("{\"event\":\"exit\",\"code\":0}", &init, 0, 0);
	exit_with("{\"event\":\"exit\",\"code\":7}", &init, 7, 0);
	exit_with("{\"event\":\"exit\",\"code\":255}", &exec, 255, 0);
	exit_with("{\"event\":\"exit\",\"signal\":9}", &init, 137, 0);
	exit_with("{\"event\":\"exit\",\"signal\":15}", &init, 143, 0);
	exit_with("{\"event\":\"exit\",\"signal\":64}", &init, 192, 0);
	exit_with("{\"event\":\"exit\",\"signal\":9}", &exec, 0, 9);
	exit_with("{\"event\":\"exit\",\"signal\":15}", &exec, 0, 15);
	exit_with("{\"event\":\"exit\",\"signal\":11}", &exec, 0, 11);
	exit_with("{\"event\":\"exit\",\"signal\":13}", &exec, 0, 13);
	exit_with("{\"event\":\"exit\",\"signal\":40}", &exec, 0, 40);
	exit_with("{\"event\":\"exit\",\"signal\":19}", &exec, 128 + 19,
		  0); /* would stop it for ever */
	exit_with("{\"event\":\"exit\",\"signal\":17}", &exec, 128 + 17, 0);
	exit_with("{\"event\":\"other\"}{\"event\":\"exit\",\"code\":1}", &init, 137,
		  0); /* malformed */
	exit_with("{\"event\":\"exit\",\"code\":256}", &init, 137, 0);
	exit_with("{\"event\":\"exit\",\"code\":-1}", &init, 137, 0);
	exit_with("{\"event\":\"exit\",\"signal\":65}", &init, 137, 0);
	exit_with("{\"event\":\"exit\"}", &init, 137, 0);
}
END_TEST

/* Every signal that can be sent arrives, as PID 1 of a namespace and without. */
static void all_signals(const struct rig_options *o)
{
	char want[64];

	rig_init(&rig);
	rig_start(&rig, o);
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP || sig == SIGCHLD || sig == SIGPIPE ||
		    sig == 32 || sig == 33)
			continue;
		ck_assert_int_eq(kill(rig.pid, sig), 0);
		snprintf(want, sizeof(want), "{\"event\":\"signal\",\"signal\":%d}", sig);
		rig_expect(&rig, WIRE_EVENT, 0, want);
	}
	kill(rig.pid, SIGPIPE);
	kill(rig.pid, SIGCHLD);
	struct wire_frame f;
	ck_assert(!rig_get(&rig, &f, 50));
	ck_assert_int_eq(waitpid(rig.pid, NULL, WNOHANG), 0);
	/* stopped and continued it goes on; the kernel reports SIGCONT as a signal like others */
	kill(rig.pid, SIGSTOP);
	kill(rig.pid, SIGCONT);
	rig_expect(&rig, WIRE_EVENT, 0, "{\"event\":\"signal\",\"signal\":18}");
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":3}");
	rig_expect_exit(&rig, 3);
	rig_done(&rig);
}

START_TEST(signals)
{
	all_signals(&init);
	all_signals(&exec);
}
END_TEST

/* Signals that come before the monitor listens wait in the kernel. */
START_TEST(early_signals)
{
	rig_init(&rig);
	rig_spawn(&rig, &init);
	rig_send_setup(&rig);
	rig_expect_ok(&rig);
	kill(rig.pid, SIGTERM);
	kill(rig.pid, SIGUSR1);
	rig_expect_attach(&rig);
	usleep(20000);
	ck_assert_int_eq(waitpid(rig.pid, NULL, WNOHANG), 0);
	rig_put_text(&rig, WIRE_REPLY, 1, "{}");
	rig_expect(&rig, WIRE_EVENT, 0, "{\"event\":\"signal\",\"signal\":10}");
	rig_expect(&rig, WIRE_EVENT, 0, "{\"event\":\"signal\",\"signal\":15}");
	rig_done(&rig);
}
END_TEST

/* 20,000 real-time signals while the monitor takes nothing: they wait in the kernel, all arrive. */
START_TEST(signal_storm)
{
	unsigned int sent = 0, got = 0;
	struct wire_frame f;

	rig_init(&rig);
	rig_start(&rig, &init);
	while (sent < 20000) {
		union sigval v = { .sival_int = 0 };

		if (sigqueue(rig.pid, 50, v) < 0)
			break; /* RLIMIT_SIGPENDING */
		sent++;
	}
	ck_assert_uint_gt(sent, 1000);
	while (got < sent && rig_get(&rig, &f, 10000)) {
		ck_assert_str_eq((const char *)rig.buf, "{\"event\":\"signal\",\"signal\":50}");
		got++;
	}
	ck_assert_uint_eq(got, sent);
	rig_done(&rig);
}
END_TEST

START_TEST(monitor_dies)
{
	rig_init(&rig);
	rig_start(&rig, &init);
	rig_put_text(&rig, WIRE_DATA, 1, "last words");
	rig.mon = fd_close(rig.mon);
	rig_expect_exit(&rig, 137);
	char buf[32];
	ck_assert_int_eq(read(rig.out, buf, sizeof(buf)), 10);
	rig_done(&rig);

	/* before go */
	rig_init(&rig);
	rig_spawn(&rig, &exec);
	rig_send_setup(&rig);
	rig_expect_ok(&rig);
	rig.mon = fd_close(rig.mon);
	rig_expect_exit(&rig, 137);
	rig_done(&rig);
}
END_TEST

/* With output that nobody takes: a second, not for ever. */
START_TEST(monitor_dies_with_output)
{
	static const uint8_t block[WIRE_MAX_DATA];
	struct timespec a, b;

	rig_init(&rig);
	rig_start(&rig, &init);
	for (int i = 0; i < 4; i++)
		rig_put(&rig, WIRE_DATA, 1, block, sizeof(block));
	clock_gettime(CLOCK_MONOTONIC, &a);
	rig.mon = fd_close(rig.mon);
	rig_expect_exit(&rig, 137);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ck_assert_int_ge((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, 900);
	ck_assert_int_lt(b.tv_sec - a.tv_sec, 5);
	rig_done(&rig);
}
END_TEST

START_TEST(command_dies)
{
	/* before the message, in its middle, before the answer is read, before go, after the attach */
	for (int stage = 0; stage < 5; stage++) {
		rig_init(&rig);
		rig_spawn(&rig, &init);
		if (stage == 1)
			ck_assert_int_eq(io_write_all(rig.setup, "\x10\0\0\0{", 5), 0);
		if (stage >= 2)
			rig_send_setup(&rig);
		if (stage >= 3)
			rig_expect_ok(&rig);
		if (stage >= 4) {
			rig_expect_attach(&rig);
			rig_put_text(&rig, WIRE_REPLY, 1, "{}");
		}
		rig.setup = fd_close(rig.setup);
		rig_expect_exit(&rig, 1);
		char byte;
		ck_assert_int_eq(read(rig.out, &byte, 1), 0); /* nothing was said */
		ck_assert_int_eq(read(rig.err, &byte, 1), 0);
		rig_done(&rig);
	}
}
END_TEST

/* Input is not touched before go, so that a failed create eats nothing. */
START_TEST(input_waits_for_go)
{
	struct wire_frame f;
	char buf[16];

	rig_init(&rig);
	rig_spawn(&rig, &init);
	ck_assert_int_eq(io_write_all(rig.in, "typed", 5), 0);
	rig_send_setup(&rig);
	rig_expect_ok(&rig);
	rig_expect_attach(&rig);
	rig_put_text(&rig, WIRE_REPLY, 1, "{}");
	rig_put_text(&rig, WIRE_DATA, 1, "early"); /* output may flow */
	ck_assert_int_eq(io_read_all(rig.out, buf, 5), 0);
	ck_assert(!rig_get(&rig, &f, 100));
	rig_go(&rig);
	rig_expect(&rig, WIRE_DATA, 0, "typed");
	rig_done(&rig);
}
END_TEST

START_TEST(attach_refused)
{
	rig_init(&rig);
	rig_spawn(&rig, &init);
	rig_send_setup(&rig);
	rig_expect_ok(&rig);
	rig_expect_attach(&rig);
	rig_put_text(&rig, WIRE_REPLY, 1,
		     "{\"error\":{\"code\":2,\"message\":\"no such container\"}}");
	json_t *e = json_object_get(rig_recv_reply(&rig), "error");
	ck_assert_int_eq(js_get_int(e, "code", 0), ENOENT);
	ck_assert_str_eq(js_get_str(e, "message"), "no such container");
	rig_expect_exit(&rig, 1);
	rig_done(&rig);
}
END_TEST

/* A program that ends before create returns. */
START_TEST(exit_before_go)
{
	char buf[8];

	rig_init(&rig);
	rig_spawn(&rig, &exec);
	rig_send_setup(&rig);
	rig_expect_ok(&rig);
	rig_expect_attach(&rig);
	rig_put_text(&rig, WIRE_REPLY, 1, "{}");
	rig_put_text(&rig, WIRE_DATA, 1, "out");
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":4}");
	rig.mon = fd_close(rig.mon);
	ck_assert_int_eq(io_read_all(rig.out, buf, 3), 0);
	usleep(50000);
	ck_assert_int_eq(waitpid(rig.pid, NULL, WNOHANG), 0);
	rig_go(&rig);
	rig_expect_exit(&rig, 4);
	rig_done(&rig);
}
END_TEST

START_TEST(protocol_errors)
{
	static const struct {
		enum wire_type type;
		uint32_t id;
		const char *payload;
		size_t len;
	} rows[] = {
		{ WIRE_DATA, 0, "x", 1 },
		{ WIRE_DATA, 3, "x", 1 },
		{ WIRE_EOF, 0, "", 0 },
		{ WIRE_CREDIT, 0, "\1\0\0\0", 4 }, /* more than the window */
		{ WIRE_CREDIT, 0, "\xff\xff\xff\xff", 4 },
		{ WIRE_CREDIT, 1, "\1\0\0\0", 4 },
		{ WIRE_CLOSE, 1, "", 0 },
		{ WIRE_REQUEST, 1, "{}", 2 },
		{ WIRE_REPLY, 1, "{}", 2 },
		{ WIRE_HELLO, 0, "{}", 2 },
		{ WIRE_EVENT, 0, "[]", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rig_init(&rig);
		rig_start(&rig, &init);
		rig_put(&rig, rows[i].type, rows[i].id, rows[i].payload, rows[i].len);
		rig_expect_exit(&rig, 137);
		rig_done(&rig);
	}
	/* twice the end, data after it, more than the window */
	rig_init(&rig);
	rig_start(&rig, &init);
	rig_put(&rig, WIRE_EOF, 1, NULL, 0);
	rig_put(&rig, WIRE_EOF, 1, NULL, 0);
	rig_expect_exit(&rig, 137);
	rig_done(&rig);
	rig_init(&rig);
	rig_start(&rig, &init);
	rig_put(&rig, WIRE_EOF, 2, NULL, 0);
	rig_put(&rig, WIRE_DATA, 2, "x", 1);
	rig_expect_exit(&rig, 137);
	rig_done(&rig);
	/* before the attach is accepted */
	rig_init(&rig);
	rig_spawn(&rig, &init);
	rig_send_setup(&rig);
	rig_put(&rig, WIRE_DATA, 1, "x", 1);
	rig_expect_exit(&rig, 137);
	rig_done(&rig);
}
END_TEST

START_TEST(bad_messages)
{
	static const char *const rows[] = {
		"{}",
		"{\"id\":\"\",\"root\":{\"fd\":0}}",
		"{\"id\":\"c\"}",
		"{\"id\":\"c\",\"root\":{\"fd\":1}}",
		"{\"id\":\"c\",\"root\":{\"fd\":-1}}",
		"{\"id\":\"c\",\"root\":{}}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"join\":{\"mnt\":0}}",
		"{\"id\":\"c\",\"join\":{}}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"netns\":7}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"netns\":-2}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"mounts\":[{\"destination\":\"/a\",\"kind\":\"bind\"}]}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"mounts\":[{\"destination\":\"/a\",\"kind\":\"ext4\"}]}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"mounts\":[{\"destination\":\"\",\"kind\":\"proc\"}]}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"unknown\":1}",
		"{\"id\":\"c\",\"root\":{\"fd\":0},\"terminal\":\"yes\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };

		rig_init(&rig);
		json_decref(rig.msg);
		rig.msg = NULL;
		unit_ok(js_parse(rows[i], strlen(rows[i]), NULL, &rig.msg, &err), &err);
		rig_spawn(&rig, &init);
		rig_send_setup(&rig);
		json_t *e = json_object_get(rig_recv_reply(&rig), "error");
		ck_assert_msg(js_get_int(e, "code", 0) > 0, "accepted: %s", rows[i]);
		ck_assert_msg(strstr(js_get_str(e, "message"), "set-up message"), "%s",
			      js_get_str(e, "message"));
		rig_expect_exit(&rig, 1);
		rig_done(&rig);
	}
}
END_TEST

static unsigned int pss_kib(pid_t pid)
{
	char path[64];
	_free_ char *text = NULL;
	struct err err = { 0 };
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	unit_ok(io_read_file(AT_FDCWD, path, 1 << 16, &text, NULL, &err), &err);
	p = strstr(text, "\nPss:");
	return p ? (unsigned int)strtoul(p + 5, NULL, 10) : 0;
}

START_TEST(memory)
{
	rig_init(&rig);
	for (int i = 0; i < 30; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/mnt/%d", i);
		rig_mount(&rig, path, "tmpfs", "size=64k");
	}
	rig_mount(&rig, "/proc", "proc", NULL);
	rig_mount(&rig, "/dev", "dev", NULL);
	rig_start(&rig, &init);
	usleep(50000);
	unsigned int idle = pss_kib(rig.pid);
	for (int i = 0; i < 200; i++) {
		static char block[WIRE_MAX_DATA];
		static char got[WIRE_MAX_DATA];
		struct wire_frame f;

		rig_put(&rig, WIRE_DATA, 1, block, sizeof(block));
		ck_assert_int_eq(io_read_all(rig.out, got, sizeof(got)), 0);
		ck_assert_int_eq(io_write_all(rig.in, block, sizeof(block)), 0);
		for (size_t n = 0; n < sizeof(block);) {
			ck_assert(rig_get(&rig, &f, 5000));
			if (f.type == WIRE_DATA) {
				uint8_t credit[4];

				n += f.len;
				wire_put_u32(credit, f.len);
				rig_put(&rig, WIRE_CREDIT, 0, credit, 4);
			}
		}
	}
	printf("stand-in: Pss %u KiB idle, %u KiB after 12 MiB each way\n", idle, pss_kib(rig.pid));
#ifndef __SANITIZE_ADDRESS__
	ck_assert_uint_lt(idle, 1024);
#endif
	rig_done(&rig);
}
END_TEST

UNIT_MAIN_ROOT("standin_life", exit_codes, signals, early_signals, signal_storm, monitor_dies,
	       monitor_dies_with_output, command_dies, input_waits_for_go, attach_refused,
	       exit_before_go, protocol_errors, bad_messages, memory)
