/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session with the guest's agent. Whatever comes from there is hostile: a
 * frame that breaks the protocol ends the VM. Every request has a deadline.
 */
#ifndef MOAT_MONITOR_AGENT_H
#define MOAT_MONITOR_AGENT_H

#include "monitor/monitor.h"

/* err->code 0: result is an object (borrowed). Otherwise the agent's error, a passed deadline, or the end of the VM. */
typedef void (*agent_reply_fn)(void *data, json_t *result, const struct err *err);

struct agent_events {
	/* The agent answered the handshake. */
	void (*ready)(struct monitor *m);
	/* The channel is lost or broke the protocol. */
	void (*lost)(struct monitor *m, const struct err *err);
};

/* Takes fd, the host's end of the channel, and opens a session on it. */
int agent_new(struct monitor *m, int fd, const struct agent_events *ev, struct agent **ret,
	      struct err *err);
void agent_free(struct agent *a); /* pending requests fail first */
/*
 * Sends a request; params is taken. reply is called exactly once, never from inside this call.
 * timeout_ms > 0.
 */
int agent_call(struct agent *a, const char *method, json_t *params, int timeout_ms,
	       agent_reply_fn reply, void *data, struct err *err);
/*
 * Milliseconds, at least ms: for what takes a guest longer the slower the machine is, as long as the configuration lets it boot.
 */
int agent_patience(const struct monitor *m, int ms);
/* A stream frame to the guest (ids already the agent's). */
int agent_send(struct agent *a, enum wire_type type, uint32_t id, const void *payload, size_t len);

#endif
