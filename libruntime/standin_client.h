/* SPDX-License-Identifier: Apache-2.0 */
/* Starting moat-standin: see standin/setup.h and wire/setup_msg.h for the conversation. */
#ifndef MOAT_LIBRUNTIME_STANDIN_CLIENT_H
#define MOAT_LIBRUNTIME_STANDIN_CLIENT_H

#include <jansson.h>
#include <sys/types.h>

#include "base/err.h"
#include "libruntime/passed.h"
#include "libruntime/trees.h"
#include "oci/config.h"

struct standin_proc {
	pid_t pid;
	int pidfd;
	int setup; /* conversation; closing it before standin_go() ends the stand-in */
};

struct standin_start {
	const char *program;
	char *const *args; /* the container's: what ps and top show */
	const char *id, *exec;
	bool terminal;
	int console_fd; /* slave of a pty for all three of stdio, or -EBADF for: */
	const int *stdio; /* three descriptors, -EBADF for /dev/null; NULL: those of the caller */
	unsigned int preserve_fds; /* how many of ours from 3 on are passed to the process, */
	const struct passed *passed; /* and what each is for */
	int state_fd; /* where monitor.sock is */
	/* Init: */
	const struct oci_config *config;
	const struct trees *trees;
	bool resolver; /* libruntime/resolver.h may say more at start */
	int pidns; /* the pid namespace to be born into, -EBADF: a new one */
	/* Exec: the pidfd of init's stand-in, whose namespaces are joined; else -EBADF. */
	int join_pidfd;
	pid_t join_pid;
};

/* Starts the process; it then waits for standin_setup(). */
int standin_spawn(const struct standin_start *s, struct standin_proc *ret, struct err *err);
/* Tells it what to build and waits until it stands. */
int standin_setup(const struct standin_start *s, const struct standin_proc *p, struct err *err);
/* The container's process exists: from now on the stand-in lives without the caller. */
int standin_go(struct standin_proc *p, struct err *err);
/* Ends a stand-in that is not needed after all, and reaps it. */
void standin_cancel(struct standin_proc *p);

#endif
