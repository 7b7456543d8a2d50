/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a connection: whole, in order, within limits, to the end. */
#include <sys/socket.h>

#include "tests/unit/test_wire_conn.h"
#include "wire/message.h"

struct trickle {
	struct loop *loop;
	int fd;
	const uint8_t *p;
	size_t len;
};

static void trickle_one(struct loop_source *src, void *data)
{
	struct trickle *t = data;

	if (t->len == 0)
		return;
	ck_assert_int_eq(write(t->fd, t->p, 1), 1);
	t->p++;
	t->len--;
	loop_set_timer(src, 0);
}

/* Every byte arrives in a turn of its own. */
START_TEST(one_byte_a_turn)
{
	struct loop *l = new_loop();
	struct end e;
	int fd[2];
	uint8_t bytes[3 * WIRE_HEADER_SIZE + 4 + 7];
	struct trickle t;

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	wire_put_header(bytes, WIRE_CREDIT, 1, 4);
	wire_put_u32(bytes + 12, 77);
	wire_put_header(bytes + 16, WIRE_EOF, 2, 0);
	wire_put_header(bytes + 28, WIRE_DATA, 3, 7);
	memcpy(bytes + 40, "abcdefg", 7);
	t = (struct trickle){ l, fd[1], bytes, sizeof(bytes) };
	struct loop_source *src = loop_add_timer(l, 0, trickle_one, &t, NULL);
	e.want = 3;
	run(l);
	ck_assert_uint_eq(e.frames, 3);
	ck_assert_uint_eq(e.order[0], 1);
	ck_assert_uint_eq(e.order[1], 2);
	ck_assert_uint_eq(e.order[2], 3);
	ck_assert_mem_eq(e.first, "abcdefg", 7);
	ck_assert_uint_eq(t.len, 0);
	loop_remove(src);
	wire_conn_free(e.c);
	close(fd[1]);
	loop_free(l);
}
END_TEST

START_TEST(header_violation_closes)
{
	static const uint8_t bad[][WIRE_HEADER_SIZE] = {
		{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0 },
		{ 0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, 0, 0, 0, 0 },
		{ 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0 }, /* request on a side that takes none */
		{ 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct loop *l = new_loop();
		struct end e;
		int fd[2];

		new_pair(fd);
		end_init(&e, l, fd[0], false, false);
		put(fd[1], WIRE_EOF, 1, NULL, 0); /* a good one before */
		ck_assert_int_eq(io_write_all(fd[1], bad[i], sizeof(bad[i])), 0);
		put(fd[1], WIRE_EOF, 1, NULL, 0); /* never seen */
		run(l);
		ck_assert_uint_eq(e.frames, 1);
		ck_assert_uint_eq(e.closed, 1);
		ck_assert_int_eq(e.err.code, EPROTO);
		wire_conn_free(e.c);
		close(fd[1]);
		loop_free(l);
	}
}
END_TEST

START_TEST(end_of_file)
{
	static const struct {
		size_t bytes;
		int code;
	} rows[] = { { 0, ENODATA }, { 1, EPROTO },  { 11, EPROTO },
		     { 12, EPROTO }, { 15, EPROTO }, { 16, ENODATA } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct loop *l = new_loop();
		uint8_t frame[16];
		struct end e;
		int fd[2];

		wire_put_header(frame, WIRE_DATA, 1, 4);
		memset(frame + 12, 'x', 4);
		new_pair(fd);
		end_init(&e, l, fd[0], false, false);
		e.free_in_closed = true;
		ck_assert_int_eq(io_write_all(fd[1], frame, rows[i].bytes), 0);
		close(fd[1]);
		run(l);
		ck_assert_uint_eq(e.frames, rows[i].bytes == 16);
		ck_assert_int_eq(e.err.code, rows[i].code);
		ck_assert_uint_eq(e.closed, 1);
		loop_free(l);
	}
}
END_TEST

/* 20 MiB through a socket both ways, with small frames around it: nothing lost, order kept, memory given back. */
START_TEST(large_request)
{
	struct loop *l = new_loop();
	struct end a, b;
	uint64_t sum;
	uint8_t *big = pattern(WIRE_MAX_REQUEST, &sum);
	int fd[2];

	new_pair(fd);
	end_init(&a, l, fd[0], true, false);
	end_init(&b, l, fd[1], true, false);
	ck_assert_int_eq(wire_send(a.c, WIRE_DATA, 1, "x", 1), 0);
	ck_assert_int_eq(wire_send(a.c, WIRE_REQUEST, 2, big, WIRE_MAX_REQUEST), 0);
	ck_assert_int_eq(wire_send(a.c, WIRE_DATA, 3, "y", 1), 0);
	ck_assert_int_eq(wire_send(a.c, WIRE_REQUEST, 4, big, WIRE_MAX_REQUEST + 1), -EMSGSIZE);
	ck_assert_uint_gt(wire_conn_queued(a.c), 0x100000);
	b.want = 3;
	while (b.frames < 3)
		run(l);
	ck_assert_uint_eq(b.bytes, WIRE_MAX_REQUEST + 2);
	ck_assert_uint_eq(b.order[0], 1);
	ck_assert_uint_eq(b.order[1], 2);
	ck_assert_uint_eq(b.order[2], 3);
	while (a.drained == 0)
		run(l);
	ck_assert_uint_eq(a.drained, 1);
	ck_assert_uint_eq(wire_conn_queued(a.c), 0);
	free(big);
	wire_conn_free(a.c);
	wire_conn_free(b.c);
	loop_free(l);
}
END_TEST

/* Two echoing ends with frames of all sizes on many streams. */
START_TEST(interleaving)
{
	struct loop *l = new_loop();
	struct end a, b;
	uint64_t sum, want = 0;
	size_t total = 0;
	uint8_t *p = pattern(WIRE_MAX_DATA, &sum);
	int fd[2];

	new_pair(fd);
	end_init(&a, l, fd[0], false, false);
	end_init(&b, l, fd[1], false, false);
	b.echo = true;
	for (uint32_t i = 0; i < 400; i++) {
		size_t len = (i * 7919) % WIRE_MAX_DATA + 1;

		ck_assert_int_eq(wire_send(a.c, WIRE_DATA, i, p, len), 0);
		total += len;
		for (size_t k = 0; k < len; k++)
			want = want * 31 + p[k];
		if (i % 3 == 0)
			ck_assert_int_eq(wire_send(a.c, WIRE_EOF, i, NULL, 0), 0);
		if (i % 5 == 0)
			ck_assert_int_eq(wire_send_credit(a.c, i, 0), 0);
	}
	a.want = 400 + 134 + 80;
	while (a.frames < a.want)
		run(l);
	ck_assert_uint_eq(a.frames, b.frames);
	ck_assert_uint_eq(a.bytes, total + sizeof(uint32_t) * 80);
	ck_assert_uint_eq(a.sum, b.sum);
	ck_assert_uint_eq(a.closed + b.closed, 0);
	free(p);
	wire_conn_free(a.c);
	wire_conn_free(b.c);
	loop_free(l);
}
END_TEST

START_TEST(freed_in_callbacks)
{
	struct loop *l = new_loop();
	struct end e;
	int fd[2], before = unit_count_fds();

	/* in on_frame, with another frame waiting in the buffer */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	e.free_in_frame = true;
	put(fd[1], WIRE_DATA, 1, "abc", 3);
	put(fd[1], WIRE_DATA, 2, "def", 3);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	ck_assert_uint_eq(e.closed, 0);
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);

	/* in on_closed, after a refused frame */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	e.free_in_closed = e.refuse = true;
	put(fd[1], WIRE_DATA, 1, "abc", 3);
	put(fd[1], WIRE_DATA, 2, "def", 3);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	ck_assert_uint_eq(e.closed, 1);
	ck_assert_int_eq(e.err.code, EBADMSG);
	ck_assert_str_eq(e.err.msg, "refused by the handler");
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);

	/* with output queued, twice, and NULL */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	for (int i = 0; i < 100; i++) {
		static const uint8_t zeros[WIRE_MAX_DATA];

		ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, zeros, sizeof(zeros)), 0);
	}
	ck_assert_uint_gt(wire_conn_queued(e.c), 0);
	wire_conn_freep(&e.c);
	wire_conn_free(NULL);
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);
	loop_free(l);
}
END_TEST

/* What the peer said before it left is read although our writing fails first. */
START_TEST(last_words)
{
	struct loop *l = new_loop();
	struct end e;
	int fd[2];

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	for (uint32_t i = 0; i < 50; i++)
		put(fd[1], WIRE_DATA, i, "abc", 3);
	close(fd[1]);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, "x", 1),
			 0); /* EPIPE inside, no callback from here */
	ck_assert_uint_eq(e.closed + e.frames, 0);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, "x", 1), 0);
	ck_assert_uint_eq(wire_conn_queued(e.c), 0);
	run(l);
	ck_assert_uint_eq(e.frames, 50);
	ck_assert_uint_eq(e.closed, 1);
	wire_conn_free(e.c);

	/* the reading side of the peer alone is gone: nothing but the write tells */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	put(fd[1], WIRE_DATA, 7, "abc", 3);
	ck_assert_int_eq(shutdown(fd[1], SHUT_RD), 0);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, "x", 1), 0);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	ck_assert_int_eq(e.err.code, EPIPE);
	wire_conn_free(e.c);
	close(fd[1]);
	loop_free(l);
}
END_TEST

/* A peer that stops reading fills the queue of its own connection only. */
START_TEST(stalled_peer)
{
	static uint8_t block[65536];
	struct loop *l = new_loop();
	struct end e;
	int fd[2];

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, block, sizeof(block)), 0);
	size_t queued = wire_conn_queued(e.c);
	ck_assert_uint_le(queued, 4 * (sizeof(block) + WIRE_HEADER_SIZE));
	size_t rest = 4 * (sizeof(block) + WIRE_HEADER_SIZE);
	while (rest > 0) {
		uint8_t buf[70000];
		ssize_t n = recv(fd[1], buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0) {
			run(l); /* until drained */
			continue;
		}
		rest -= (size_t)n;
	}
	ck_assert_uint_eq(wire_conn_queued(e.c), 0);
	wire_conn_free(e.c);
	close(fd[1]);
	loop_free(l);
}
END_TEST

START_TEST(json_senders)
{
	struct loop *l = new_loop();
	struct end e;
	struct err err = { 0 };
	int fd[2];

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	json_t *params = json_pack("{s:s}", "id", "c1");
	ck_assert_int_eq(wire_send_request(e.c, 3, "container.start", params), 0);
	ck_assert_uint_eq(params->refcount, 1);
	json_decref(params);
	ck_assert_int_eq(wire_send_request(e.c, 4, "x", NULL), 0);
	ck_assert_int_eq(wire_send_result(e.c, 5, NULL), 0);
	err_set(&err, ENOENT, "no \x1b[31m\xff such\nfile");
	ck_assert_int_eq(wire_send_error(e.c, 6, &err), 0);
	json_t *event = json_pack("{s:s,s:i}", "event", "exit", "code", 3);
	ck_assert_int_eq(wire_send_event(e.c, event), 0);
	json_decref(event);
	wire_conn_free(e.c);

	static const char *const want[] = {
		"{\"method\":\"container.start\",\"params\":{\"id\":\"c1\"}}",
		"{\"method\":\"x\"}",
		"{\"result\":{}}",
		"{\"error\":{\"code\":2,\"message\":\"no ?[31m? such file\"}}",
		"{\"event\":\"exit\",\"code\":3}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		uint8_t h[WIRE_HEADER_SIZE];
		char body[256];
		struct wire_frame f;

		ck_assert_int_eq(io_read_all(fd[1], h, sizeof(h)), 0);
		err.code = 0;
		unit_ok(wire_get_header(h, true, &f, &err), &err);
		ck_assert_int_eq(io_read_all(fd[1], body, f.len), 0);
		body[f.len] = '\0';
		ck_assert_str_eq(body, want[i]);
	}
	close(fd[1]);
	loop_free(l);
}
END_TEST

UNIT_MAIN("wire_conn", one_byte_a_turn, header_violation_closes, end_of_file, large_request,
	  interleaving, freed_in_callbacks, last_words, stalled_peer, json_senders)
