/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/size.h"

#define MOST ((uint64_t)UINT32_MAX * 1000) /* beyond every VM, and far from an overflow of sums */

uint32_t hv_size_memory(uint32_t base, uint32_t max, uint64_t memory)
{
	uint64_t room = max > base ? max - base : 0, more;

	if (memory >= room)
		return base + (uint32_t)room;
	more = (memory + HV_MEMORY_BLOCK - 1) / HV_MEMORY_BLOCK * HV_MEMORY_BLOCK;
	return base + (uint32_t)(more < room ? more : room);
}

uint32_t hv_size_vcpus(uint32_t base, uint32_t max, uint64_t cpus)
{
	uint64_t n = (cpus < MOST ? cpus : MOST) / 1000 + (cpus % 1000 != 0);

	if (n > max)
		n = max;
	return n > base ? (uint32_t)n : base;
}

uint32_t hv_size_most_memory(uint32_t base, uint32_t most)
{
	return most > base ? base + (most - base) / HV_MEMORY_BLOCK * HV_MEMORY_BLOCK : base;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a < MOST && b < MOST ? a + b : MOST;
}

void hv_demand_add(struct hv_demand *to, const struct hv_demand *d)
{
	to->memory = sum(to->memory, d->memory);
	to->cpus = sum(to->cpus, d->cpus);
}

struct hv_demand hv_demand_max(const struct hv_demand *a, const struct hv_demand *b)
{
	return (struct hv_demand){ .memory = a->memory > b->memory ? a->memory : b->memory,
				   .cpus = a->cpus > b->cpus ? a->cpus : b->cpus };
}
