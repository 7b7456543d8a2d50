/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small synchronous client of moat-agent for tests: it plays the monitor on
 * a socket. Whatever arrives while it waits is sorted by stream and by request.
 */
#ifndef MOAT_TESTS_AGENT_CLIENT_H
#define MOAT_TESTS_AGENT_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/str.h"
#include "wire/conn.h"

#define CLIENT_TIMEOUT_MS 60000

/* One process of the guest. */
struct guest_process {
	struct guest_process *next;
	char id[64], exec[64];
	uint32_t stream;
	struct buf out[2]; /* what came, if keep */
	uint64_t received[2]; /* how much */
	uint32_t uncredited[2];
	bool keep, hold; /* hold: give no credit */
	bool eof[2], closed_in; /* EOF on outputs; CLOSE on stdin */
	uint32_t window; /* what we may send */
	bool exited;
	bool late; /* something came after exit */
	int code, signal; /* -1: not this */
};

struct client {
	struct loop *loop;
	struct wire_conn *conn;
	struct loop_source *timer;
	struct guest_process *processes;
	uint32_t next_id, next_stream;
	json_t *replies; /* "id" -> {"result"} or {"error"} */
	bool closed, timed_out, greeted;
	int oom_events;
	bool verbose;
	char closed_msg[256];
};

int client_init(struct client *c, int fd, struct err *err);
void client_done(struct client *c);
int client_hello(struct client *c, struct err *err);
/* Runs the loop until cond(data) or the time is over: true if cond. */
bool client_wait(struct client *c, bool (*cond)(struct client *c, void *data), void *data,
		 int timeout_ms);
/* Sends a request; params are taken over. */
uint32_t client_send(struct client *c, const char *method, json_t *params);
/* 0 with *ret_result (may be NULL), or the agent's error. */
int client_reply(struct client *c, uint32_t id, json_t **ret_result, struct err *err);
int client_call(struct client *c, const char *method, json_t *params, json_t **ret_result,
		struct err *err);

struct guest_process *client_process(struct client *c, const char *id, const char *exec);
void client_write(struct client *c, struct guest_process *p, const void *data,
		  size_t len); /* waits for credit */
void client_eof(struct client *c, struct guest_process *p);
void client_credit(struct client *c, struct guest_process *p, int out, uint32_t n);
bool client_wait_exit(struct client *c, struct guest_process *p, int timeout_ms);
/* Waits until text was seen on stdout. */
bool client_wait_output(struct client *c, struct guest_process *p, const char *text, int timeout_ms);

#endif
