/* SPDX-License-Identifier: Apache-2.0 */
/* Connections on a loop: an end that counts what comes, and a peer that is the test itself. */
#ifndef MOAT_TESTS_TEST_WIRE_CONN_H
#define MOAT_TESTS_TEST_WIRE_CONN_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/sock.h"
#include "wire/conn.h"

/* One end under test; it stops the loop after `want` frames or at its close. */
struct end {
	struct loop *loop;
	struct wire_conn *c;
	unsigned int frames, want, drained, closed;
	size_t bytes; /* of payload */
	struct wire_frame last; /* without payload */
	uint8_t first[64];
	uint32_t order[64]; /* ids in the order of arrival */
	uint64_t sum;
	bool free_in_frame, free_in_closed, refuse, echo;
	struct err err;
};

static inline int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data,
			   struct err *err)
{
	struct end *e = data;

	ck_assert_ptr_eq(c, e->c);
	if (e->frames < ARRAY_SIZE(e->order))
		e->order[e->frames] = f->id;
	e->frames++;
	e->bytes += f->len;
	e->last = *f;
	e->last.payload = NULL;
	for (uint32_t i = 0; i < f->len; i++)
		e->sum = e->sum * 31 + f->payload[i];
	memcpy(e->first, f->payload, f->len < sizeof(e->first) ? f->len : sizeof(e->first));
	if (e->free_in_frame) {
		wire_conn_free(c);
		ck_assert_int_eq(wire_send(c, WIRE_EOF, 1, NULL, 0),
				 -EPIPE); /* memory lives until we return */
		e->c = NULL;
		if (f->len)
			e->sum += f->payload[f->len - 1];
		loop_quit(e->loop, 0);
		return 0;
	}
	if (e->echo)
		ck_assert_int_eq(wire_send(c, f->type, f->id, f->payload, f->len), 0);
	if (e->refuse)
		return err_set(err, EBADMSG, "refused by the handler");
	if (e->frames == e->want)
		loop_quit(e->loop, 0);
	return 0;
}

static inline void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct end *e = data;

	ck_assert_ptr_eq(c, e->c);
	e->closed++;
	e->err = *err;
	ck_assert_int_eq(wire_send(c, WIRE_EOF, 1, NULL, 0), -EPIPE);
	if (e->free_in_closed) {
		wire_conn_free(c);
		e->c = NULL;
	}
	loop_quit(e->loop, 0);
}

static inline void on_drained(struct wire_conn *c, void *data)
{
	struct end *e = data;

	ck_assert_uint_eq(wire_conn_queued(c), 0);
	e->drained++;
	loop_quit(e->loop, 0);
}

static const struct wire_handler handler = { on_frame, on_closed, on_drained };

static inline void end_init(struct end *e, struct loop *loop, int fd, bool requests, bool port)
{
	struct wire_options opt = { .accept_requests = requests, .port = port };
	struct err err = { 0 };

	*e = (struct end){ .loop = loop };
	unit_ok(wire_conn_new(loop, fd, &opt, &handler, e, &e->c, &err), &err);
	ck_assert_int_eq(wire_conn_fd(e->c), fd);
}

static inline struct loop *new_loop(void)
{
	struct err err = { 0 };
	struct loop *l;

	signal(SIGPIPE, SIG_IGN);
	unit_ok(loop_new(&l, &err), &err);
	return l;
}

static inline void new_pair(int fd[2])
{
	struct err err = { 0 };

	unit_ok(sock_pair(fd, &err), &err);
}

static inline void run(struct loop *l)
{
	struct err err = { 0 };

	unit_ok(loop_run(l, &err), &err);
}

static inline void put(int fd, enum wire_type type, uint32_t id, const void *payload, uint32_t len)
{
	uint8_t h[WIRE_HEADER_SIZE];

	wire_put_header(h, type, id, len);
	ck_assert_int_eq(io_write_all(fd, h, sizeof(h)), 0);
	if (len)
		ck_assert_int_eq(io_write_all(fd, payload, len), 0);
}

static inline uint8_t *pattern(size_t len, uint64_t *sum)
{
	uint8_t *p = malloc(len);

	*sum = 0;
	for (size_t i = 0; i < len; i++) {
		p[i] = (uint8_t)(i * 7 + i / 251);
		*sum = *sum * 31 + p[i];
	}
	return p;
}

#endif
