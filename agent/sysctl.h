/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel parameters of a container, written by a process in its namespaces through the guest's own /proc. */
#ifndef MOAT_AGENT_SYSCTL_H
#define MOAT_AGENT_SYSCTL_H

#include <jansson.h>

#include "base/err.h"

/* proc_fd: the guest's /proc. sysctl: object of strings, or NULL. */
int sysctl_apply(int proc_fd, const json_t *sysctl, struct err *err);

#endif
