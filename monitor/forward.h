/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands' requests that the agent answers. What stays of one while it waits is a call; the client may go meanwhile, the
 * answer is dropped then.
 */
#ifndef MOAT_MONITOR_FORWARD_H
#define MOAT_MONITOR_FORWARD_H

#include "monitor/client.h"
#include "monitor/container.h"

#define FORWARD_MS 10000 /* the usual deadline of the agent's answer */

struct call {
	struct call *next; /* in monitor->calls */
	struct monitor *m;
	struct client *client; /* NULL: gone */
	uint32_t id;
	char *container;
	json_t *params; /* for the agent, when something else has to be done first */
	enum container_status on_success; /* CONTAINER_CREATING: no change */
	bool forget; /* the container, on success */
};

/* NULL with err set: the request names no container that is here. */
struct container *need_container(struct client *c, const json_t *params, struct err *err);

/* The agent's answer about k goes back to the client. params is taken. On success *ret (may be NULL) waits for it. */
int forward(struct client *c, uint32_t id, const char *method, struct container *k, json_t *params,
	    int timeout_ms, struct call **ret, struct err *err);
/* The two halves of it, with something in between that needs no agent: call_send() or call_fail() ends what call_new() began. */
struct call *call_new(struct client *c, uint32_t id, struct container *k, struct err *err);
int call_send(struct call *k, const char *method, json_t *params, int timeout_ms, struct err *err);
void call_fail(struct call *k, const struct err *err);
/* Forgets it without an answer. */
void call_drop(struct call *k);
void calls_client_gone(struct monitor *m, const struct client *c);

#endif
