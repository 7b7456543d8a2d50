/* SPDX-License-Identifier: Apache-2.0 */
/* A container's counters as the kernel writes them: the host makes numbers of them. */
#ifndef MOAT_AGENT_STATS_H
#define MOAT_AGENT_STATS_H

#include <jansson.h>
#include <stddef.h>

/* A file's text, as much as goes into buf, cut at a line; "" if it cannot be read. A seq_file gives no more than a page at a time. */
void stats_read_text(int dir, const char *file, char *buf, size_t size);
/* {"cpu.stat": "usage_usec 5\n...", ...}: the files that are there. NULL without memory. */
json_t *stats_read(int cgroup);

#endif
