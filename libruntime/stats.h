/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The "data" of runc's `events --stats` from the files of a version 2 cgroup. They come from the guest: what is no
 * number there is left out.
 */
#ifndef MOAT_LIBRUNTIME_STATS_H
#define MOAT_LIBRUNTIME_STATS_H

#include <jansson.h>

/* files: name to text, as the agent's container.stats gives them. A fresh object; NULL without memory. */
json_t *stats_json(const json_t *files);

#endif
