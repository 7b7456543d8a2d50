/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers and their processes as the monitor knows them. A process exists from the
 * moment that its stand-in attached or its command asked for it, whichever comes
 * first, until it has ended and its stand-in has been told.
 */
#ifndef MOAT_MONITOR_CONTAINER_H
#define MOAT_MONITOR_CONTAINER_H

#include "monitor/monitor.h"

#define ID_MAX 1024 /* bytes of a container id */
#define EXEC_MAX 63 /* bytes of an exec's name */
#define PROCESSES_MAX 4096 /* of one container at a time */

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED
};

enum process_phase {
	PROCESS_NEW, /* waits for stand-in, request, or the VM */
	PROCESS_STARTING, /* the agent has been asked */
	PROCESS_ALIVE,
	PROCESS_ENDED,
};

struct process {
	struct process *next;
	struct container *container;
	char *exec; /* "" for init */
	uint32_t stream; /* first of its stream ids on the agent channel */
	enum process_phase phase;
	struct client *standin; /* NULL: not yet, or gone */
	/* The command that wants it and what it said; taken when the agent is asked. */
	struct client *wanted_by;
	uint32_t request;
	json_t *params;
	struct stream_state {
		struct wire_window window;
		bool eof, closed; /* each is said once: a guest cannot make us queue without bound */
	} streams[WIRE_STREAMS];
	size_t n_passed; /* descriptors beyond the standard ones, once it is known */
	bool resolver; /* it has the streams of wire/resolver.h */
	struct loop_source *kill_timer;
	unsigned int pending; /* requests to the agent that will call back with this process */
};

struct container {
	struct container *next;
	struct monitor *m;
	char *id;
	enum container_status status;
	struct process *processes; /* init is the one with exec "" */
	bool deleted; /* the agent has none any more; this one goes with the last who refers to it */
};

struct container *container_find(struct monitor *m, const char *id);
/* One that the agent has deleted: nobody finds it any more, and it is freed when nobody refers to a process of it. */
void container_forget(struct container *c);
/* Whether the VM is this one's: it ends with it. Others have joined it. */
bool container_is_sandbox(const struct container *c);
const char *container_status_name(enum container_status s);
/* Finds or makes container and process; NULL on ENOMEM or a limit (err set). */
struct process *process_get(struct monitor *m, const char *id, const char *exec, struct err *err);
struct process *process_find(struct container *c, const char *exec);
struct process *process_by_stream(struct monitor *m, uint32_t stream);

/* Asks the agent for the process if stand-in, request and VM are there. */
void process_try_start(struct process *p);
/* The same for all, when the VM has become ready. */
void containers_vm_ready(struct monitor *m);
/* The VM is gone: every waiting request fails with err, every stand-in is let go. */
void containers_vm_ended(struct monitor *m, const struct err *err);

/* A connection went away. */
void process_standin_gone(struct process *p);
void process_requester_gone(struct monitor *m, struct client *c);

/* Sends the agent a request about the process whose answer nobody waits for; params is borrowed. */
int process_request(struct process *p, const char *method, json_t *params);

/* Whether it has a stream of that number (wire/frame.h). */
bool process_has_stream(const struct process *p, uint32_t number);

/* SIGKILL: if the guest does not report the end in time, the VM is ended. */
void process_expect_death(struct process *p);

/* The agent's `oom` event. */
int container_on_oom(struct monitor *m, json_t *event, struct err *err);

/* The agent's `exit` event. */
int container_on_exit(struct monitor *m, json_t *event, struct err *err);

#endif
