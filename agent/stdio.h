/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams of processes on the channel, and of descriptors that were
 * passed to them, with credit (PROTOCOL.md, Streams). A mux holds the streams of
 * all processes; a stdio those of one. Input that a process does
 * not take is kept, at most one window; output is read only as far as there is
 * credit and the channel takes it. So every buffer is bounded, and no stream
 * waits for another.
 */
#ifndef MOAT_AGENT_STDIO_H
#define MOAT_AGENT_STDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/bulk.h"
#include "base/loop.h"
#include "wire/conn.h"

struct resolver;
struct stream;

struct mux {
	struct loop *loop;
	struct wire_conn *conn; /* NULL: nobody to send to */
	struct stream *streams;
	struct resolver *resolvers; /* agent/resolver.h: streams that are no descriptor's */
	struct bulk bulk;
};

struct stdio {
	struct mux *mux;
	uint32_t id; /* of stream + 0 */
	struct stream *v[WIRE_STREAMS]; /* by number: wire/frame.h */
	int slave; /* of a terminal, held open so that the master never hangs up early; -EBADF */
	bool exited;
	uint64_t sent; /* bytes of output; grows as long as somebody reads */
	/* The process has ended and everything it wrote was sent, or dropped. Called once, last thing of all. */
	void (*on_flushed)(void *data);
	void *data;
};

/* A frame of type DATA, EOF, CREDIT or CLOSE. Fails on a protocol error only. */
int mux_frame(struct mux *m, const struct wire_frame *f, struct err *err);
/* The channel can take more. */
void mux_drained(struct mux *m);
/* The peer of all streams is gone: input ends, output is dropped. */
void mux_reset(struct mux *m);
/* True if no process has the ids from id on. */
bool mux_id_free(const struct mux *m, uint32_t id);

/* on_flushed is set by the caller. */
void stdio_init(struct stdio *s, struct mux *m, uint32_t id);
/* Makes three pipes, larger than usual; child gets the ends for a process. On failure nothing is left open. */
int stdio_open_pipes(struct stdio *s, int child[3], struct err *err);
/* What a descriptor of the host is for. */
struct passed {
	bool in, out; /* one, or both: to the process, from the process */
	int child; /* its end, a pipe's or a socket's */
};
/* The streams of n of them; child ends are the caller's, also after a failure (-EBADF: not made). */
int stdio_open_passed(struct stdio *s, struct passed *v, size_t n, struct err *err);
/* Takes over a terminal's master and slave, also on failure. */
int stdio_open_tty(struct stdio *s, int master, int slave, struct err *err);
/* The terminal's master, or -EBADF. */
int stdio_tty(const struct stdio *s);
/* The process has ended: what it wrote is sent, then on_flushed comes (maybe at once). */
void stdio_exited(struct stdio *s);
/* Does not wait for credit any more. on_flushed comes at once if stdio_exited() was called. */
void stdio_drop(struct stdio *s);
/* Closes everything; nothing is sent. */
void stdio_done(struct stdio *s);

#endif
