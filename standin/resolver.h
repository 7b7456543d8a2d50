/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of wire/resolver.h: asks one name server, each question over a socket of its own, so that an answer belongs to its
 * question whatever the server says, and a server that was restarted elsewhere behind the same address is found. Nothing
 * blocks; what the guest does not take is held for at most RESOLVER_PENDING questions.
 */
#ifndef MOAT_STANDIN_RESOLVER_H
#define MOAT_STANDIN_RESOLVER_H

#include <netinet/in.h>

#include "base/loop.h"
#include "wire/conn.h"

struct resolver;

/* The server's address as text: one of 127.0.0.0/8, for which there is a port 53. -EINVAL otherwise. */
int resolver_parse(const char *address, struct sockaddr_in *ret, struct err *err);
/* conn stays the caller's, who says resolver_free() before its end. */
int resolver_new(struct loop *loop, struct wire_conn *conn, const struct sockaddr_in *server,
		 struct resolver **ret, struct err *err);
void resolver_free(struct resolver *r);
/* DATA of WIRE_QUESTIONS, CREDIT of WIRE_ANSWERS. Negative: a protocol error. */
int resolver_frame(struct resolver *r, const struct wire_frame *f, struct err *err);
/* The connection's queue has run empty. */
void resolver_drained(struct resolver *r);

#endif
