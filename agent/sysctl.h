/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel parameters of a container, written by a process in its namespaces through the guest's own /proc. */
#ifndef MOAT_AGENT_SYSCTL_H
#define MOAT_AGENT_SYSCTL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/*
 * proc_fd: the guest's /proc. sysctl: object of strings, or NULL. ipc: those of the IPC namespace, which belong to the
 * root of its user namespace, or the others, which belong to the guest's.
 */
int sysctl_apply(int proc_fd, const json_t *sysctl, bool ipc, struct err *err);

#endif
