/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the agent against a host on the other end of a socket pair; the test plays the process too. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "agent/stdio.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "tests/unit/unit.h"
#include "wire/frame.h"

#define ID 8 /* of the stream to the process */

static struct test {
	struct loop *loop;
	struct wire_conn *agent, *host;
	struct loop_source *timer;
	struct mux mux;
	struct stdio io;
	int child[3];
	struct buf out[2];
	bool eof[2], closed_in, flushed, over;
	uint32_t credit;
	size_t passed; /* bytes from descriptors that were passed */
	struct err err;
} t;

static int on_agent_frame(struct wire_conn *c, const struct wire_frame *f, void *data,
			  struct err *err)
{
	return mux_frame(&t.mux, f, err);
}

static void on_agent_closed(struct wire_conn *c, const struct err *err, void *data)
{
	t.err = *err;
	loop_quit(t.loop, 0);
}

static void on_agent_drained(struct wire_conn *c, void *data)
{
	mux_drained(&t.mux);
}

static int on_host_frame(struct wire_conn *c, const struct wire_frame *f, void *data,
			 struct err *err)
{
	if (f->id - ID >= 4 && f->type == WIRE_DATA)
		t.passed += f->len;
	else if (f->id - ID >= 4)
		return 0;
	else if (f->type == WIRE_DATA)
		buf_append(&t.out[f->id - ID - 1], f->payload, f->len);
	else if (f->type == WIRE_EOF)
		t.eof[f->id - ID - 1] = true;
	else if (f->type == WIRE_CREDIT)
		t.credit += wire_get_u32(f->payload);
	else if (f->type == WIRE_CLOSE)
		t.closed_in = true;
	return 0;
}

static void on_host_closed(struct wire_conn *c, const struct err *err, void *data)
{
}

static void on_timer(struct loop_source *src, void *data)
{
	t.over = true;
	loop_quit(t.loop, 0);
}

static void on_flushed(void *data)
{
	ck_assert(!t.flushed);
	t.flushed = true;
}

static void set_up(bool pipes)
{
	static const struct wire_handler agent = { on_agent_frame, on_agent_closed,
						   on_agent_drained };
	static const struct wire_handler host = { on_host_frame, on_host_closed, NULL };
	struct wire_options opt = { 0 };
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	memset(&t, 0, sizeof(t));
	unit_ok(loop_new(&t.loop, &t.err), &t.err);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	unit_ok(wire_conn_new(t.loop, fds[0], &opt, &agent, NULL, &t.agent, &t.err), &t.err);
	unit_ok(wire_conn_new(t.loop, fds[1], &opt, &host, NULL, &t.host, &t.err), &t.err);
	t.timer = loop_add_timer(t.loop, -1, on_timer, NULL, &t.err);
	t.mux.loop = t.loop;
	t.mux.conn = t.agent;
	stdio_init(&t.io, &t.mux, ID);
	t.io.on_flushed = on_flushed;
	if (pipes)
		unit_ok(stdio_open_pipes(&t.io, t.child, &t.err), &t.err);
}

static void tear_down(void)
{
	stdio_done(&t.io);
	mux_reset(&t.mux);
	wire_conn_free(t.agent);
	wire_conn_free(t.host);
	buf_done(&t.out[0]);
	buf_done(&t.out[1]);
	loop_free(t.loop);
}

/* Lets everything happen that can. */
static void settle(void)
{
	struct err err;

	t.over = false;
	loop_set_timer(t.timer, 50);
	while (!t.over && !t.err.code)
		unit_ok(loop_run(t.loop, &err), &err);
}

static void fill(int fd, size_t n)
{
	char buf[4096];

	memset(buf, 'x', sizeof(buf));
	while (n > 0) {
		size_t part = n < sizeof(buf) ? n : sizeof(buf);

		ck_assert_int_eq(io_write_all(fd, buf, part), 0);
		n -= part;
	}
}

/* Writes as much as fits without waiting for a reader. */
static size_t fill_up(int fd)
{
	char buf[4096] = { 0 };
	size_t total = 0;
	ssize_t n;

	fd_set_nonblock(fd, true);
	while ((n = write(fd, buf, sizeof(buf))) > 0)
		total += (size_t)n;
	fd_set_nonblock(fd, false);
	return total;
}

static void send_data(size_t n)
{
	static char buf[WIRE_MAX_DATA];

	for (; n > 0; n -= n < sizeof(buf) ? n : sizeof(buf))
		ck_assert_int_eq(
			wire_send(t.host, WIRE_DATA, ID, buf, n < sizeof(buf) ? n : sizeof(buf)), 0);
}

static void close_child(void)
{
	for (int i = 0; i < 3; i++)
		t.child[i] = fd_close(t.child[i]);
}

START_TEST(output_stops_without_credit)
{
	set_up(true);
	size_t total = 0;
	for (int i = 0; i < 20; i++) {
		total += fill_up(t.child[1]);
		settle();
	}
	ck_assert_uint_gt(total, WIRE_WINDOW);
	ck_assert_uint_eq(t.out[0].len, WIRE_WINDOW);
	/* The other stream has credit of its own. */
	fill(t.child[2], 10);
	settle();
	ck_assert_uint_eq(t.out[1].len, 10);
	wire_send_credit(t.host, ID + 1, 1);
	settle();
	ck_assert_uint_eq(t.out[0].len, WIRE_WINDOW + 1);
	wire_send_credit(t.host, ID + 1, WIRE_WINDOW);
	settle();
	ck_assert_uint_eq(t.out[0].len, total);
	close_child();
	settle();
	ck_assert(t.eof[0] && t.eof[1] && !t.flushed);
	stdio_exited(&t.io);
	ck_assert(t.flushed);
	tear_down();
}
END_TEST

/* What is moved by pages is what was written, in sizes that fit no page, among small pieces. */
START_TEST(bulk_output)
{
	static const size_t sizes[] = { 300000, 1, 4097, 5000, 65536, 3, 123457, 262144, 4096, 77777 };
	struct buf sent = { 0 };
	unsigned int seed = 1;

	set_up(true);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_free_ char *p = malloc(sizes[i]);

		for (size_t k = 0; k < sizes[i]; k++)
			p[k] = (char)(seed = seed * 1103515245 + 12345);
		buf_append(&sent, p, sizes[i]);
		ck_assert_int_eq(io_write_all(t.child[1], p, sizes[i]), 0);
		settle();
	}
	ck_assert(t.mux.bulk.made);
	ck_assert_uint_le(sent.len, WIRE_WINDOW);
	ck_assert_uint_eq(t.out[0].len, sent.len);
	ck_assert_int_eq(memcmp(t.out[0].data, sent.data, sent.len), 0);
	/* The end: what is still in the pipe comes, and is all that comes. */
	fill(t.child[1], 50000);
	stdio_exited(&t.io);
	ck_assert(t.flushed);
	settle();
	ck_assert_uint_eq(t.out[0].len, sent.len + 50000);
	ck_assert(t.eof[0]);
	close_child();
	buf_done(&sent);
	tear_down();
}
END_TEST

/* Pages with a few bytes each: more of them than go into the agent's own pipe at a time. */
START_TEST(bulk_of_crumbs)
{
	size_t total = 0;
	char part[100];

	set_up(true);
	ck_assert_int_eq(fcntl(t.child[1], F_SETFL, O_DIRECT | O_NONBLOCK), 0);
	memset(part, 'y', sizeof(part));
	while (write(t.child[1], part, sizeof(part)) == (ssize_t)sizeof(part))
		total += sizeof(part);
	ck_assert_uint_gt(total, 20000);
	settle();
	ck_assert(t.mux.bulk.made);
	ck_assert_uint_eq(t.out[0].len, total);
	for (size_t i = 0; i < total; i++)
		ck_assert_int_eq(t.out[0].data[i], 'y');
	close_child();
	tear_down();
}
END_TEST

START_TEST(too_much_credit)
{
	set_up(true);
	wire_send_credit(t.host, ID + 1, 1);
	settle();
	ck_assert_int_eq(t.err.code, EPROTO);
	ck_assert_ptr_nonnull(strstr(t.err.msg, "more credit than a window"));
	close_child();
	tear_down();
}
END_TEST

START_TEST(input_credit)
{
	char buf[65536];
	size_t got = 0;

	set_up(true);
	/* The process does not read: what its pipe holds comes back, a window beyond that is kept. */
	send_data(WIRE_WINDOW);
	settle();
	ck_assert_int_eq(t.err.code, 0);
	size_t in_pipe = t.credit;
	ck_assert_int_le((int)in_pipe, fcntl(t.child[0], F_GETPIPE_SZ));
	send_data(in_pipe);
	settle();
	ck_assert_int_eq(t.err.code, 0);
	ck_assert_uint_eq(t.credit, in_pipe);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	while (got < WIRE_WINDOW + in_pipe) {
		ssize_t n = read(t.child[0], buf, sizeof(buf));

		ck_assert_int_gt(n, 0);
		got += (size_t)n;
		settle();
	}
	/* Given back in steps, never more than was taken. */
	ck_assert_uint_eq(t.credit, WIRE_WINDOW + in_pipe);
	ck_assert_int_eq(read(t.child[0], buf, 1), 0);
	close_child();
	tear_down();
}
END_TEST

START_TEST(too_much_input)
{
	set_up(true);
	send_data(WIRE_WINDOW);
	settle();
	ck_assert_int_eq(t.err.code, 0);
	send_data(t.credit + 1);
	settle();
	ck_assert_int_eq(t.err.code, EPROTO);
	ck_assert_ptr_nonnull(strstr(t.err.msg, "more data than credit"));
	close_child();
	tear_down();
}
END_TEST

START_TEST(process_closes_stdin)
{
	set_up(true);
	settle();
	ck_assert(!t.closed_in);
	t.child[0] = fd_close(t.child[0]);
	settle();
	ck_assert(t.closed_in);
	/* On its way already: dropped. */
	send_data(1000);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	ck_assert_int_eq(t.err.code, 0);
	close_child();
	tear_down();
}
END_TEST

START_TEST(host_closes_stdout)
{
	set_up(true);
	wire_send(t.host, WIRE_CLOSE, ID + 1, NULL, 0);
	settle();
	ck_assert(t.eof[0] && !t.eof[1]);
	ck_assert_int_eq(write(t.child[1], "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	wire_send_credit(t.host, ID + 1, 7); /* crossed it */
	settle();
	ck_assert_int_eq(t.err.code, 0);
	close_child();
	tear_down();
}
END_TEST

START_TEST(wrong_frames)
{
	static const struct {
		enum wire_type type;
		uint32_t offset;
	} wrong[] = { { WIRE_DATA, 1 }, { WIRE_EOF, 2 }, { WIRE_CREDIT, 0 }, { WIRE_CLOSE, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		set_up(true);
		wire_send(t.host, wrong[i].type, ID + wrong[i].offset, "\1\0\0\0",
			  wrong[i].type == WIRE_DATA || wrong[i].type == WIRE_CREDIT ? 4 : 0);
		settle();
		ck_assert_int_eq(t.err.code, EPROTO);
		close_child();
		tear_down();
	}
	/* Of a process that has ended meanwhile. */
	set_up(true);
	wire_send(t.host, WIRE_DATA, ID + 400, "late", 4);
	wire_send(t.host, WIRE_CLOSE, ID + 401, NULL, 0);
	settle();
	ck_assert_int_eq(t.err.code, 0);
	ck_assert(!mux_id_free(&t.mux, ID) && !mux_id_free(&t.mux, ID - 2) &&
		  mux_id_free(&t.mux, ID + 4));
	close_child();
	tear_down();
}
END_TEST

START_TEST(rest_at_exit)
{
	set_up(true);
	for (int i = 0; i < 20; i++) {
		fill_up(t.child[1]);
		settle();
	}
	size_t sent = t.out[0].len;
	/* It ends with a full pipe, which a grandchild keeps and goes on writing to. */
	stdio_exited(&t.io);
	settle();
	ck_assert(!t.flushed && !t.eof[0]);
	wire_send_credit(t.host, ID + 1, 100);
	settle();
	ck_assert_uint_eq(t.out[0].len, sent + 100);
	ck_assert(!t.flushed);
	wire_send_credit(t.host, ID + 1, WIRE_WINDOW - 100);
	settle();
	ck_assert_uint_gt(t.out[0].len, sent + 4096);
	ck_assert(t.flushed && t.eof[0] && t.eof[1]);
	sent = t.out[0].len;
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_gt(fill_up(t.child[1]), 0);
		settle();
	}
	ck_assert_uint_eq(t.out[0].len, sent);
	ck_assert(mux_id_free(&t.mux, ID));
	close_child();
	settle();
	ck_assert_ptr_null(t.mux.streams);
	tear_down();
}
END_TEST

START_TEST(dropped_at_exit)
{
	set_up(true);
	for (int i = 0; i < 20; i++) {
		fill_up(t.child[2]);
		settle();
	}
	stdio_exited(&t.io);
	ck_assert(!t.flushed);
	stdio_drop(&t.io);
	ck_assert(t.flushed);
	settle();
	ck_assert(t.eof[0] && t.eof[1]);
	ck_assert_uint_eq(t.out[1].len, WIRE_WINDOW);
	close_child();
	settle();
	ck_assert_ptr_null(t.mux.streams);
	tear_down();
}
END_TEST

START_TEST(reset)
{
	set_up(true);
	fill(t.child[1], 100);
	t.mux.conn = NULL;
	mux_reset(&t.mux);
	settle();
	ck_assert_ptr_null(t.io.v[0]);
	ck_assert_ptr_null(t.io.v[1]);
	/* Nobody listens, but nobody is stopped either. */
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_gt(fill_up(t.child[1]), 0);
		settle();
	}
	stdio_exited(&t.io);
	ck_assert(t.flushed);
	close_child();
	settle();
	tear_down();
}
END_TEST

/* ---- terminals ---- */

static int open_terminal(void)
{
	int master, slave, own;

	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	own = fd_dup(slave);
	unit_ok(stdio_open_tty(&t.io, master, slave, &t.err), &t.err);
	return own;
}

START_TEST(terminal_end_of_input)
{
	char buf[64];

	set_up(false);
	int slave = open_terminal();
	wire_send(t.host, WIRE_DATA, ID, "line\n", 5);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 5);
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 0);
	/* In the middle of a line too. */
	wire_send(t.host, WIRE_DATA, ID, "part", 4);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 4);
	ck_assert_int_eq(read(slave, buf, sizeof(buf)), 0);
	/* Raw: nothing stands for the end. */
	struct termios raw;
	ck_assert_int_eq(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	ck_assert_int_eq(tcsetattr(slave, TCSANOW, &raw), 0);
	wire_send(t.host, WIRE_EOF, ID, NULL, 0);
	settle();
	int waiting = -1;
	ck_assert_int_eq(ioctl(slave, FIONREAD, &waiting), 0);
	ck_assert_int_eq(waiting, 0);
	close(slave);
	tear_down();
}
END_TEST

START_TEST(terminal_output)
{
	set_up(false);
	int slave = open_terminal();
	ck_assert_int_eq(write(slave, "before", 6), 6);
	settle();
	ck_assert_uint_eq(t.out[0].len, 6);
	/* Everybody closing it is no end as long as the process lives. */
	int again = fd_dup(slave);
	close(slave);
	settle();
	ck_assert_int_eq(write(again, " and last", 9), 9);
	close(again);
	stdio_exited(&t.io);
	ck_assert(t.flushed);
	settle();
	ck_assert_uint_eq(t.out[0].len, 15);
	ck_assert(t.eof[0]);
	ck_assert_ptr_null(t.mux.streams);
	tear_down();
}
END_TEST

START_TEST(terminal_hang_up)
{
	char c;

	set_up(false);
	int slave = open_terminal();
	wire_send(t.host, WIRE_CLOSE, ID + 1, NULL, 0);
	settle();
	ck_assert_int_eq(read(slave, &c, 1), 0);
	ck_assert_int_eq(write(slave, "x", 1), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_lt(stdio_tty(&t.io), 0);
	close(slave);
	tear_down();
}
END_TEST

/* Descriptors beyond the standard ones; the host's frames of them go to the same two buffers. */
START_TEST(passed)
{
	struct passed p[] = { { .in = true }, { .out = true }, { .in = true, .out = true } };
	char buf[16] = "";

	set_up(true);
	unit_ok(stdio_open_passed(&t.io, p, 3, &t.err), &t.err);
	wire_send(t.host, WIRE_DATA, ID + wire_passed_stream(0, true), "one", 3);
	wire_send(t.host, WIRE_EOF, ID + wire_passed_stream(0, true), NULL, 0);
	wire_send(t.host, WIRE_DATA, ID + wire_passed_stream(2, true), "three", 5);
	settle();
	ck_assert_int_eq(read(p[0].child, buf, sizeof(buf)), 3);
	ck_assert_int_eq(read(p[0].child, buf, sizeof(buf)), 0);
	ck_assert_int_eq(read(p[2].child, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, "three", 5);
	/* One that is closed for writing can still be read from. */
	wire_send(t.host, WIRE_EOF, ID + wire_passed_stream(2, true), NULL, 0);
	settle();
	ck_assert_int_eq(read(p[2].child, buf, sizeof(buf)), 0);
	ck_assert_int_eq(write(p[2].child, "answer", 6), 6);
	ck_assert_int_eq(write(p[1].child, "two", 3), 3);
	settle();
	ck_assert_uint_eq(t.passed, 9);
	/* Nobody reads any more: it is told so, although the socket stays open. */
	wire_send(t.host, WIRE_CLOSE, ID + wire_passed_stream(2, false), NULL, 0);
	settle();
	ck_assert_int_eq(send(p[2].child, "lost", 4, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
	/* The process ends, and what it wrote still arrives; others may have its descriptors. */
	ck_assert_int_eq(write(p[1].child, "rest", 4), 4);
	stdio_exited(&t.io);
	settle();
	ck_assert_uint_eq(t.passed, 13);
	ck_assert(t.flushed);
	close_child();
	for (int i = 0; i < 3; i++)
		close(p[i].child);
	/* A stream that was not made is nobody's: late frames are no error. */
	wire_send(t.host, WIRE_DATA, ID + wire_passed_stream(1, true), "x", 1);
	settle();
	tear_down();
}
END_TEST

UNIT_MAIN("agent_stdio", output_stops_without_credit, bulk_output, bulk_of_crumbs, too_much_credit,
	  input_credit, too_much_input, process_closes_stdin, host_closes_stdout, wrong_frames,
	  rest_at_exit, dropped_at_exit, reset, terminal_end_of_input, terminal_output,
	  terminal_hang_up, passed)
