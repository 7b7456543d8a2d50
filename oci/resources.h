/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources (config-linux.md "Control groups"), and what it means for a
 * cgroup of version 2, which is what guests have. Zero is "unset" where
 * callers write it so (docker sends every number); -1 is "unlimited".
 */
#ifndef MOAT_OCI_RESOURCES_H
#define MOAT_OCI_RESOURCES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct oci_cpu {
	uint64_t shares, period, burst; /* period and burst: microseconds */
	int64_t quota, idle; /* microseconds a period; 0 or 1 */
	bool has_burst, has_idle;
	uint64_t realtime_period; /* no effect with version 2, as realtime_runtime */
	int64_t realtime_runtime;
	char *cpus, *mems; /* "0-3,7"; NULL or "": unset */
};

struct oci_memory {
	int64_t limit, reservation, swap; /* bytes; swap: memory and swap together */
	bool check_before_update; /* refuse a limit below what is in use */
	/* no effect with version 2 */
	int64_t kernel, kernel_tcp;
	uint64_t swappiness;
	bool disable_oom_killer, use_hierarchy;
};

struct oci_pids {
	int64_t limit;
};

struct oci_io_device {
	int64_t major, minor;
	uint16_t weight, leaf_weight;
	uint64_t rate; /* bytes or operations a second; 0: unlimited */
};

struct oci_block_io {
	uint16_t weight, leaf_weight; /* 10 to 1000 */
	struct oci_io_device *weight_device, *read_bps, *write_bps, *read_iops, *write_iops;
	size_t n_weight_device, n_read_bps, n_write_bps, n_read_iops, n_write_iops;
};

struct oci_hugepage_limit {
	char *page_size; /* "2MB" */
	uint64_t limit; /* bytes */
};

struct oci_resources {
	struct oci_cpu *cpu; /* NULL: not given, like the next three */
	struct oci_memory *memory;
	struct oci_pids *pids;
	struct oci_block_io *block_io;
	struct oci_hugepage_limit *hugepage_limits;
	size_t n_hugepage_limits;
	json_t *rdma; /* object of {"hcaHandles", "hcaObjects"} by device, or NULL */
	json_t *unified; /* object of strings by file, or NULL */
};

/* A resources object alone, as `update` takes it; path is what messages call it. *ret is the caller's. */
int oci_resources_from_json(const json_t *tree, const char *path, struct oci_resources **ret,
			    struct err *err);
void oci_resources_free(struct oci_resources *r);
void oci_resources_freep(struct oci_resources **r);

/* ---- for a cgroup of version 2 ---- */

enum oci_v2_flags {
	OCI_V2_OPTIONAL = 1 << 0, /* a file that does not exist is no error */
	OCI_V2_RETRIED = 1 << 1, /* EINVAL is no error: it is written again later */
	OCI_V2_OR_NEXT =
		1 << 2, /* if the file does not exist the next one is written, else that one is left out */
};

struct oci_v2_write {
	char *file, *value;
	char *field; /* what asked for it: "linux.resources.cpu.quota" */
	unsigned int flags;
};

struct oci_v2_plan {
	struct oci_v2_write *v; /* in the order of writing */
	size_t n;
};

/*
 * The files to write, as runc chooses values and order. Fails with what no cgroup can be told (swap
 * without memory limit, say); NULL resources are an empty plan. *ret is the caller's.
 */
int oci_v2_plan(const struct oci_resources *r, const char *path, struct oci_v2_plan *ret,
		struct err *err);
void oci_v2_plan_done(struct oci_v2_plan *p);

/* The weights that runc makes of version 1's: cpu.weight of cpu.shares, io.weight of blockIO.weight (10 to 1000). */
uint64_t oci_cpu_weight(uint64_t shares);
unsigned int oci_io_weight(uint16_t weight);
#define OCI_CPU_PERIOD 100000 /* microseconds, where a quota has none */

#endif
