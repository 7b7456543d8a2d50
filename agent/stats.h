/* SPDX-License-Identifier: Apache-2.0 */
/* A container's counters as the kernel writes them: the host makes numbers of them. */
#ifndef MOAT_AGENT_STATS_H
#define MOAT_AGENT_STATS_H

#include <jansson.h>

/* {"cpu.stat": "usage_usec 5\n...", ...}: the files that are there. NULL without memory. */
json_t *stats_read(int cgroup);

#endif
