/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device nodes a container may make and open: linux.resources.devices,
 * then what every container may use, as runc has it; everything else is
 * refused, among it the guest's own disks and its port to the host. A BPF
 * program on the container's cgroup.
 */
#ifndef MOAT_AGENT_DEVICE_FILTER_H
#define MOAT_AGENT_DEVICE_FILTER_H

#include <jansson.h>
#include <linux/bpf.h>
#include <stddef.h>

#include "base/err.h"

/* The program for linux.resources (may be NULL), owned by the caller; *ret_n instructions. */
int device_filter_build(const json_t *resources, struct bpf_insn **ret, size_t *ret_n,
			struct err *err);
/*
 * Builds it and attaches it, in the place of *program (-EBADF: none), which then is the new one, the caller's. -ENOTSUP if
 * the kernel cannot.
 */
int device_filter_attach(int cgroup, const json_t *resources, int *program, struct err *err);

#endif
