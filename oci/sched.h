/* SPDX-License-Identifier: Apache-2.0 */
/* process.scheduler, process.ioPriority and process.execCPUAffinity: checks, and names as numbers of the kernel. */
#ifndef MOAT_OCI_SCHED_H
#define MOAT_OCI_SCHED_H

#include <sched.h>

#include "oci/config.h"

/* SCHED_* of "SCHED_FIFO", SCHED_FLAG_* of "SCHED_FLAG_RECLAIM", IOPRIO_CLASS_* of "IOPRIO_CLASS_BE"; or -1. */
int oci_sched_policy(const char *name);
int oci_sched_flag(const char *name);
int oci_io_class(const char *name);

/* "0-3,7" as a set; -EINVAL for anything else, for an empty list and for numbers that the set has no room for. */
int oci_cpus_parse(const char *list, cpu_set_t *ret);

int oci_sched_validate(const struct oci_process *p, const char *path, struct err *err);

#endif
