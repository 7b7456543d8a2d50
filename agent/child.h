/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a new process from clone3(2) to its program. Runs in the child,
 * a copy of the agent: what it allocates ends with it. It may not touch the
 * agent's loop or channel, and closes their descriptors first of all.
 */
#ifndef MOAT_AGENT_CHILD_H
#define MOAT_AGENT_CHILD_H

#include <stdint.h>

#include "agent/agent.h"
#include "agent/rootfs.h"
#include "agent/stdio.h"
#include "oci/config.h"
#include "oci/seccomp.h"

struct child {
	const struct agent *agent;
	const struct oci_process *process;
	const struct oci_seccomp_program *seccomp; /* NULL: no filter */
	uint64_t namespaces; /* CLONE_NEW* that the container has for itself, or shares with another */
	const struct joins *joins; /* what it is born into */
	bool linux32; /* linux.personality.domain */
	int report; /* agent/report.h */
	int stdio[3]; /* -EBADF if there is a terminal */
	struct passed *passed; /* descriptors from 3 on */
	size_t n_passed;
	/* init only */
	struct rootfs *rootfs;
	json_t *state; /* for the startContainer hooks; NULL: there are none */
	int start; /* readable when the program may be executed */
	/* exec only */
	int init_pidfd;
};

/* A container's first process: namespaces, root file system, then waits for its start. */
void child_init(struct child *ch) __attribute__((noreturn));
/* A further process: joins the namespaces. */
void child_exec(struct child *ch) __attribute__((noreturn));

/* ---- shared by both ---- */

/* Default signals, no descriptors but the listed and those of *ch, its own session, log to the agent. */
void child_begin(struct child *ch, int more_fd);
/* Closes everything from 3 up that is neither listed nor to be passed on. */
void child_close_others(const struct child *ch, const int *listed, size_t n_listed);
/* Reports the error, in runc's words, and ends the process. */
void child_fail(const struct child *ch, const struct err *err) __attribute__((noreturn));
/* The limits of a process (0: the calling one), which in a user namespace only root of the guest can raise. */
int child_rlimits(pid_t pid, const struct oci_process *p, struct err *err);
int child_oom_score(const struct child *ch, struct err *err);
/* Makes the terminal and sends it to the agent; the slave's descriptor. */
int child_open_tty(const struct child *ch, int root, struct err *err);
/* Standard streams, limits, user, capabilities; finds the program. root: the container's root. */
int child_become(struct child *ch, int root, int tty, char **ret_program, char ***ret_env,
		 struct err *err);
/* Executes; returns only to fail. */
int child_execve(struct child *ch, const char *program, char *const *env, struct err *err);

#endif
