/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "libruntime/metrics.h"

#define COUNTER "counter"
#define GAUGE "gauge"
#define MICRO 1000000u /* values are millionths */

/* clang-format off */
static const struct {
	const char *name, *type, *help;
	uint32_t scale; /* 0: whole numbers */
} families[METRICS] = {
	[METRIC_BUILD] = { "moat_build_info", GAUGE, "The version of moat that writes this.", 0 },
	[METRIC_SANDBOX_UP] = { "moat_sandbox_up", GAUGE, "Whether the virtual machine's monitor answers.", 0 },
	[METRIC_AGENT_UP] = { "moat_agent_up", GAUGE, "Whether the agent in the guest answers.", 0 },

	[METRIC_PROCESSES] = { "moat_processes", GAUGE, "Processes on the host that run the program for this sandbox.", 0 },
	[METRIC_PROCESS_RSS] = { "moat_process_resident_memory_bytes", GAUGE, "Resident memory of these processes, shared pages in each.", 0 },
	[METRIC_PROCESS_PSS] = { "moat_process_proportional_memory_bytes", GAUGE, "Their memory with shared pages divided among those who share them.", 0 },
	[METRIC_PROCESS_CPU] = { "moat_process_cpu_seconds_total", COUNTER, "Processor time of these processes.", MICRO },
	[METRIC_PROCESS_THREADS] = { "moat_process_threads", GAUGE, "Their threads.", 0 },
	[METRIC_PROCESS_FDS] = { "moat_process_open_fds", GAUGE, "Their open descriptors.", 0 },

	[METRIC_VM_MEMORY] = { "moat_vm_memory_bytes", GAUGE, "Memory that the virtual machine has, or has been offered.", 0 },
	[METRIC_VM_VCPUS] = { "moat_vm_vcpus", GAUGE, "Processors of the virtual machine.", 0 },
	[METRIC_GUEST_MEMORY_TOTAL] = { "moat_guest_memory_total_bytes", GAUGE, "Memory that the guest's kernel manages.", 0 },
	[METRIC_GUEST_MEMORY_FREE] = { "moat_guest_memory_free_bytes", GAUGE, "Of that, memory that nobody uses.", 0 },
	[METRIC_GUEST_MEMORY_AVAILABLE] = { "moat_guest_memory_available_bytes", GAUGE, "Of that, what programs can get.", 0 },
	[METRIC_GUEST_MEMORY_CACHED] = { "moat_guest_memory_cached_bytes", GAUGE, "Of that, the page cache.", 0 },
	[METRIC_GUEST_MEMORY_BUFFERS] = { "moat_guest_memory_buffers_bytes", GAUGE, "Of that, buffers of block devices.", 0 },
	[METRIC_GUEST_MEMORY_SLAB] = { "moat_guest_memory_slab_bytes", GAUGE, "Of that, the kernel's objects.", 0 },
	[METRIC_GUEST_SWAP_TOTAL] = { "moat_guest_swap_total_bytes", GAUGE, "The guest's swap.", 0 },
	[METRIC_GUEST_SWAP_FREE] = { "moat_guest_swap_free_bytes", GAUGE, "Of that, what is free.", 0 },
	[METRIC_GUEST_CPU] = { "moat_guest_cpu_seconds_total", COUNTER, "Time of the guest's processors by mode.", MICRO },
	[METRIC_GUEST_LOAD1] = { "moat_guest_load1", GAUGE, "The guest's load average over a minute.", MICRO },
	[METRIC_GUEST_UPTIME] = { "moat_guest_uptime_seconds", GAUGE, "Time since the guest booted, which its template may have done.", MICRO },
	[METRIC_AGENT_RSS] = { "moat_agent_resident_memory_bytes", GAUGE, "Resident memory of the agent.", 0 },
	[METRIC_AGENT_CPU] = { "moat_agent_cpu_seconds_total", COUNTER, "Processor time of the agent.", MICRO },
	[METRIC_AGENT_FDS] = { "moat_agent_open_fds", GAUGE, "Open descriptors of the agent.", 0 },

	[METRIC_NETWORK_RX_BYTES] = { "moat_network_receive_bytes_total", COUNTER, "Bytes that the guest's interface has received.", 0 },
	[METRIC_NETWORK_RX_PACKETS] = { "moat_network_receive_packets_total", COUNTER, "Packets that it has received.", 0 },
	[METRIC_NETWORK_RX_ERRORS] = { "moat_network_receive_errors_total", COUNTER, "Errors on the way in.", 0 },
	[METRIC_NETWORK_RX_DROPPED] = { "moat_network_receive_dropped_total", COUNTER, "Packets dropped on the way in.", 0 },
	[METRIC_NETWORK_TX_BYTES] = { "moat_network_transmit_bytes_total", COUNTER, "Bytes that it has sent.", 0 },
	[METRIC_NETWORK_TX_PACKETS] = { "moat_network_transmit_packets_total", COUNTER, "Packets that it has sent.", 0 },
	[METRIC_NETWORK_TX_ERRORS] = { "moat_network_transmit_errors_total", COUNTER, "Errors on the way out.", 0 },
	[METRIC_NETWORK_TX_DROPPED] = { "moat_network_transmit_dropped_total", COUNTER, "Packets dropped on the way out.", 0 },
	[METRIC_DISK_READS] = { "moat_disk_reads_completed_total", COUNTER, "Reads of the guest's disk.", 0 },
	[METRIC_DISK_READ_BYTES] = { "moat_disk_read_bytes_total", COUNTER, "Bytes read from it.", 0 },
	[METRIC_DISK_WRITES] = { "moat_disk_writes_completed_total", COUNTER, "Writes to it.", 0 },
	[METRIC_DISK_WRITTEN_BYTES] = { "moat_disk_written_bytes_total", COUNTER, "Bytes written to it.", 0 },
	[METRIC_DISK_IO_TIME] = { "moat_disk_io_time_seconds_total", COUNTER, "Time in which it was busy.", MICRO },

	[METRIC_CONTAINER_UP] = { "moat_container_up", GAUGE, "Whether the container runs or is paused.", 0 },
	[METRIC_CONTAINER_CPU] = { "moat_container_cpu_seconds_total", COUNTER, "Processor time in the guest.", MICRO },
	[METRIC_CONTAINER_CPU_USER] = { "moat_container_cpu_user_seconds_total", COUNTER, "Of that, in programs.", MICRO },
	[METRIC_CONTAINER_CPU_SYSTEM] = { "moat_container_cpu_system_seconds_total", COUNTER, "Of that, in the guest's kernel.", MICRO },
	[METRIC_CONTAINER_PERIODS] = { "moat_container_cpu_periods_total", COUNTER, "Periods of the quota.", 0 },
	[METRIC_CONTAINER_THROTTLED_PERIODS] = { "moat_container_cpu_throttled_periods_total", COUNTER, "Of these, those in which it was used up.", 0 },
	[METRIC_CONTAINER_THROTTLED] = { "moat_container_cpu_throttled_seconds_total", COUNTER, "Time in which the quota made processes wait.", MICRO },
	[METRIC_CONTAINER_MEMORY] = { "moat_container_memory_usage_bytes", GAUGE, "Memory of the container, page cache included.", 0 },
	[METRIC_CONTAINER_MEMORY_MAX] = { "moat_container_memory_max_usage_bytes", GAUGE, "The most that was in use.", 0 },
	[METRIC_CONTAINER_MEMORY_LIMIT] = { "moat_container_memory_limit_bytes", GAUGE, "Its limit, if there is one.", 0 },
	[METRIC_CONTAINER_MEMORY_CACHE] = { "moat_container_memory_cache_bytes", GAUGE, "Its page cache.", 0 },
	[METRIC_CONTAINER_MEMORY_KERNEL] = { "moat_container_memory_kernel_bytes", GAUGE, "What the guest's kernel needs for it.", 0 },
	[METRIC_CONTAINER_SWAP] = { "moat_container_swap_usage_bytes", GAUGE, "Its memory in the guest's swap.", 0 },
	[METRIC_CONTAINER_PIDS] = { "moat_container_tasks", GAUGE, "Its processes and threads.", 0 },
	[METRIC_CONTAINER_PIDS_LIMIT] = { "moat_container_tasks_limit", GAUGE, "Their limit, if there is one.", 0 },
	[METRIC_CONTAINER_IO_BYTES] = { "moat_container_io_bytes_total", COUNTER, "Bytes to and from a disk.", 0 },
	[METRIC_CONTAINER_IO_OPERATIONS] = { "moat_container_io_operations_total", COUNTER, "Operations on a disk.", 0 },
	[METRIC_CONTAINER_HUGETLB] = { "moat_container_hugetlb_usage_bytes", GAUGE, "Huge pages in use.", 0 },
	[METRIC_CONTAINER_PRESSURE] = { "moat_container_pressure_seconds_total", COUNTER, "Time in which some or all (full) processes waited for the resource.", MICRO },
};
/* clang-format on */

void metrics_add(struct metrics *m, enum metric f, uint64_t value, const char *labels, ...)
{
	struct buf *b = &m->family[f];
	char text[1024]; /* two ids, and what else there is to name */
	va_list ap;

	va_start(ap, labels);
	vsnprintf(text, sizeof(text), labels, ap);
	va_end(ap);
	if (families[f].scale)
		buf_printf(b, "%s{%s} %" PRIu64 ".%06" PRIu64 "\n", families[f].name, text,
			   value / families[f].scale, value % families[f].scale);
	else
		buf_printf(b, "%s{%s} %" PRIu64 "\n", families[f].name, text, value);
}

char *metrics_text(const struct metrics *m)
{
	struct buf out = {};

	for (size_t i = 0; i < METRICS; i++) {
		out.failed |= m->family[i].failed;
		if (m->family[i].len)
			buf_printf(&out, "# HELP %s %s\n# TYPE %s %s\n%s", families[i].name,
				   families[i].help, families[i].name, families[i].type,
				   m->family[i].data);
	}
	return buf_steal(&out);
}

void metrics_done(struct metrics *m)
{
	for (size_t i = 0; i < METRICS; i++)
		buf_done(&m->family[i]);
}

void metrics_clean(char *ret, size_t size, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < size && name[i]; i++) {
		char c = name[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || strchr("._:-", c);

		ret[i] = fine ? c : '_';
	}
	ret[i] = '\0';
}
