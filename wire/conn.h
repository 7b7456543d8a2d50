/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A framed connection in an event loop. It never blocks: what cannot be
 * written at once is queued (bounded by the credit rules and by the caller's
 * own requests). Input is handed over frame by frame; large frames grow the
 * buffer only after their header has been checked. The connection may be
 * freed inside its own callbacks.
 */
#ifndef MOAT_WIRE_CONN_H
#define MOAT_WIRE_CONN_H

#include <jansson.h>

#include "base/loop.h"
#include "wire/frame.h"

struct wire_conn;

struct wire_handler {
	/* One frame. A negative return closes the connection with err's message. */
	int (*on_frame)(struct wire_conn *c, const struct wire_frame *f, void *data,
			struct err *err);
	/*
	 * The peer closed, an I/O error or a protocol error: err says which (code
	 * ENODATA for a plain end). Called once; the owner frees the connection.
	 */
	void (*on_closed)(struct wire_conn *c, const struct err *err, void *data);
	/* The output queue became empty; NULL if of no interest. */
	void (*on_drained)(struct wire_conn *c, void *data);
};

struct wire_options {
	bool accept_requests;
	/*
	 * A read of 0 bytes is no end but "the other side is away" (a guest's
	 * virtio-serial port while the host is disconnected): half frames are forgotten both ways,
	 * input pauses until the next edge, and what is sent until then is dropped.
	 */
	bool port;
	/* A socket whose frames may bring a descriptor each, see wire_conn_take_fd(); otherwise the kernel drops them. */
	bool accept_fds;
};

/* Takes over fd (any of socket, pipe pair end, character device; made non-blocking) even on failure. */
int wire_conn_new(struct loop *loop, int fd, const struct wire_options *opt,
		  const struct wire_handler *h, void *data, struct wire_conn **ret, struct err *err);
void wire_conn_free(struct wire_conn *c); /* closes the descriptor; unsent output is lost */
void wire_conn_freep(struct wire_conn **c);

int wire_conn_fd(const struct wire_conn *c);
/*
 * For a frame that comes with a descriptor (sock_send_fds() of its first byte), while it is handed over: that, once. -EBADF:
 * there is none. One that nobody takes is closed when another comes.
 */
int wire_conn_take_fd(struct wire_conn *c);
size_t wire_conn_queued(const struct wire_conn *c); /* bytes not yet written */
/*
 * Writes or queues a frame; 0, -ENOMEM, -EMSGSIZE (longer than its type may be: nothing sent), or -EPIPE after
 * on_closed. A failing write is no error here: on_closed follows from the loop, after what has arrived was handed
 * over. Programs ignore SIGPIPE (pipes cannot do without).
 */
int wire_send(struct wire_conn *c, enum wire_type type, uint32_t id, const void *payload,
	      size_t len);
/*
 * The same for a frame that is in a pipe, len bytes with its header and all there is in it: by splice(2), which spares a
 * copy where the descriptor allows it. The pipe, which does not block, is empty afterwards, whatever happens.
 */
void wire_send_pipe(struct wire_conn *c, int pipe, size_t len);
int wire_send_credit(struct wire_conn *c, uint32_t stream, uint32_t n);
/* {"method": method, "params": params}; params is borrowed and may be NULL. */
int wire_send_request(struct wire_conn *c, uint32_t id, const char *method, json_t *params);
int wire_send_result(struct wire_conn *c, uint32_t id, json_t *result);
int wire_send_error(struct wire_conn *c, uint32_t id, const struct err *e);
int wire_send_event(struct wire_conn *c, json_t *event);

#endif
