/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/tsc.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#define MEASURE_NS 5000000

struct sample {
	uint64_t tsc, ns;
};

/* The closest of a few readings: the gap between clock and counter is where an interruption hides. */
static struct sample take(void)
{
	struct sample best = {};
	uint64_t gap, best_gap = UINT64_MAX;
	struct timespec ts;
	int i;

	for (i = 0; i < 8; i++) {
		uint64_t before = __rdtsc(), after;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		gap = after - before;
		if (gap >= best_gap)
			continue;
		best_gap = gap;
		best.tsc = before + gap / 2;
		best.ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	}
	return best;
}

/* CPUID leaf 15H: TSC = crystal * EBX / EAX (Intel SDM, CPUID "Time Stamp Counter and Nominal Core Crystal Clock"). */
static uint32_t from_cpuid(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid_count(0x15, 0, &a, &b, &c, &d) || !a || !b || !c)
		return 0;
	return (uint32_t)((uint64_t)c * b / a / 1000);
}

static __thread struct sample from;

void tsc_begin(void)
{
	from = take();
}

uint32_t tsc_khz(void)
{
	uint32_t khz = from_cpuid();
	struct sample to;

	if (khz)
		return khz;
	if (!from.ns)
		tsc_begin();
	do {
		to = take();
	} while (to.ns - from.ns < MEASURE_NS);
	return (uint32_t)((to.tsc - from.tsc) * 1000000 / (to.ns - from.ns));
}
#else
void tsc_begin(void)
{
}

uint32_t tsc_khz(void)
{
	return 0;
}
#endif
