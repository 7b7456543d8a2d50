// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "base/cleanup.h"
#include "tests/unit/unit.h"
#include "wire/frame.h"
#include "wire/queue.h"

START_TEST(header_round_trip)
{
	static const struct {
		enum wire_type type;
		uint32_t id, len;
	} rows[] = {
		{ WIRE_HELLO, 0, 0 },
		{ WIRE_HELLO, 0, WIRE_MAX_HELLO },
		{ WIRE_REQUEST, 1, 2 },
		{ WIRE_REQUEST, UINT32_MAX, WIRE_MAX_REQUEST },
		{ WIRE_REPLY, 7, WIRE_MAX_REPLY },
		{ WIRE_EVENT, 0, WIRE_MAX_EVENT },
		{ WIRE_DATA, 4, 1 },
		{ WIRE_DATA, 0xfffffffe, WIRE_MAX_DATA },
		{ WIRE_EOF, 4, 0 },
		{ WIRE_CREDIT, 4, 4 },
		{ WIRE_CLOSE, 4, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t h[WIRE_HEADER_SIZE];
		struct wire_frame f;
		struct err err = { 0 };

		wire_put_header(h, rows[i].type, rows[i].id, rows[i].len);
		ck_assert_uint_eq(h[0] | h[1] << 8 | h[2] << 16 | (uint32_t)h[3] << 24, rows[i].len);
		unit_ok(wire_get_header(h, true, &f, &err), &err);
		ck_assert_int_eq(f.type, rows[i].type);
		ck_assert_uint_eq(f.id, rows[i].id);
		ck_assert_uint_eq(f.len, rows[i].len);
		ck_assert(wire_length_valid(rows[i].type, rows[i].len));
	}
}
END_TEST

START_TEST(header_violations)
{
	static const struct {
		uint8_t type, pad[3];
		uint32_t id, len;
		const char *part;
	} rows[] = {
		{ 0, { 0 }, 0, 0, "unknown type 0" },
		{ 9, { 0 }, 0, 0, "unknown type 9" },
		{ 255, { 0 }, 0, 0, "unknown type 255" },
		{ WIRE_EVENT, { 1, 0, 0 }, 0, 2, "padding" },
		{ WIRE_EVENT, { 0, 1, 0 }, 0, 2, "padding" },
		{ WIRE_EVENT, { 0, 0, 0x80 }, 0, 2, "padding" },
		{ WIRE_HELLO, { 0 }, 0, WIRE_MAX_HELLO + 1, "HELLO frame of 4097 bytes" },
		{ WIRE_HELLO, { 0 }, 1, 2, "HELLO frame with id 1" },
		{ WIRE_REQUEST, { 0 }, 1, WIRE_MAX_REQUEST + 1, "REQUEST frame of" },
		{ WIRE_REPLY, { 0 }, 1, WIRE_MAX_REPLY + 1, "REPLY frame of" },
		{ WIRE_REPLY, { 0 }, 1, 1u << 31, "REPLY frame of" },
		{ WIRE_REPLY, { 0 }, 1, UINT32_MAX, "REPLY frame of 4294967295" },
		{ WIRE_EVENT, { 0 }, 0, WIRE_MAX_EVENT + 1, "EVENT frame of" },
		{ WIRE_EVENT, { 0 }, 3, 2, "EVENT frame with id 3" },
		{ WIRE_DATA, { 0 }, 1, 0, "DATA frame of 0 bytes" },
		{ WIRE_DATA, { 0 }, 1, WIRE_MAX_DATA + 1, "DATA frame of 262145" },
		{ WIRE_EOF, { 0 }, 1, 1, "EOF frame of 1" },
		{ WIRE_CREDIT, { 0 }, 1, 0, "CREDIT frame of 0" },
		{ WIRE_CREDIT, { 0 }, 1, 3, "CREDIT frame of 3" },
		{ WIRE_CREDIT, { 0 }, 1, 5, "CREDIT frame of 5" },
		{ WIRE_CLOSE, { 0 }, 1, 4, "CLOSE frame of 4" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t h[WIRE_HEADER_SIZE];
		struct wire_frame f = { .len = 77 };
		struct err err = { 0 };

		wire_put_header(h, rows[i].type, rows[i].id, rows[i].len);
		memcpy(h + 5, rows[i].pad, 3);
		unit_fails(wire_get_header(h, true, &f, &err), EPROTO, &err, rows[i].part);
		ck_assert_uint_eq(f.len, 77); /* untouched */
	}
}
END_TEST

START_TEST(requests_go_one_way)
{
	uint8_t h[WIRE_HEADER_SIZE];
	struct wire_frame f;
	struct err err = { 0 };

	wire_put_header(h, WIRE_REQUEST, 1, 2);
	unit_fails(wire_get_header(h, false, &f, &err), EPROTO, &err, "takes none");
}
END_TEST

START_TEST(lengths_of_senders)
{
	ck_assert(!wire_length_valid(0, 0));
	ck_assert(!wire_length_valid(WIRE_CLOSE + 1, 0));
	ck_assert(!wire_length_valid(WIRE_DATA, 0));
	ck_assert(!wire_length_valid(WIRE_DATA, WIRE_MAX_DATA + 1));
	ck_assert(!wire_length_valid(WIRE_REPLY, SIZE_MAX));
	ck_assert(!wire_length_valid(WIRE_REPLY, (size_t)UINT32_MAX + 2)); /* 1 when cut to 32 bits */
}
END_TEST

START_TEST(window)
{
	struct wire_window w;

	wire_window_init(&w);
	ck_assert_uint_eq(w.avail, WIRE_WINDOW);
	ck_assert(!wire_window_give(&w, 1));
	ck_assert(wire_window_give(&w, 0));
	ck_assert(!wire_window_take(&w, WIRE_WINDOW + 1));
	ck_assert(!wire_window_take(&w, UINT32_MAX));
	ck_assert_uint_eq(w.avail, WIRE_WINDOW);
	ck_assert(wire_window_take(&w, WIRE_WINDOW));
	ck_assert_uint_eq(w.avail, 0);
	ck_assert(!wire_window_take(&w, 1));
	ck_assert(wire_window_take(&w, 0));
	ck_assert(!wire_window_give(&w, UINT32_MAX));
	ck_assert(!wire_window_give(&w, WIRE_WINDOW + 1));
	ck_assert(wire_window_give(&w, 100));
	ck_assert(!wire_window_give(&w, WIRE_WINDOW - 99));
	ck_assert(!wire_window_give(&w, UINT32_MAX - 50)); /* would wrap */
	ck_assert_uint_eq(w.avail, 100);
	ck_assert(wire_window_give(&w, WIRE_WINDOW - 100));
	ck_assert_uint_eq(w.avail, WIRE_WINDOW);
}
END_TEST

/* Random pieces in, random pieces out, against a plain array. */
START_TEST(queue_keeps_order)
{
	struct wire_queue q = { 0 };
	uint8_t piece[9000];
	uint32_t in = 0, out = 0;
	unsigned int seed = 7;

	for (int round = 0; round < 3000; round++) {
		size_t len = (size_t)rand_r(&seed) % (round % 7 == 0 ? sizeof(piece) : 40);
		size_t skip = len ? (size_t)rand_r(&seed) % (len + 3) : 0;
		size_t cut = len ? (size_t)rand_r(&seed) % len : 0;
		struct iovec iov[2] = { { piece, cut }, { piece + cut, len - cut } };
		const uint8_t *p;
		size_t n, before = q.len;

		for (size_t i = 0; i < len; i++)
			piece[i] = (uint8_t)((in + i - skip) * 31);
		ck_assert_int_eq(wire_queue_append(&q, iov, 2, skip), 0);
		in += len > skip ? (uint32_t)(len - skip) : 0;
		ck_assert_uint_eq(q.len, before + (len > skip ? len - skip : 0));
		for (size_t left = (size_t)rand_r(&seed) % (q.len + 1); left > 0; left -= n) {
			n = wire_queue_peek(&q, (const void **)&p);
			ck_assert_uint_gt(n, 0);
			if (n > left)
				n = left;
			for (size_t i = 0; i < n; i++)
				ck_assert_uint_eq(p[i], (uint8_t)((out + i) * 31));
			out += (uint32_t)n;
			wire_queue_consume(&q, n);
		}
		ck_assert_uint_eq(q.len, in - out);
	}
	wire_queue_clear(&q);
	ck_assert_uint_eq(q.len, 0);
	ck_assert_ptr_null(q.head);
	ck_assert_ptr_null(q.tail);
	wire_queue_clear(&q);
}
END_TEST

START_TEST(streams)
{
	ck_assert(wire_to_process(0) && !wire_to_process(1) && !wire_to_process(2));
	for (size_t n = 0; n < WIRE_PASSED_MAX; n++) {
		ck_assert(wire_to_process(wire_passed_stream(n, true)));
		ck_assert(!wire_to_process(wire_passed_stream(n, false)));
		ck_assert(!wire_stream_exists(wire_passed_stream(n, true), n));
		ck_assert(wire_stream_exists(wire_passed_stream(n, false), n + 1));
		ck_assert_uint_lt(wire_passed_stream(n, false), WIRE_STREAMS);
	}
	ck_assert(wire_stream_exists(2, 0) && !wire_stream_exists(3, 0) && !wire_stream_exists(3, 9));
}
END_TEST

UNIT_MAIN("wire_frame", header_round_trip, header_violations, requests_go_one_way,
	  lengths_of_senders, window, queue_keeps_order, streams)
