/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/resolver.h"
#include "agent/stream.h"
#include "wire/frame.h"

static struct stream *find(const struct mux *m, uint32_t id)
{
	for (struct stream *st = m->streams; st; st = st->next)
		if (st->id == id && (st->owner || st->input))
			return st;
	return NULL;
}

bool mux_id_free(const struct mux *m, uint32_t id)
{
	for (const struct stream *st = m->streams; st; st = st->next)
		if (st->id - id < WIRE_STREAMS && (st->owner || st->input))
			return false;
	return true;
}

static int credit(struct stream *st, const struct wire_frame *f, struct err *err)
{
	if (!wire_window_give(&st->window, wire_get_u32(f->payload)))
		return err_set(err, EPROTO, "stream %u: more credit than a window", st->id);
	stream_pump(st);
	return 0;
}

int mux_frame(struct mux *m, const struct wire_frame *f, struct err *err)
{
	struct stream *st = find(m, f->id);

	/* Late for a process that has ended: both sides were right. */
	if (!st)
		return resolvers_frame(m, f, err);
	switch (f->type) {
	case WIRE_DATA:
		if (st->input)
			return stream_data(st, f->payload, f->len, err);
		break;
	case WIRE_EOF:
		if (!st->input)
			break;
		stream_eof(st);
		return 0;
	case WIRE_CREDIT:
		if (!st->input)
			return credit(st, f, err);
		break;
	case WIRE_CLOSE:
		if (st->input)
			break;
		stream_close(st);
		return 0;
	default:
		break;
	}
	return err_set(err, EPROTO, "frame of type %d for stream %u", (int)f->type, f->id);
}

/* A pumped stream may go away, and take its owner's others with it: start over after each that was waiting. */
void mux_drained(struct mux *m)
{
	struct stream *st = m->streams;

	while (st && m->conn && wire_conn_queued(m->conn) == 0) {
		if (st->paused && st->owner && st->window.avail > 0) {
			stream_pump(st);
			st = m->streams;
		} else {
			st = st->next;
		}
	}
	resolvers_resume(m);
}

void mux_reset(struct mux *m)
{
	struct stream *st = m->streams;

	resolvers_stop(m);
	while (st) {
		struct stdio *s = st->owner;

		if (!s) {
			st = st->next;
			continue;
		}
		if (st->input) {
			s->v[st->id - s->id] = NULL;
			stream_free(st);
		} else {
			stream_orphan(st);
			stdio_check(s);
		}
		st = m->streams;
	}
}
