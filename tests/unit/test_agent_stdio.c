/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the agent over pipes. */
#include <fcntl.h>

#include "agent/stdio.h"
#include "base/cleanup.h"
#include "tests/unit/test_agent_stdio.h"

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
	  rest_at_exit, dropped_at_exit, reset, passed)
