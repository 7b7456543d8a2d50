/* SPDX-License-Identifier: Apache-2.0 */
/* How the kernel is to schedule a new process: scheduler, I/O priority, CPUs, execution domain. Of the calling process. */
#ifndef MOAT_AGENT_SCHED_H
#define MOAT_AGENT_SCHED_H

#include "base/err.h"
#include "oci/config.h"

/* Takes rights that the user of the process may not have. */
int sched_apply(const struct oci_process *p, struct err *err);
/* A list of execCPUAffinity; NULL or "": as it is. */
int sched_cpus(const char *list, struct err *err);

#endif
