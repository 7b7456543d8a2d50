/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of agent/resolver.h: what asks by TCP, and what both transports share. */
#ifndef MOAT_AGENT_RESOLVER_CLIENT_H
#define MOAT_AGENT_RESOLVER_CLIENT_H

#include "agent/resolver.h"
#include "wire/resolver.h"

struct resolver_client;

/* A question on its way. */
struct resolver_slot {
	bool used;
	enum resolver_transport transport;
	uint16_t round; /* how often it was used */
	uint16_t id, wire_id; /* the asker's, and what stands for it on the way */
	struct sockaddr_in from; /* UDP */
	struct resolver_client *client; /* TCP; NULL: gone */
};

struct resolver {
	struct resolver *next; /* in mux->resolvers */
	struct mux *mux;
	uint32_t id; /* first stream of its process */
	struct resolver_fds fds; /* -EBADF: stopped */
	struct loop_source *udp_src, *tcp_src;
	struct wire_window window, answers; /* what we may send, and the host */
	uint32_t owed; /* credit for answers, not yet given back */
	struct resolver_slot slots[RESOLVER_PENDING];
	size_t n_pending;
	bool paused; /* it was not ready for somebody */
	struct resolver_client *clients; /* who said something last is first */
	size_t n_clients;
};

/* Whether a question of any size can be sent. If not, clients are told when it is. */
bool resolver_ready(struct resolver *r);
/* Sends one, which resolver_is_question(), if ready. Its slot, whose `from` or `client` is the caller's to set; NULL: no memory. */
struct resolver_slot *resolver_ask(struct resolver *r, enum resolver_transport transport,
				   const uint8_t *dns, size_t len);
/* Datagrams wait in their socket while it is not ready. */
void resolver_watch(struct resolver *r);

/* loop_io_fn of the listening socket. */
void resolver_on_connect(struct loop_source *src, uint32_t revents, void *data);
/* c may be NULL: gone. May free it. */
void resolver_client_answer(struct resolver_client *c, const uint8_t *dns, size_t len);
/* Questions that waited go on. */
void resolver_clients_resume(struct resolver *r);
void resolver_clients_free(struct resolver *r);

#endif
