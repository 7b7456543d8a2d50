/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container's limits ask of its VM (hypervisor/size.h): configuration in, numbers out. sizing_host() apart, nothing is looked
 * at but what is passed in.
 */
#ifndef MOAT_LIBRUNTIME_SIZING_H
#define MOAT_LIBRUNTIME_SIZING_H

#include <jansson.h>

#include "base/err.h"
#include "hypervisor/size.h"
#include "oci/resources.h"

struct sizing_host {
	uint64_t memory; /* MiB */
	uint32_t cpus; /* numbered from 0 */
};

int sizing_host(struct sizing_host *ret, struct err *err);

/*
 * cpu.quota by cpu.period, or the number of cpu.cpus, whichever is less; memory.limit and hugepageLimits. path is what messages
 * call the resources, which may be NULL. -ERANGE names the field that asks for more than the host has; a quota may.
 */
int sizing_demand(const struct oci_resources *r, const char *path, const struct sizing_host *host,
		  struct hv_demand *ret, struct err *err);
/*
 * What containerd's CRI plugin says with a pod's sandbox: the sums over the containers that it is going to have, in the
 * annotations io.kubernetes.cri.sandbox-cpu-quota, -cpu-period and -memory (bytes).
 */
int sizing_pod(const json_t *annotations, const struct sizing_host *host, struct hv_demand *ret,
	       struct err *err);
/* The monitor's verb `resize`: its parameters, fresh or NULL, and its result: the VM's processors, and its memory in MiB. */
json_t *sizing_params(const char *id, const struct hv_demand *own, const struct hv_demand *pod);
int sizing_result(const json_t *result, uint32_t *ret_vcpus, uint32_t *ret_memory, struct err *err);

/*
 * cpu.cpus for a guest with that many processors: the same if it has all of them, else they were the host's numbers, and become as many
 * of its first ones. NULL: out of memory.
 */
char *sizing_cpuset(const char *cpus, uint32_t vcpus);
/* linux.resources with that done to it: a copy, NULL: out of memory. vcpus 0: nothing is known of the guest. */
json_t *sizing_guest_resources(const json_t *resources, uint32_t vcpus);

#endif
