/* SPDX-License-Identifier: Apache-2.0 */
/* How large a VM is for what is asked of it. */
#include "tests/unit/unit.h"

#include "hypervisor/size.h"

START_TEST(memory)
{
	/* In blocks, on top of what there is anyway */
	ck_assert_uint_eq(hv_size_memory(256, 1280, 0), 256);
	ck_assert_uint_eq(hv_size_memory(256, 1280, 1), 384);
	ck_assert_uint_eq(hv_size_memory(256, 1280, 128), 384);
	ck_assert_uint_eq(hv_size_memory(256, 1280, 129), 512);
	ck_assert_uint_eq(hv_size_memory(300, 1324, 100), 428);
	/* Never more than the most, which may be no whole number of blocks */
	ck_assert_uint_eq(hv_size_memory(256, 1280, 1024), 1280);
	ck_assert_uint_eq(hv_size_memory(256, 1280, 4096), 1280);
	ck_assert_uint_eq(hv_size_memory(256, 300, 40), 300);
	ck_assert_uint_eq(hv_size_memory(256, 1280, UINT64_MAX), 1280);
	ck_assert_uint_eq(hv_size_memory(256, 256, 64), 256);
	ck_assert_uint_eq(hv_size_memory(256, 0, 64), 256);
	ck_assert_uint_eq(hv_size_memory(256, UINT32_MAX, UINT64_MAX), UINT32_MAX);
}
END_TEST

START_TEST(most_memory)
{
	ck_assert_uint_eq(hv_size_most_memory(256, 1280), 1280);
	ck_assert_uint_eq(hv_size_most_memory(256, 1279), 1152);
	ck_assert_uint_eq(hv_size_most_memory(256, 300), 256);
	ck_assert_uint_eq(hv_size_most_memory(256, 100), 256);
}
END_TEST

START_TEST(vcpus)
{
	/* The base serves what it can. */
	ck_assert_uint_eq(hv_size_vcpus(1, 8, 0), 1);
	ck_assert_uint_eq(hv_size_vcpus(1, 8, 500), 1);
	ck_assert_uint_eq(hv_size_vcpus(1, 8, 1000), 1);
	ck_assert_uint_eq(hv_size_vcpus(1, 8, 1001), 2);
	ck_assert_uint_eq(hv_size_vcpus(4, 8, 2000), 4);
	ck_assert_uint_eq(hv_size_vcpus(4, 8, 4100), 5);
	ck_assert_uint_eq(hv_size_vcpus(1, 8, 64000), 8);
	ck_assert_uint_eq(hv_size_vcpus(1, 8, UINT64_MAX), 8);
	ck_assert_uint_eq(hv_size_vcpus(4, 2, 64000), 4);
}
END_TEST

START_TEST(demands)
{
	struct hv_demand a = { 100, 1500 }, b = { 50, 2500 }, m;

	m = hv_demand_max(&a, &b);
	ck_assert(m.memory == 100 && m.cpus == 2500);
	hv_demand_add(&a, &b);
	ck_assert(a.memory == 150 && a.cpus == 4000);
	/* Nonsense stays large instead of starting again at 0. */
	b = (struct hv_demand){ UINT64_MAX, UINT64_MAX };
	for (int i = 0; i < 3; i++)
		hv_demand_add(&a, &b);
	ck_assert_uint_eq(hv_size_memory(256, 4096, a.memory), 4096);
	ck_assert_uint_eq(hv_size_vcpus(1, 8, a.cpus), 8);
}
END_TEST

UNIT_MAIN("size", memory, most_memory, vcpus, demands)
