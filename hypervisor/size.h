/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large a VM is for what its containers' limits ask for together.
 *
 * Memory: what it has without any (default_memory, of which the guest itself lives) and all that the limits permit, in
 * the blocks in which Linux takes memory. Processors: as many as the quotas keep busy, but never fewer than default_vcpus;
 * those are not there beside the others, since the guest itself hardly needs any time.
 */
#ifndef MOAT_HYPERVISOR_SIZE_H
#define MOAT_HYPERVISOR_SIZE_H

#include <stdint.h>

#define HV_MEMORY_BLOCK 128u /* MiB */

struct hv_demand {
	uint64_t memory; /* MiB */
	uint64_t cpus; /* thousandths of a processor */
};

/* MiB; max is what the VM can have, base or more. */
uint32_t hv_size_memory(uint32_t base, uint32_t max, uint64_t memory);
uint32_t hv_size_vcpus(uint32_t base, uint32_t max, uint64_t cpus);
/* The most that a VM with that base can have if it is to get whole blocks and no more than most. */
uint32_t hv_size_most_memory(uint32_t base, uint32_t most);

void hv_demand_add(struct hv_demand *to, const struct hv_demand *d);
/* The larger of each. */
struct hv_demand hv_demand_max(const struct hv_demand *a, const struct hv_demand *b);

#endif
