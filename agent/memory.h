/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems in the guest's memory that containers have in common: /dev/shm of a pod. Over the share each container would map
 * pages of its own. Mounted in the agent's namespace below <state_dir>/memory; one is gone with the last container that uses it.
 */
#ifndef MOAT_AGENT_MEMORY_H
#define MOAT_AGENT_MEMORY_H

#include <jansson.h>

#include "base/err.h"

struct agent;
struct container;

#define MEMORY_DIR "memory" /* in the state directory */

/*
 * Makes those of the request's mounts, [{"memory": name, "size": bytes, "mode", "uid", "gid"}], that are not there yet, and
 * notes all of them in the container.
 */
int memory_use(struct container *c, const json_t *mounts, struct err *err);
/* Of a container that is freed. */
void memory_release(struct container *c);

#endif
