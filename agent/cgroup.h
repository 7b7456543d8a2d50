/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups (v2) of the containers: one each below the agent's own
 * directory. Handled by descriptor; a container may have made groups below its
 * own, which are killed, listed and removed with it.
 */
#ifndef MOAT_AGENT_CGROUP_H
#define MOAT_AGENT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Makes all controllers of the group available to groups below it; what fails is logged. */
void cgroup_enable_controllers(int fd);
/* Makes dirfd/name (fresh), returns its directory descriptor or -errno. */
int cgroup_create(int dirfd, const char *name, struct err *err);
/* Removes dirfd/name and what is below; -EBUSY while processes are in it. Missing is fine. */
int cgroup_remove(int dirfd, const char *name);

/* SIGKILL to everything in it, now and in one step. 0 or -errno. */
int cgroup_kill(int fd);
/* Any other signal, process by process. */
int cgroup_signal(int fd, int sig);
/* Asks for freezing or thawing; cgroup_event(fd, "frozen") tells when it is done. */
int cgroup_freeze(int fd, bool on);
/*
 * A value of an open cgroup.events or memory.events; 0 if it is not there.
 * Such a file polls as EPOLLPRI from a change until it is read this way.
 */
uint64_t cgroup_event(int events, const char *key);

/* Calls fn with each pid in it and below; stops when fn fails. */
int cgroup_each_pid(int fd, int (*fn)(pid_t pid, void *data), void *data);
/* Directory of the group a process is in, which is fd, named name, or one below it; or -errno. */
int cgroup_of_process(int proc_fd, pid_t pid, int fd, const char *name);

#endif
