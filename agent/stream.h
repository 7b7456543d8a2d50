/* SPDX-License-Identifier: Apache-2.0 */
/* One stream of agent/stdio.h. */
#ifndef MOAT_AGENT_STREAM_H
#define MOAT_AGENT_STREAM_H

#include <stddef.h>

#include "agent/stdio.h"
#include "base/str.h"

struct stream {
	struct stream *next; /* in mux->streams */
	struct mux *mux;
	struct stdio *owner; /* NULL: output that is only read and dropped, until its writers are gone */
	uint32_t id;
	int fd;
	bool tty, input;
	struct loop_source *src; /* NULL while nothing can be done: a hang-up cannot be masked */
	struct wire_window window; /* output: what we may send. Input: what the host may send. */
	/* input */
	struct buf queue; /* not yet taken by the process */
	size_t taken; /* of queue */
	uint32_t owed; /* credit not yet given back */
	bool eof; /* follows the queue */
	uint8_t last; /* byte written last */
	bool broken; /* the process does not read any more: everything is dropped */
	/* output */
	bool paused; /* for want of credit, or of room in the channel */
	bool ending; /* the process has ended */
	size_t left; /* what may still be sent then */
};

/* A stream at *slot of an owner; takes over fd, also on failure. */
int stream_new(struct stdio *owner, uint32_t offset, int fd, bool tty, struct stream **slot,
	       struct err *err);
struct stream *stream_free(struct stream *st); /* NULL */
/* Reads or writes what is possible now and arranges to be called for the rest. May free the stream. */
void stream_pump(struct stream *st);
/* Output: the process has ended, left bytes of it may still be sent. May free the stream. */
void stream_end(struct stream *st, size_t left);
/* Output: says EOF and leaves the owner; from then on what comes is dropped. */
void stream_orphan(struct stream *st);
/* Input from the host. */
int stream_data(struct stream *st, const uint8_t *data, uint32_t len, struct err *err);
void stream_eof(struct stream *st);
/* Output: the host reads no more. */
void stream_close(struct stream *st);

/* agent/stdio.c: calls on_flushed if it is time. */
void stdio_check(struct stdio *s);

#endif
