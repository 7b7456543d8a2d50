/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces of other containers that a new process is born into: the agent enters them, clones, and returns to its own. A
 * child with a user namespace of its own could not enter them any more.
 */
#ifndef MOAT_AGENT_JOIN_H
#define MOAT_AGENT_JOIN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define JOIN_TYPES 4 /* network, ipc, uts, pid */

struct agent;

struct joins {
	struct {
		int fd; /* borrowed: pidfd of a container's init, or the namespace */
		uint64_t type; /* CLONE_NEW*, one */
	} v[JOIN_TYPES];
	size_t n;
	uint64_t types; /* all of them */
};

/* Opens the agent's own, which it returns to. */
int join_init(struct agent *a, struct err *err);
/* The parameter "join" of a request: {"ipc": "id of a container"}. It may be absent. */
int join_param(const struct agent *a, const json_t *params, struct joins *ret, struct err *err);
/* A network namespace alone; -EBADF: nothing. */
struct joins join_network(int netns);
/* Adds one to those. */
void join_add(struct joins *j, int fd, uint64_t type);
/* 0 or -errno; then nothing was entered. */
int join_enter(const struct agent *a, const struct joins *j);
/* Ends the VM if there is no way back. */
void join_leave(const struct agent *a, const struct joins *j);

#endif
