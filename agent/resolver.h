/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's side of wire/resolver.h: takes questions by UDP and TCP at the address of a container's name server, for everything in its
 * network namespace, and gives the answers of the host's side back. Bounded: questions on their way by RESOLVER_PENDING (others
 * wait in their sockets), clients by TCP by RESOLVER_CLIENTS (a new one takes the place of the one that has said nothing for longest).
 */
#ifndef MOAT_AGENT_RESOLVER_H
#define MOAT_AGENT_RESOLVER_H

#include <netinet/in.h>

#include "agent/resolver_redirect.h"
#include "agent/stdio.h"

#define RESOLVER_CLIENTS 32

struct resolver;

/* -EBADF: none. */
struct resolver_fds {
	int udp, tcp;
	int redirects[RESOLVER_REDIRECTS];
};

/* Sockets in the network namespace that we are in: by UDP and, listening, TCP. Nothing is redirected to them. */
int resolver_bind(const struct sockaddr_in *at, struct resolver_fds *ret, struct err *err);
void resolver_close(struct resolver_fds *fds);
/* Serves them, which are taken over also on failure. id: the first stream of the container's init. */
int resolver_new(struct mux *m, uint32_t id, const struct resolver_fds *fds, struct resolver **ret,
		 struct err *err);
void resolver_free(struct resolver *r);

/* Of all resolvers of a mux. A frame of a stream that is none of a descriptor's: */
int resolvers_frame(struct mux *m, const struct wire_frame *f, struct err *err);
/* The channel can take more. */
void resolvers_resume(struct mux *m);
/* The host has gone, and does not come back: nothing is served any more. */
void resolvers_stop(struct mux *m);

#endif
