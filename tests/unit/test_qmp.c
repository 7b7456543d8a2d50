/* SPDX-License-Identifier: Apache-2.0 */
/* The QMP client against a server that the test plays itself, at the other end of a socketpair. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/sock.h"
#include "base/str.h"
#include "hypervisor/qmp.h"
#include "hypervisor/qmp_message.h"

#define GREETING                                                                                                \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"x\"}, " \
	"\"capabilities\": [\"oob\"]}}\r\n"

static struct loop *loop;
static struct qmp *qmp;
static int srv; /* the server's end */
static struct buf journal; /* what the callbacks saw, in order */
static const char *free_on; /* frees the client when the journal gets this entry */

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	_free_ char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&s, fmt, ap), 0);
	va_end(ap);
	buf_printf(&journal, "%s\n", s);
	if (free_on && strncmp(s, free_on, strlen(free_on)) == 0) {
		qmp_free(qmp);
		qmp = NULL;
	}
}

static void saw(const char *want)
{
	ck_assert_str_eq(journal.len ? journal.data : "", want);
	buf_reset(&journal);
}

static void on_ready(struct qmp *q, void *data)
{
	note("ready");
}

static void on_event(struct qmp *q, const char *name, json_t *body, void *data)
{
	const char *device = js_get_str(body, "device");

	note("event %s %s", name, device ? device : "-");
}

static void on_closed(struct qmp *q, const struct err *err, void *data)
{
	note("closed %d %s", err->code, err->msg);
}

static const struct qmp_handler handler = { on_ready, on_event, on_closed };

static void on_reply(void *data, json_t *ret, const struct err *err)
{
	if (ret)
		note("%s = %lld", (const char *)data, (long long)js_get_int(ret, "n", -1));
	else
		note("%s ! %d %s", (const char *)data, err->code, err->msg);
}

static void stop(struct loop_source *src, void *data)
{
	loop_quit(loop, 0);
}

/* Lets the client work for that long. */
static void spin(int ms)
{
	struct err err = { 0 };
	struct loop_source *timer = loop_add_timer(loop, ms, stop, NULL, &err);

	ck_assert_ptr_nonnull(timer);
	unit_ok(loop_run(loop, &err), &err);
	loop_remove(timer);
}

static void say_n(const char *s, size_t len)
{
	ck_assert_int_eq(io_write_all(srv, s, len), 0);
}

static void say(const char *s)
{
	say_n(s, strlen(s));
	spin(5);
}

/* The next line that the client sent. */
static const char *heard(void)
{
	static char line[8192];
	static size_t have;
	static size_t used; /* by the line that was returned last */
	char *nl;

	memmove(line, line + used, have - used);
	have -= used;
	used = 0;
	while (!(nl = memchr(line, '\n', have))) {
		ssize_t n = recv(srv, line + have, sizeof(line) - have, 0);

		if (n <= 0)
			return "(nothing)";
		have += (size_t)n;
	}
	*nl = '\0';
	used = (size_t)(nl - line) + 1;
	return line;
}

static void setup(void)
{
	struct timeval tv = { .tv_usec = 20000 };
	struct err err = { 0 };
	int pair[2];

	free_on = NULL;
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(sock_pair(pair, &err), &err);
	srv = pair[0];
	ck_assert_int_eq(setsockopt(srv, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	unit_ok(qmp_new(loop, pair[1], &handler, NULL, &qmp, &err), &err);
}

static void setup_ready(void)
{
	setup();
	say(GREETING);
	ck_assert_str_eq(heard(), "{\"execute\":\"qmp_capabilities\",\"id\":1}");
	say("{\"return\": {}, \"id\": 1}\r\n");
	saw("ready\n");
}

static void teardown(void)
{
	qmp_free(qmp);
	qmp = NULL;
	loop_free(loop);
	fd_close(srv);
	buf_done(&journal);
}

static void call(const char *command, json_t *args, int timeout_ms)
{
	struct err err = { 0 };

	unit_ok(qmp_call(qmp, command, args, -EBADF, timeout_ms, on_reply, (void *)command, &err),
		&err);
}

START_TEST(greeting_in_pieces)
{
	setup();
	ck_assert_str_eq(heard(), "(nothing)");
	for (const char *p = GREETING; *p; p++) {
		say_n(p, 1);
		spin(1);
	}
	ck_assert_str_eq(heard(), "{\"execute\":\"qmp_capabilities\",\"id\":1}");
	say("{\"return\":");
	saw("");
	say(" {}, \"id\"");
	say(": 1}\r");
	saw("");
	/* The rest of the line with a whole and a half one behind it. */
	say("\n{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 1}}\r\n{\"event\": \"RES");
	saw("ready\nevent STOP -\n");
	say("UME\"}\n");
	saw("event RESUME -\n");
	teardown();
}
END_TEST

/* Calls made early wait for the negotiation, and keep their order. */
START_TEST(early_calls)
{
	setup();
	call("stop", NULL, 1000);
	call("getfd", json_pack("{s:s}", "fdname", "fs0"), 1000);
	ck_assert_str_eq(heard(), "(nothing)");
	say(GREETING);
	ck_assert_str_eq(heard(), "{\"execute\":\"qmp_capabilities\",\"id\":1}");
	ck_assert_str_eq(heard(), "(nothing)");
	say("{\"return\": {}, \"id\": 1}\n");
	ck_assert_str_eq(heard(), "{\"execute\":\"stop\",\"id\":2}");
	ck_assert_str_eq(heard(),
			 "{\"execute\":\"getfd\",\"id\":3,\"arguments\":{\"fdname\":\"fs0\"}}");
	say("{\"return\": {\"n\": 5}, \"id\": 2}\n{\"return\": {}, \"id\": 3}\n");
	saw("ready\nstop = 5\ngetfd = -1\n");
	teardown();
}
END_TEST

START_TEST(matched_by_id)
{
	setup_ready();
	call("a", NULL, 1000);
	call("b", NULL, 1000);
	call("c", NULL, 1000);
	say("{\"id\": 4, \"return\": {\"n\": 3}}\n"
	    "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"fs0\", \"path\": \"/machine/x\"}}\n"
	    "{\"id\": 2, \"return\": {\"n\": 1}}\n");
	saw("c = 3\nevent DEVICE_DELETED fs0\na = 1\n");
	/* Ids that nobody waits for: never given, and already answered. */
	say("{\"id\": 99, \"return\": {\"n\": 9}}\n{\"id\": 2, \"return\": {\"n\": 9}}\n"
	    "{\"id\": 18446744073709551615, \"error\": {\"class\": \"x\", \"desc\": \"y\"}}\n");
	saw("");
	say("{\"id\": 3, \"return\": {\"n\": 2}}\n");
	saw("b = 2\n");
	teardown();
}
END_TEST

START_TEST(refusals)
{
	char want[200];

	setup_ready();
	call("device_add", NULL, 1000);
	call("device_del", NULL, 1000);
	call("nonsense", NULL, 1000);
	say("{\"id\": 2, \"error\": {\"class\": \"GenericError\", \"desc\": \"Bus 'rp9' not\\nfound\"}}\n"
	    "{\"id\": 3, \"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'x' not found\"}}\n"
	    "{\"id\": 4, \"error\": {\"class\": \"CommandNotFound\", \"desc\": \"no\"}}\n");
	snprintf(want, sizeof(want),
		 "device_add ! %d device_add: Bus 'rp9' not found\n"
		 "device_del ! %d device_del: Device 'x' not found\nnonsense ! %d nonsense: no\n",
		 EIO, ENODEV, ENOSYS);
	saw(want);
	teardown();
}
END_TEST

START_TEST(negotiation_refused)
{
	setup();
	call("stop", NULL, 1000);
	say(GREETING
	    "{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"too old\"}}\n");
	saw("stop ! 104 stop: qmp_capabilities: too old\nclosed 5 qmp_capabilities: too old\n");
	teardown();
}
END_TEST

START_TEST(end_of_file)
{
	struct err err = { 0 };

	setup_ready();
	call("a", NULL, 1000);
	call("b", NULL, 1000);
	static const char last[] =
		"{\"return\": {}, \"id\": 2}\n{\"event\": \"SHUTDOWN\"}\n{\"half\": ";

	say_n(last, sizeof(last) - 1);
	srv = fd_close(srv);
	spin(5);
	saw("a = -1\nevent SHUTDOWN -\nb ! 104 b: qemu closed the qmp connection\n"
	    "closed 104 qemu closed the qmp connection\n");
	unit_fails(qmp_call(qmp, "c", json_object(), -EBADF, 1000, on_reply, (void *)"c", &err),
		   EPIPE, &err, "c: no connection");
	qmp_drain(qmp);
	spin(5);
	saw("");
	teardown();
}
END_TEST

/* The callers of a failing client call again. */
static void on_reply_again(void *data, json_t *ret, const struct err *err)
{
	struct err e = { 0 };

	on_reply(data, ret, err);
	ck_assert_int_lt(qmp_call(qmp, "again", NULL, -EBADF, 1000, on_reply, (void *)"again", &e),
			 0);
}

START_TEST(call_while_closing)
{
	struct err err = { 0 };

	setup_ready();
	unit_ok(qmp_call(qmp, "a", NULL, -EBADF, 1000, on_reply_again, (void *)"a", &err), &err);
	srv = fd_close(srv);
	spin(5);
	saw("a ! 104 a: qemu closed the qmp connection\nclosed 104 qemu closed the qmp connection\n");
	teardown();
}
END_TEST

static const struct {
	const char *line, *want;
} breaches[] = {
	{ "nonsense\n", "closed 71 malformed qmp line" },
	{ "\n", "closed 71 malformed qmp line" },
	{ "[]\n", "closed 71 qmp line is not an object" },
	{ "{}\n", "closed 71 qmp line is neither" },
	{ "{\"return\": {}}\n", "closed 71 qmp reply without an id" },
	{ "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\n",
	  "closed 71 qmp reply without an id: JSON parse error" },
	{ "{\"return\": {}, \"id\": \"2\"}\n", "closed 71 qmp reply with an id that is not ours" },
	{ "{\"return\": {}, \"id\": -2}\n", "closed 71 qmp reply with an id that is not ours" },
	{ "{\"return\": {}, \"id\": 0}\n", "closed 71 qmp reply with an id that is not ours" },
	{ "{\"error\": {}, \"id\": 2}\n", "closed 71 qmp error without a description" },
	{ "{\"error\": 1, \"id\": 2}\n", "closed 71 qmp line is neither" },
	{ "{\"event\": 1}\n", "closed 71 malformed qmp event" },
	{ "{\"event\": \"X\", \"data\": []}\n", "closed 71 malformed qmp event" },
	{ "{\"QMP\": 1}\n", "closed 71 malformed qmp greeting" },
	{ GREETING, "closed 71 second qmp greeting" },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}\n",
	  "closed 71 malformed qmp line" },
};

START_TEST(breach)
{
	setup_ready();
	say(breaches[_i].line);
	ck_assert_msg(strncmp(journal.data, breaches[_i].want, strlen(breaches[_i].want)) == 0,
		      "%s", journal.data);
	teardown();
}
END_TEST

START_TEST(oversized_line)
{
	_free_ char *a = malloc(65536);
	size_t sent = 0;

	setup_ready();
	memset(a, 'a', 65536);
	while (!journal.len) {
		ssize_t n = send(srv, a, 65536, MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		ck_assert_uint_lt(sent, 4u << 20);
		spin(1);
	}
	saw("closed 90 qmp line of more than 1048576 bytes\n");
	teardown();
}
END_TEST

/* Just short of the limit is a line like any other. */
START_TEST(long_line)
{
	size_t len = QMP_MAX_LINE - 100, off = 0;
	_free_ char *a = malloc(len);

	setup_ready();
	call("a", NULL, 10000);
	say_n("{\"return\": {\"s\": \"", 18);
	memset(a, 'a', len);
	while (off < len) {
		ssize_t n = send(srv, a + off, len - off, MSG_DONTWAIT | MSG_NOSIGNAL);

		off += n > 0 ? (size_t)n : 0;
		spin(1);
	}
	say("\", \"n\": 4}, \"id\": 2}\r\n");
	saw("a = 4\n");
	teardown();
}
END_TEST

START_TEST(deadline)
{
	setup_ready();
	call("slow", NULL, 60);
	call("slower", NULL, 5000);
	spin(20);
	saw("");
	spin(80);
	saw("slow ! 110 slow: qemu did not answer in time\n");
	/* Too late, which harms nobody. */
	say("{\"id\": 2, \"return\": {}}\n{\"id\": 3, \"return\": {\"n\": 1}}\n");
	saw("slower = 1\n");
	call("next", NULL, 5000);
	say("{\"id\": 4, \"return\": {\"n\": 2}}\n");
	saw("next = 2\n");
	teardown();
}
END_TEST

START_TEST(deadline_before_ready)
{
	setup();
	call("slow", NULL, 30);
	spin(60);
	saw("slow ! 110 slow: qemu did not answer in time\n");
	say(GREETING "{\"return\": {}, \"id\": 1}\n");
	saw("ready\n");
	heard();
	/* It was never sent. */
	ck_assert_str_eq(heard(), "(nothing)");
	teardown();
}
END_TEST

START_TEST(descriptor)
{
	struct err err = { 0 };
	char text[200];
	size_t n = 0;
	ssize_t r;
	int fds[2], pipe_fds[2];
	int before;

	setup_ready();
	before = unit_count_fds();
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	unit_ok(qmp_call(qmp, "getfd", json_pack("{s:s}", "fdname", "fs0"), pipe_fds[0], 1000,
			 on_reply, (void *)"getfd", &err),
		&err);
	n = 2;
	r = sock_recv_fds(srv, text, sizeof(text), fds, &n);
	ck_assert_int_gt(r, 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(strncmp(text, "{\"execute\":\"getfd\"", 18), 0);
	say("{\"id\": 2, \"return\": {}}\n");
	saw("getfd = -1\n");
	/* It is the same pipe, and ours is still open. */
	ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
	ck_assert_int_eq(read(fds[0], text, 1), 1);
	close(fds[0]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	ck_assert_int_eq(unit_count_fds(), before);
	teardown();
}
END_TEST

/* A server that does not read: commands queue up, none is lost or mixed. */
START_TEST(full_socket)
{
	_free_ char *big = calloc(1, 3001);
	struct err err = { 0 };
	int sent = 400;

	setup_ready();
	memset(big, 'x', 3000);
	for (int i = 0; i < sent; i++)
		unit_ok(qmp_call(qmp, "c", json_pack("{s:s}", "s", big), -EBADF, 60000, on_reply,
				 (void *)"c", &err),
			&err);
	spin(20);
	for (int i = 0; i < sent; i++) {
		char want[80];
		const char *line = heard();

		if (strcmp(line, "(nothing)") == 0) {
			spin(2);
			line = heard();
		}
		snprintf(want, sizeof(want),
			 "{\"execute\":\"c\",\"id\":%d,\"arguments\":{\"s\":\"xxx", i + 2);
		ck_assert_msg(strncmp(line, want, strlen(want)) == 0, "%d: %.100s", i, line);
		ck_assert_uint_gt(strlen(line), 3000);
		spin(1);
	}
	teardown();
}
END_TEST

/* Half a command is out when its deadline passes: nothing can follow it. */
START_TEST(deadline_in_the_middle)
{
	_free_ char *big = calloc(1, 1000001);
	struct err err = { 0 };

	setup_ready();
	memset(big, 'x', 1000000);
	unit_ok(qmp_call(qmp, "big", json_pack("{s:s}", "s", big), -EBADF, 30, on_reply,
			 (void *)"big", &err),
		&err);
	call("next", NULL, 1000);
	spin(60);
	saw("big ! 104 big: qemu does not read its qmp socket\nnext ! 104 next: qemu does not read its qmp socket\n"
	    "closed 110 qemu does not read its qmp socket\n");
	teardown();
}
END_TEST

static const char *const free_points[] = { "ready", "event", "a =", "b !", "c !", "d !", "closed" };

START_TEST(freed_in_callback)
{
	setup();
	free_on = free_points[_i];
	call("a", NULL, 1000);
	call("b", NULL, 1000);
	call("c", NULL, 40);
	call("d", NULL, 1000);
	say(GREETING
	    "{\"return\": {}, \"id\": 1}\n{\"event\": \"E\"}\n{\"return\": {}, \"id\": 2}\n"
	    "{\"error\": {\"desc\": \"x\", \"class\": \"y\"}, \"id\": 3}\n{\"event\": \"F\"}\n");
	spin(60);
	srv = fd_close(srv);
	spin(5);
	/* Nothing after the entry at which it was freed. */
	ck_assert_ptr_null(qmp);
	journal.data[journal.len - 1] = '\0';
	const char *last = strrchr(journal.data, '\n');

	ck_assert_int_eq(strncmp(last ? last + 1 : journal.data, free_on, strlen(free_on)), 0);
	teardown();
}
END_TEST

START_TEST(freed_with_open_calls)
{
	int before;

	setup_ready();
	before = unit_count_fds();
	call("a", NULL, 1000);
	qmp_free(qmp);
	qmp = NULL;
	ck_assert_int_lt(unit_count_fds(), before);
	spin(5);
	saw("");
	qmp_free(NULL);
	teardown();
}
END_TEST

/* What is in the socket when the process has ended is still handled. */
START_TEST(drain)
{
	_buf_ struct buf all = { 0 };

	setup_ready();
	for (int i = 0; i < 300; i++)
		buf_puts(&all, "{\"event\": \"E\"}\n");
	say_n(all.data, all.len);
	srv = fd_close(srv);
	qmp_drain(qmp);
	ck_assert_uint_eq(journal.len, 3000 + strlen("closed 104 qemu closed the qmp connection\n"));
	teardown();
}
END_TEST

static int run(void)
{
	Suite *suite = suite_create("qmp");
	TCase *tcase = tcase_create("qmp");
	const TTest *const tests[] = { greeting_in_pieces,
				       early_calls,
				       matched_by_id,
				       refusals,
				       negotiation_refused,
				       end_of_file,
				       call_while_closing,
				       oversized_line,
				       long_line,
				       deadline,
				       deadline_before_ready,
				       descriptor,
				       full_socket,
				       deadline_in_the_middle,
				       freed_with_open_calls,
				       drain };

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, breach, 0, ARRAY_SIZE(breaches));
	tcase_add_loop_test(tcase, freed_in_callback, 0, ARRAY_SIZE(free_points));
	tcase_set_timeout(tcase, 30);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(void)
{
	return run();
}
