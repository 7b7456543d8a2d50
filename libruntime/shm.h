/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers mount a tmpfs of the host at the /dev/shm of a container, and the same one in all containers of a pod. Memory that
 * is shared through a file server is not the same memory: in the guest it becomes a tmpfs of the guest's own, which goes by the
 * host's as its name.
 */
#ifndef MOAT_LIBRUNTIME_SHM_H
#define MOAT_LIBRUNTIME_SHM_H

#include <jansson.h>
#include <stdbool.h>

#include "oci/config.h"

struct shm {
	char name[40]; /* "": it is none */
	uint64_t size; /* bytes, 0: without limit */
	uint32_t mode, uid, gid; /* of the directory */
};

/*
 * Whether a bind mount is one: the root of a tmpfs at /dev/shm. With files in it already (and must_be_empty) it is left to the
 * file server. fd: its source.
 */
void shm_look(const struct oci_mount *m, int fd, bool must_be_empty, struct shm *ret);
/* What the agent is told instead of a source; NULL on ENOMEM. */
json_t *shm_describe(const struct shm *s, size_t index);

#endif
