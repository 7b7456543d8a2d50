/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct volumes of a container: disks of the VM whose file systems are mounted in the guest, in the agent's own mount namespace, where they
 * can be asked and grown; the container gets a bind mount. With a destination below /dev the disk itself is all there is.
 */
#ifndef MOAT_AGENT_VOLUME_H
#define MOAT_AGENT_VOLUME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VOLUME_DIR "/run/moat/volumes"
#define VOLUME_ROOT SIZE_MAX /* index -1 on the wire */
#define VOLUME_INDEX_MAX INT32_MAX

struct volume {
	struct volume *next;
	size_t index; /* of config.mounts, or beyond it: it came while the container ran; VOLUME_ROOT: the root file system */
	char disk[32]; /* "vda": its node in the guest's /dev, and its name below VOLUME_DIR */
	char fstype[32];
	bool readonly;
	bool node; /* not mounted */
	int fd; /* the mount; -EBADF */
	json_t *options; /* of the file system */
	json_t *request; /* the volume.add that it came with; NULL: it was there at the container's creation */
};

/*
 * The "volumes" of container.create: waits for the disks, mounts what is to be mounted. config gets the nodes as linux.devices, and map, the
 * "mounts" of the request, a row for each that tells the mount plan where it is.
 */
int volumes_attach(const json_t *list, json_t *config, json_t *map, struct volume **ret,
		   struct err *err);
/* One of them, without a node; freed by volumes_free(). */
int volume_attach(const json_t *entry, struct volume **ret, struct err *err);
/*
 * Unmounts it here, after the container. -EBUSY: the file system is mounted or held elsewhere all the same; then it is mounted here again.
 */
int volume_leave(struct volume *v, struct err *err);
/* Everything is written, though an xfs still wants to replay its log, and who uses the file system gets errors from now on. */
void volume_shut(const struct volume *v);
/* Whether somebody has a disk for himself: it is mounted, swapped on, or part of another device. */
bool volume_disk_busy(const char *disk);
/* The name below VOLUME_DIR of the root file system; NULL: it is no disk. */
const char *volumes_root(const struct volume *v);
/* Unmounts and frees them: if nobody has a copy of the mount any more, the file systems on the disks are whole and clean. */
void volumes_free(struct volume *v);
/* For an end of the VM while somebody has: everything is written, though an xfs still wants to replay its log. */
void volumes_freeze(const struct volume *v);

/* The kernel's name for a disk, that of its node in the guest's /dev. */
int volume_disk_name(int major, int minor, char ret[32], struct err *err);
/* Hands a tree over to a group, as Kubernetes does for fsGroup: volume_owner.c. */
int volume_set_group(int root, uint32_t group, bool on_mismatch, struct err *err);

#endif
