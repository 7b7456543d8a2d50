/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams between descriptors 0, 1, 2, those that were passed, and an attached connection. What is
 * held here is bounded by the credit: at most WIRE_WINDOW for each direction of a stream.
 */
#ifndef MOAT_STANDIN_RELAY_H
#define MOAT_STANDIN_RELAY_H

#include <stdbool.h>

#include "base/loop.h"
#include "standin/setup.h"
#include "standin/sio.h"
#include "wire/conn.h"
#include "wire/queue.h"

struct relay;

struct input {
	struct relay *relay;
	uint32_t stream;
	struct sio io;
	struct loop_source *src; /* while data is wanted: the descriptor, or */
	struct loop_source *turn; /* for what epoll refuses: the next turn of the loop */
	struct wire_window credit;
	bool started, done;
};

struct output {
	struct relay *relay;
	uint32_t stream;
	struct sio io;
	struct loop_source *src; /* while something is queued */
	struct wire_queue queue;
	struct wire_window window; /* what the other side may still send */
	uint32_t owed; /* written, not yet given back as credit */
	bool eof; /* the other side has sent all */
	bool closed; /* nobody reads it any more: data is dropped */
};

struct relay {
	struct loop *loop;
	struct wire_conn *conn; /* NULL once it has ended */
	bool terminal;
	struct input in;
	struct output out[2]; /* streams 1 and 2 */
	struct relay_passed {
		struct input in; /* done from the beginning if it is not for input, */
		struct output out; /* and ended if not for output */
	} * passed;
	size_t n_passed;
	/* Called after queued output moved or was given up. */
	void (*on_progress)(void *data);
	void *data;
};

/* Takes descriptors 0 to 2 (with terminal: one terminal) as they are now; must run while /proc is the host's. */
void relay_init(struct relay *r, struct loop *loop, bool terminal);
/* Takes descriptors first, first + 1 and so on, which are passed to the process. After relay_init(). -ENOMEM or -EMFILE. */
int relay_pass(struct relay *r, int first, const struct setup_passed *passed, size_t n);
void relay_done(struct relay *r);
/* Input is read from now on. */
void relay_start(struct relay *r);
/* DATA, EOF, CREDIT and CLOSE frames. Negative: a protocol error. */
int relay_frame(struct relay *r, const struct wire_frame *f, struct err *err);
/* The connection's queue has run empty: input may go on. */
void relay_drained(struct relay *r);
/* The process has ended: no more input. What is queued for output still goes out. */
void relay_finish(struct relay *r);
bool relay_flushed(const struct relay *r);

#endif
