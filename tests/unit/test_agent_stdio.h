/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the agent against a host on the other end of a socket pair; the test plays the process too. */
#ifndef MOAT_TESTS_TEST_AGENT_STDIO_H
#define MOAT_TESTS_TEST_AGENT_STDIO_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>

#include "agent/stdio.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
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
	void (*on_resolver)(const struct wire_frame *f); /* frames of a resolver's streams */
	struct err err;
} t;

static inline int on_agent_frame(struct wire_conn *c, const struct wire_frame *f, void *data,
				 struct err *err)
{
	return mux_frame(&t.mux, f, err);
}

static inline void on_agent_closed(struct wire_conn *c, const struct err *err, void *data)
{
	t.err = *err;
	loop_quit(t.loop, 0);
}

static inline void on_agent_drained(struct wire_conn *c, void *data)
{
	mux_drained(&t.mux);
}

static inline int on_host_frame(struct wire_conn *c, const struct wire_frame *f, void *data,
				struct err *err)
{
	if (f->id - ID >= WIRE_ANSWERS && t.on_resolver)
		t.on_resolver(f);
	else if (f->id - ID >= 4 && f->type == WIRE_DATA)
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

static inline void on_host_closed(struct wire_conn *c, const struct err *err, void *data)
{
}

static inline void on_timer(struct loop_source *src, void *data)
{
	t.over = true;
	loop_quit(t.loop, 0);
}

static inline void on_flushed(void *data)
{
	ck_assert(!t.flushed);
	t.flushed = true;
}

static inline void set_up(bool pipes)
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

static inline void tear_down(void)
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
static inline void settle(void)
{
	struct err err;

	t.over = false;
	loop_set_timer(t.timer, 50);
	while (!t.over && !t.err.code)
		unit_ok(loop_run(t.loop, &err), &err);
}

static inline void fill(int fd, size_t n)
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
static inline size_t fill_up(int fd)
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

static inline void send_data(size_t n)
{
	static char buf[WIRE_MAX_DATA];

	for (; n > 0; n -= n < sizeof(buf) ? n : sizeof(buf))
		ck_assert_int_eq(
			wire_send(t.host, WIRE_DATA, ID, buf, n < sizeof(buf) ? n : sizeof(buf)), 0);
}

static inline void close_child(void)
{
	for (int i = 0; i < 3; i++)
		t.child[i] = fd_close(t.child[i]);
}

#endif
