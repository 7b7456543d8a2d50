/* SPDX-License-Identifier: Apache-2.0 */
/* The fake backend, seen from the host's end of its agent channel. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/str.h"
#include "devices/device.h"
#include "hypervisor/hv.h"
#include "wire/conn.h"
#include "wire/message.h"

static struct loop *loop;
static struct hv *hv;
static struct wire_conn *conn;
static struct buf journal, output; /* callbacks and frames in order; the last stream's data */
static const char *stop_on;
static int fds_before;
static uint32_t next_request;
static bool keep_credit; /* the reader is stalled */

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	_free_ char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&s, fmt, ap), 0);
	va_end(ap);
	buf_printf(&journal, "%s\n", s);
	if (stop_on && str_has_prefix(s, stop_on))
		loop_quit(loop, 0);
}

static void on_timeout(struct loop_source *src, void *data)
{
	if (stop_on)
		ck_abort_msg("no '%s' after: %s", stop_on, journal.len ? journal.data : "");
	loop_quit(loop, 0);
}

static void until(const char *prefix, int ms)
{
	struct err err = { 0 };
	struct loop_source *timer = loop_add_timer(loop, ms, on_timeout, NULL, &err);

	stop_on = prefix;
	unit_ok(loop_run(loop, &err), &err);
	loop_remove(timer);
}

static void spin(void)
{
	until(NULL, 10);
}

static void saw(const char *want)
{
	ck_assert_str_eq(journal.len ? journal.data : "", want);
	buf_reset(&journal);
}

static void on_event(void *data, enum hv_event ev, const char *text)
{
	static const char *const names[] = { "exited", "shutdown", "panic" };

	note("%s: %s", names[ev], text);
}

static void on_done(void *data, const struct err *err)
{
	note("%s: %s", (const char *)data, err->code ? err->msg : "ok");
}

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	_json_ json_t *tree = NULL;
	_free_ char *text = NULL;
	struct err e = { 0 };
	char name[64];

	switch (f->type) {
	case WIRE_HELLO:
		unit_ok(wire_parse_hello(f, &tree, &e), &e);
		note("hello %s", js_get_str(tree, "session"));
		break;
	case WIRE_REPLY:
		if (wire_parse_reply(f, &tree, NULL, &e) < 0)
			note("%u ! %d %s", f->id, e.code, e.msg);
		else
			note("%u = %s", f->id, text = js_dump(tree));
		break;
	case WIRE_EVENT:
		unit_ok(wire_parse_event(f, name, &tree, &e), &e);
		note("%s %s/%s %s %lld", name, js_get_str(tree, "id"), js_get_str(tree, "exec"),
		     json_object_get(tree, "signal") ? "signal" : "code",
		     (long long)js_get_int(tree, "signal", js_get_int(tree, "code", -1)));
		break;
	case WIRE_DATA:
		buf_append(&output, f->payload, f->len);
		if (!keep_credit)
			wire_send_credit(c, f->id, f->len);
		break;
	case WIRE_CREDIT:
		note("credit %u %u", f->id, wire_get_u32(f->payload));
		break;
	default:
		note("type %d on %u", f->type, f->id);
		break;
	}
	return 0;
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	note("closed");
}

static const struct wire_handler handler = { .on_frame = on_frame, .on_closed = on_closed };

static void create(void)
{
	struct hv_config cfg = { .id = "c1", .ports = 2, .memory = 64, .vcpus = 1 };
	struct err err = { 0 };

	fds_before = unit_count_fds();
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(hv_fake_ops.create(&cfg, loop, on_event, NULL, &hv, &err), &err);
}

static void say_hello(void)
{
	static const char hello[] = "{\"min\":1,\"max\":1,\"session\":\"abc\"}";

	wire_send(conn, WIRE_HELLO, 0, hello, sizeof(hello) - 1);
}

/* A VM that runs, with a session open. */
static void boot(void)
{
	struct err err = { 0 };
	struct wire_options opt = { 0 };

	create();
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	unit_ok(hv->ops->resume(hv, on_done, (void *)"resume", &err), &err);
	saw("");
	until("resume", 1000);
	saw("start: ok\nresume: ok\n");
	unit_ok(wire_conn_new(loop, hv->ops->channel(hv), &opt, &handler, NULL, &conn, &err), &err);
	say_hello();
	until("hello", 1000);
	saw("hello abc\n");
}

static void teardown(void)
{
	wire_conn_free(conn);
	conn = NULL;
	if (hv)
		hv->ops->destroy(hv);
	loop_free(loop);
	buf_done(&journal);
	buf_done(&output);
	ck_assert_int_eq(unit_count_fds(), fds_before);
}

static void ask(const char *method, json_t *params)
{
	ck_assert_ptr_nonnull(params);
	ck_assert_int_eq(wire_send_request(conn, ++next_request, method, params), 0);
	json_decref(params);
	spin();
}

static void make(const char *id, int stream, const char *arg0, const char *arg1, bool terminal)
{
	ask("container.create", json_pack("{s:s, s:i, s:{s:{s:[s, s], s:b}}, s:s, s:[]}", "id", id,
					  "stream", stream, "config", "process", "args", arg0, arg1,
					  "terminal", terminal, "root", "r", "mounts"));
}

static void ask_id(const char *method, const char *id)
{
	ask(method, json_pack("{s:s}", "id", id));
}

static void send_kill(const char *id, const char *exec, int sig, bool all)
{
	ask("process.kill",
	    json_pack("{s:s, s:s, s:i, s:b}", "id", id, "exec", exec, "signal", sig, "all", all));
}

START_TEST(lifecycle)
{
	boot();
	ask("sandbox.setup", json_pack("{s:s}", "hostname", "h"));
	saw("1 = {}\n");
	make("c1", 0, "sleep", "1000", false);
	saw("2 = {\"pid\":100}\n");
	ask_id("container.start", "c1");
	ask_id("container.processes", "c1");
	ask_id("container.pause", "c1");
	ask_id("container.resume", "c1");
	saw("3 = {}\n4 = {\"pids\":[100]}\n5 = {}\n6 = {}\n");
	send_kill("c1", "", SIGUSR1, false);
	saw("7 = {}\n");
	send_kill("c1", "", SIGTERM, false);
	saw("type 6 on 1\ntype 6 on 2\nexit c1/ signal 15\n8 = {}\n");
	ask_id("container.processes", "c1");
	ask_id("container.delete", "c1");
	ask_id("container.processes", "c1");
	saw("9 = {\"pids\":[]}\n10 = {}\n11 ! 2 container does not exist\n");
	teardown();
}
END_TEST

START_TEST(exit_code)
{
	boot();
	make("c1", WIRE_STREAMS, "exit", "42", false);
	saw("1 = {\"pid\":100}\n"); /* not before its start */
	ask_id("container.start", "c1");
	saw("2 = {}\ntype 6 on 65\ntype 6 on 66\nexit c1/ code 42\n");
	teardown();
}
END_TEST

START_TEST(exec)
{
	boot();
	make("c1", 0, "sleep", "1", false);
	ask("process.exec", json_pack("{s:s, s:s, s:i, s:{s:[s]}}", "id", "c1", "exec", "e",
				      "stream", WIRE_STREAMS, "process", "args", "sleep"));
	saw("1 = {\"pid\":100}\n2 ! 3 cannot exec in a container that is not running\n");
	ask_id("container.start", "c1");
	ask("process.exec",
	    json_pack("{s:s, s:s, s:i, s:{s:[s], s:b}}", "id", "c1", "exec", "e", "stream",
		      WIRE_STREAMS, "process", "args", "sleep", "terminal", 1));
	ask("process.resize",
	    json_pack("{s:s, s:s, s:i, s:i}", "id", "c1", "exec", "e", "rows", 24, "cols", 80));
	saw("3 = {}\n4 = {\"pid\":101}\n5 = {}\n");
	/* Names, streams and programs that cannot be. */
	ask("process.exec", json_pack("{s:s, s:s, s:i, s:{s:[s]}}", "id", "c1", "exec", "e",
				      "stream", 2 * WIRE_STREAMS, "process", "args", "sleep"));
	ask("process.exec", json_pack("{s:s, s:s, s:i, s:{s:[s]}}", "id", "c1", "exec", "f",
				      "stream", WIRE_STREAMS, "process", "args", "sleep"));
	ask("process.exec", json_pack("{s:s, s:s, s:i, s:{s:[s]}}", "id", "c1", "exec", "f",
				      "stream", 2 * WIRE_STREAMS, "process", "args", "missing"));
	saw("6 ! 17 process 'e' exists\n7 ! 22 bad stream\n"
	    "8 ! 2 exec: \"missing\": executable file not found in $PATH\n");
	/* A terminal has no third stream. */
	send_kill("c1", "e", SIGKILL, false);
	saw("type 6 on 65\nexit c1/e signal 9\n9 = {}\n");
	ask("process.exec", json_pack("{s:s, s:s, s:i, s:{s:[s, s]}}", "id", "c1", "exec", "g",
				      "stream", WIRE_STREAMS, "process", "args", "exit", "7"));
	saw("10 = {\"pid\":102}\ntype 6 on 65\ntype 6 on 66\nexit c1/g code 7\n");
	ask_id("container.delete", "c1");
	saw("type 6 on 1\ntype 6 on 2\nexit c1/ signal 9\n11 = {}\n");
	teardown();
}
END_TEST

START_TEST(refusals)
{
	boot();
	make("c1", 0, "missing", "", false);
	make("c1", 2, "sleep", "", false);
	make("", 0, "sleep", "", false);
	make("c1", 0, "exit", "x", false);
	saw("1 ! 2 exec: \"missing\": executable file not found in $PATH\n2 ! 22 bad stream\n3 ! 22 id is missing\n"
	    "4 ! 22 exit code 'x' is not 0 to 255\n");
	make("c1", 0, "sleep", "", false);
	make("c1", WIRE_STREAMS, "sleep", "", false);
	ask_id("container.start", "c1");
	ask_id("container.start", "c1");
	ask_id("container.resume", "c1");
	ask_id("container.start", "c2");
	send_kill("c1", "x", SIGKILL, false);
	send_kill("c1", "", 99, false);
	ask("no.such", json_object());
	saw("5 = {\"pid\":100}\n6 ! 17 container with id exists: c1\n7 = {}\n"
	    "8 ! 22 cannot start a container that has started\n9 ! 22 container is not paused\n"
	    "10 ! 2 container does not exist\n11 ! 3 process is not running\n12 ! 22 bad signal\n"
	    "13 ! 38 method 'no.such' is not known\n");
	teardown();
}
END_TEST

START_TEST(echo)
{
	boot();
	make("c1", 0, "cat", "", false);
	wire_send(conn, WIRE_DATA, 0, "early ", 6);
	spin();
	ck_assert_uint_eq(output.len, 0);
	ask_id("container.start", "c1");
	wire_send(conn, WIRE_DATA, 0, "late", 4);
	spin();
	ck_assert_str_eq(output.data, "early late");
	saw("1 = {\"pid\":100}\n2 = {}\ncredit 0 6\ncredit 0 4\n");
	wire_send(conn, WIRE_DATA, 0, "!", 1);
	wire_send(conn, WIRE_EOF, 0, NULL, 0);
	spin();
	ck_assert_str_eq(output.data, "early late!");
	saw("credit 0 1\ntype 6 on 1\ntype 6 on 2\nexit c1/ code 0\n");
	teardown();
}
END_TEST

/* A whole window goes in, then the echo waits for the reader; nothing is lost. */
START_TEST(stalled_reader)
{
	const uint32_t window = WIRE_WINDOW;
	_free_ uint8_t *data = malloc(window);
	uint32_t sent = 0;

	for (uint32_t i = 0; i < window; i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	boot();
	make("c1", 0, "cat", "", false);
	ask_id("container.start", "c1");
	buf_reset(&journal);
	keep_credit = true;
	for (; sent < window; sent += 65536)
		wire_send(conn, WIRE_DATA, 0, data + sent, 65536);
	for (int i = 0; i < 50 && output.len < window; i++)
		spin();
	/* All is echoed: that took the whole window of the output. */
	ck_assert_uint_eq(output.len, window);
	ck_assert_int_eq(memcmp(output.data, data, window), 0);
	buf_reset(&journal);
	buf_reset(&output);
	wire_send(conn, WIRE_DATA, 0, data, 1000);
	wire_send(conn, WIRE_EOF, 0, NULL, 0);
	spin();
	ck_assert_uint_eq(output.len, 0);
	saw("");
	wire_send_credit(conn, 1, 600);
	spin();
	ck_assert_uint_eq(output.len, 600);
	saw("");
	wire_send_credit(conn, 1, 600);
	spin();
	ck_assert_uint_eq(output.len, 1000);
	ck_assert_int_eq(memcmp(output.data, data, 1000), 0);
	saw("type 6 on 1\ntype 6 on 2\nexit c1/ code 0\n");
	teardown();
}
END_TEST

/* A reader that is gone stalls nobody. */
START_TEST(closed_reader)
{
	uint8_t data[1000] = { 0 };

	boot();
	keep_credit = true;
	make("c1", 0, "cat", "", false);
	ask_id("container.start", "c1");
	wire_send(conn, WIRE_CLOSE, 1, NULL, 0);
	for (int i = 0; i < 600; i++) {
		wire_send(conn, WIRE_DATA, 0, data, sizeof(data));
		if (i % 100 == 0)
			spin();
	}
	spin();
	ck_assert_uint_eq(output.len, 0);
	wire_send(conn, WIRE_EOF, 0, NULL, 0);
	until("exit", 1000);
	teardown();
}
END_TEST

/* The host breaks the rules: the VM ends, as it does when the guest does. */
START_TEST(breach)
{
	static uint8_t data[WIRE_MAX_DATA];

	boot();
	make("c1", 0, "cat", "", false);
	buf_reset(&journal);
	for (size_t i = 0; i <= WIRE_WINDOW / sizeof(data);
	     i++) /* not started: nothing is consumed */
		wire_send(conn, WIRE_DATA, 0, data, sizeof(data));
	until("exited", 1000);
	spin();
	ck_assert_ptr_nonnull(strstr(journal.data, "closed\n"));
	teardown();
}
END_TEST

START_TEST(guest_shutdown)
{
	boot();
	ask("sandbox.shutdown", json_object());
	spin();
	ck_assert_ptr_nonnull(strstr(journal.data, "1 = {}\n"));
	ck_assert_ptr_nonnull(
		strstr(journal.data, "shutdown: guest-shutdown\nexited: exit status 0\n"));
	ck_assert_ptr_nonnull(strstr(journal.data, "closed\n"));
	ck_assert_int_lt(hv->ops->resume(hv, on_done, NULL, NULL), 0);
	teardown();
}
END_TEST

START_TEST(host_hangs_up)
{
	boot();
	wire_conn_free(conn);
	conn = NULL;
	until("exited", 1000);
	teardown();
}
END_TEST

START_TEST(quit)
{
	struct err err = { 0 };

	create();
	unit_fails(hv->ops->quit(hv, &err), ESRCH, &err, "not running");
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	unit_ok(hv->ops->resume(hv, on_done, (void *)"resume", &err), &err);
	unit_ok(hv->ops->quit(hv, &err), &err);
	saw("");
	until("exited", 1000);
	saw("start: fake: exit status 0\nresume: fake: exit status 0\nexited: exit status 0\n");
	unit_fails(hv->ops->quit(hv, &err), ESRCH, &err, "not running");
	ck_assert_int_lt(hv->ops->start(hv, on_done, NULL, &err), 0);
	teardown();
}
END_TEST

START_TEST(devices)
{
	struct device want = { .kind = DEVICE_FS, .fs = { .queue_size = 128, .tag = "t" } }, *dev;
	struct devices *d = NULL;
	struct err err = { 0 };

	create();
	unit_ok(devices_new(3, &d, &err), &err);
	want.fs.socket = open("/dev/null", O_RDWR | O_CLOEXEC);
	unit_ok(devices_add(d, &want, &dev, &err), &err);
	ck_assert_int_eq(hv->ops->attach(hv, dev, on_done, NULL, NULL), -ESRCH);
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	unit_ok(hv->ops->attach(hv, dev, on_done, (void *)"attach", &err), &err);
	unit_ok(hv->ops->pause(hv, on_done, (void *)"pause", &err), &err);
	unit_ok(hv->ops->detach(hv, dev, on_done, (void *)"detach", &err), &err);
	unit_ok(hv->ops->set_memory(hv, 128, on_done, (void *)"memory", &err), &err);
	unit_ok(hv->ops->add_vcpu(hv, on_done, (void *)"vcpu", &err), &err);
	until("vcpu", 1000);
	saw("start: ok\nattach: ok\npause: ok\ndetach: ok\nmemory: ok\nvcpu: ok\n");
	ck_assert_int_lt(dev->fs.socket, 0);
	dev->port = 2;
	unit_fails(hv->ops->attach(hv, dev, on_done, NULL, &err), EINVAL, &err, "no pcie root port");
	devices_free(d);
	teardown();
}
END_TEST

START_TEST(console)
{
	char text[64] = "";
	struct err err = { 0 };
	json_t *d;
	int fd;

	create();
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	fd = hv->ops->console(hv);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	ck_assert_str_eq(text, "fake console\n");
	close(fd);
	ck_assert_int_lt(hv->ops->console(hv), 0);
	d = hv->ops->describe(hv);
	ck_assert_str_eq(js_get_str(d, "hypervisor"), "fake");
	json_decref(d);
	ck_assert_int_eq(hv->ops->pid(hv), 0);
	teardown();
}
END_TEST

static void destroy_in_event(void *data, enum hv_event ev, const char *text)
{
	note("event %d", ev);
	hv->ops->destroy(hv);
	hv = NULL;
}

START_TEST(destroyed_in_callback)
{
	struct hv_config cfg = { .id = "c1" };
	struct err err = { 0 };

	fds_before = unit_count_fds();
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(hv_fake_ops.create(&cfg, loop, destroy_in_event, NULL, &hv, &err), &err);
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	until("start", 1000);
	unit_ok(hv->ops->quit(hv, &err), &err);
	spin();
	saw("start: ok\nevent 0\n");
	ck_assert_ptr_null(hv);
	hv_fake_ops.destroy(NULL);
	teardown();
}
END_TEST

UNIT_MAIN("hv_fake", lifecycle, exit_code, exec, refusals, echo, stalled_reader, closed_reader,
	  breach, guest_shutdown, host_hangs_up, quit, devices, console, destroyed_in_callback)
