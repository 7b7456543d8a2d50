/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's end of the protocol: session, requests and their replies, events. */
#ifndef MOAT_AGENT_SERVER_H
#define MOAT_AGENT_SERVER_H

#include <jansson.h>

#include "agent/agent.h"
#include "base/log.h"

/* Serves fd, which is taken over, also on failure. port: a virtio-serial port. */
int server_attach(struct agent *a, int fd, bool port, struct err *err);

/* What a handler returns when its reply comes later through *asked. */
#define SERVER_LATER 1
/*
 * Handles a request. 0 with *ret_result set (or left NULL: an empty object),
 * -errno with err, or SERVER_LATER after copying *asked.
 */
typedef int (*server_fn)(struct agent *a, const struct pending *asked, const json_t *params,
			 json_t **ret_result, struct err *err);

/* Late replies; both empty *asked, and do nothing if it is empty or of an earlier session. result is taken over. */
void server_result(struct agent *a, struct pending *asked, json_t *result);
void server_error(struct agent *a, struct pending *asked, const struct err *err);
/* Takes the event over. */
void server_event(struct agent *a, json_t *event);

/* Log sink: an event when there is a session, else the kernel's log. data: the agent. */
void server_log(void *data, enum log_level level, const char *msg);

/* A parameter, checked: a string that is not empty; a name as oci_id_validate() wants it ("" too if empty is set). */
const char *server_str(const json_t *params, const char *key, struct err *err);
const char *server_name(const json_t *params, const char *key, bool empty, struct err *err);
int server_u32(const json_t *params, const char *key, uint32_t max, uint32_t *ret, struct err *err);

/* Handlers of sandbox.c. */
int sandbox_setup(struct agent *a, const struct pending *asked, const json_t *params,
		  json_t **ret_result, struct err *err);
int sandbox_prepare(struct agent *a, const struct pending *asked, const json_t *params,
		    json_t **ret_result, struct err *err);
int sandbox_network(struct agent *a, const struct pending *asked, const json_t *params,
		    json_t **ret_result, struct err *err);
int sandbox_resize(struct agent *a, const struct pending *asked, const json_t *params,
		   json_t **ret_result, struct err *err);
int sandbox_stats(struct agent *a, const struct pending *asked, const json_t *params,
		  json_t **ret_result, struct err *err);
int sandbox_shutdown(struct agent *a, const struct pending *asked, const json_t *params,
		     json_t **ret_result, struct err *err);
/* The reply to the latter has gone out. */
void sandbox_end(struct agent *a) __attribute__((noreturn));

#endif
