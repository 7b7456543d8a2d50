/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that the host asked for: a container's init or an exec. A child
 * of the agent from clone3(2) until it is reaped; the struct lives until its
 * end was reported (init: until the container is deleted).
 */
#ifndef MOAT_AGENT_PROCESS_H
#define MOAT_AGENT_PROCESS_H

#include <sys/types.h>

#include "agent/agent.h"
#include "agent/child.h"
#include "agent/stdio.h"

enum process_state {
	PROCESS_STARTING, /* on its way to the program */
	PROCESS_READY, /* init only: waits for its start */
	PROCESS_RUNNING, /* the program was executed */
	PROCESS_EXITED, /* reaped; output may still have to be sent */
};

struct process {
	struct process *next; /* in container->processes */
	struct agent *agent;
	struct container *container;
	char *exec; /* "" is init */
	pid_t pid;
	int pidfd; /* init only, else -EBADF */
	enum process_state state;
	struct pending asked; /* create, start or exec */
	int report; /* agent/report.h */
	struct loop_source *report_src;
	int start; /* init only: a byte here executes the program */
	struct stdio io;
	bool killed; /* with SIGKILL on request: its output does not wait long for a reader */
	bool flushed; /* all output has gone */
	struct loop_source *stall; /* timer that watches for a reader that does not read */
	uint64_t stall_sent;
	struct err *error; /* why it never became its program; NULL */
	int wait_code, wait_status; /* CLD_*, and code or signal */
};

/*
 * Makes streams and the process. *ch: agent, process, namespaces and what
 * entry needs are set, the rest is filled in here. flags: CLONE_NEW*; cgroup:
 * where it is born, -EBADF: where we are. The process is linked into its container.
 */
int process_spawn(struct agent *a, struct container *c, const char *exec, uint32_t stream,
		  struct child *ch, void (*entry)(struct child *ch), uint64_t flags, int cgroup,
		  struct process **ret, struct err *err);
/* Lets init execute its program. */
int process_start(struct process *p, struct err *err);
/* SIGKILL by request, or the end of its container: from now on a stalled reader is not waited for. */
void process_set_killed(struct process *p);
/* The child was reaped. May free it, and its container. */
void process_reaped(struct process *p, int code, int status);
/* Unlinks and frees. */
void process_free(struct process *p);

/* container.c: what it wants to know. Each may free the process and the container. */
void container_on_ready(struct container *c);
void container_on_running(struct process *p);
void container_on_failed(struct process *p);
void container_on_reaped(struct process *p);
void container_on_flushed(struct process *p);

#endif
