/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat metrics`: Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4). One table of
 * families (metrics_text.c); samples are collected from the host's /proc (metrics_host.c), the guest and its cgroups
 * (metrics_guest.c), and written family by family. What does not answer is left out. Private to libruntime.
 */
#ifndef MOAT_LIBRUNTIME_METRICS_H
#define MOAT_LIBRUNTIME_METRICS_H

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

enum metric {
	METRIC_BUILD,
	METRIC_SANDBOX_UP,
	METRIC_AGENT_UP,
	/* host processes */
	METRIC_PROCESSES,
	METRIC_PROCESS_RSS,
	METRIC_PROCESS_PSS,
	METRIC_PROCESS_CPU,
	METRIC_PROCESS_THREADS,
	METRIC_PROCESS_FDS,
	/* VM and guest */
	METRIC_VM_MEMORY,
	METRIC_VM_VCPUS,
	METRIC_GUEST_MEMORY_TOTAL,
	METRIC_GUEST_MEMORY_FREE,
	METRIC_GUEST_MEMORY_AVAILABLE,
	METRIC_GUEST_MEMORY_CACHED,
	METRIC_GUEST_MEMORY_BUFFERS,
	METRIC_GUEST_MEMORY_SLAB,
	METRIC_GUEST_SWAP_TOTAL,
	METRIC_GUEST_SWAP_FREE,
	METRIC_GUEST_CPU,
	METRIC_GUEST_LOAD1,
	METRIC_GUEST_UPTIME,
	METRIC_AGENT_RSS,
	METRIC_AGENT_CPU,
	METRIC_AGENT_FDS,
	/* devices, as the guest counts */
	METRIC_NETWORK_RX_BYTES,
	METRIC_NETWORK_RX_PACKETS,
	METRIC_NETWORK_RX_ERRORS,
	METRIC_NETWORK_RX_DROPPED,
	METRIC_NETWORK_TX_BYTES,
	METRIC_NETWORK_TX_PACKETS,
	METRIC_NETWORK_TX_ERRORS,
	METRIC_NETWORK_TX_DROPPED,
	METRIC_DISK_READS,
	METRIC_DISK_READ_BYTES,
	METRIC_DISK_WRITES,
	METRIC_DISK_WRITTEN_BYTES,
	METRIC_DISK_IO_TIME,
	/* containers */
	METRIC_CONTAINER_UP,
	METRIC_CONTAINER_CPU,
	METRIC_CONTAINER_CPU_USER,
	METRIC_CONTAINER_CPU_SYSTEM,
	METRIC_CONTAINER_PERIODS,
	METRIC_CONTAINER_THROTTLED_PERIODS,
	METRIC_CONTAINER_THROTTLED,
	METRIC_CONTAINER_MEMORY,
	METRIC_CONTAINER_MEMORY_MAX,
	METRIC_CONTAINER_MEMORY_LIMIT,
	METRIC_CONTAINER_MEMORY_CACHE,
	METRIC_CONTAINER_MEMORY_KERNEL,
	METRIC_CONTAINER_SWAP,
	METRIC_CONTAINER_PIDS,
	METRIC_CONTAINER_PIDS_LIMIT,
	METRIC_CONTAINER_IO_BYTES,
	METRIC_CONTAINER_IO_OPERATIONS,
	METRIC_CONTAINER_HUGETLB,
	METRIC_CONTAINER_PRESSURE,
	METRICS,
};

struct metrics {
	struct buf family[METRICS]; /* the samples of each */
};

/* A sample; labels are printf's: `sandbox="%s"`. Values of the table's unit of counting. */
void metrics_add(struct metrics *m, enum metric f, uint64_t value, const char *labels, ...)
	__attribute__((format(printf, 4, 5)));
/* The document, owned by the caller; NULL without memory. */
char *metrics_text(const struct metrics *m);
void metrics_done(struct metrics *m);

/* A name that comes from the guest, fit for a label: what is no letter, digit or one of "._:-" becomes "_". */
void metrics_clean(char *ret, size_t size, const char *name);

/* Programs of the sandbox on the host: all processes with one name together. */
void metrics_host(struct metrics *m, const char *sandbox, const pid_t *pids, size_t n);
/* The agent's answer to sandbox.stats. */
void metrics_guest(struct metrics *m, const char *sandbox, const json_t *result);
/* The agent's answer to container.stats. */
void metrics_container(struct metrics *m, const char *sandbox, const char *container,
		       const json_t *result);

#endif
