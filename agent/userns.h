/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's user namespace. Its first process is born into it, together with all its other namespaces; the agent
 * then does what only root of the guest can, and tells it to go on. "host" ids are the guest's,
 * which on shared files are the host's.
 */
#ifndef MOAT_AGENT_USERNS_H
#define MOAT_AGENT_USERNS_H

#include "agent/agent.h"
#include "oci/config.h"

#define USERNS_NONE UINT32_MAX

/* The id outside of the namespace; USERNS_NONE: not mapped. */
uint32_t userns_outer(const struct oci_id_map *map, size_t n, uint32_t id);
/* Writes the maps of a new process. */
int userns_map(const struct agent *a, pid_t pid, const struct oci_linux *l, struct err *err);
/* Gives a cgroup to the root of the container, so that it can make groups below. */
int userns_own_cgroup(int cgroup, const struct oci_linux *l, struct err *err);
/* In the process: becomes the namespace's root. */
int userns_become_root(struct err *err);

#endif
