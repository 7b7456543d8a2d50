/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources for the host's cgroups of a container (libruntime/cgroup.h), version 1 and 2. The guest's cgroup holds the
 * container to its limits; those here bound what the host spends on it, and have room for the machine beside the container: its guest
 * is always out of memory first. What no host cgroup is told: weights of single devices, huge pages, RDMA, unified, idle,
 * burst.
 * Sources: Documentation/admin-guide/cgroup-v1/, cgroup-v2.rst; shares to weight as in oci/resources_v2.c.
 */
#ifndef MOAT_LIBRUNTIME_HOST_LIMITS_H
#define MOAT_LIBRUNTIME_HOST_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/resources.h"

/* What lives in the cgroups beside what the container asked for. */
struct host_room {
	bool vm; /* the VM; else nothing but stand-ins, of a container that has joined one */
	uint64_t vm_memory; /* MiB that the VM has, the container's limit among them; 0: not known */
	uint64_t overhead; /* MiB of QEMU, virtiofsd and monitor on top */
};

enum host_limit_flags {
	HOST_LIMIT_LATE = 1 << 0, /* not while the VM comes up */
	HOST_LIMIT_OPTIONAL = 1 << 1, /* where there is no such file nobody misses it */
	HOST_LIMIT_DEVICE = 1 << 2, /* of a device that the host may not have */
	HOST_LIMIT_IN_USE = 1 << 3, /* bytes: never below what is in use */
	HOST_LIMIT_MAY_FAIL = 1 << 4, /* it is written again later */
};

struct host_limit {
	const char *controller; /* of version 1 */
	const char *v1, *v2; /* files; NULL: none */
	char *v1_value, *v2_value;
	char *v1_less; /* if the parent's limit does not permit v1_value; or NULL */
	char *field; /* what asked for it */
	unsigned int flags;
};

struct host_limits {
	struct host_limit *v; /* in the order of writing */
	size_t n;
};

/* path is what messages call the resources, which may be NULL: an empty plan. *ret is the caller's. */
int host_limits_plan(const struct oci_resources *r, const char *path, const struct host_room *room,
		     struct host_limits *ret, struct err *err);
/* Takes away what such a plan may have set, but for weights and throttles: the cgroups hold what is others' too. */
int host_limits_plan_lift(struct host_limits *ret, struct err *err);
/* The same for throttled devices, which the cgroups' files name. What fails is logged. */
void host_limits_lift_throttles(char *const *dirs);
void host_limits_done(struct host_limits *l);

/*
 * Writes those that are late, or those that are not, into each leaf of cgroup_plan()'s. Where a controller is missing the limit is the
 * guest's alone, which is logged. Errors name field and file.
 */
int host_limits_apply(const struct host_limits *l, char *const *dirs, bool late, struct err *err);

#endif
