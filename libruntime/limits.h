/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of one container in the host's cgroups (host_limits.h): whose they are, and until when. A VM's cgroup is limited as long
 * as the VM is one container's. When another joins it they are lifted, for good: the guest limits each of the two. What annotations
 * call a sandbox (oci/pod.h) is the pod's from the start: its limits are meant for the sandbox's own process, and
 * the caller limits the pod in the parent.
 */
#ifndef MOAT_LIBRUNTIME_LIMITS_H
#define MOAT_LIBRUNTIME_LIMITS_H

#include <jansson.h>

#include "base/err.h"
#include "libruntime/container.h"
#include "oci/resources.h"

/* Whether annotations (object or NULL) say that the VM is a pod's. */
bool limits_are_pods(const json_t *annotations);
/* A container is about to join the VM of the one with that state directory. */
int limits_lift(int sandbox_dir, struct err *err);
/* After an update: all limits as they are now; vm_memory: MiB that the VM has, 0: nobody has asked. */
int limits_update(struct container *c, const struct oci_resources *now, uint32_t vm_memory,
		  struct err *err);

#endif
