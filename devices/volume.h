/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct volumes, as Kata Containers' tools and CSI drivers register them: below one directory, for each volume path a directory
 * whose name is the path in base64, and in that mountInfo.json, which says what device the volume is. The kernel of
 * the host never mounts it; the guest's does. Everything there must be root's: who can write to it names the devices of virtual machines.
 */
#ifndef MOAT_DEVICES_VOLUME_H
#define MOAT_DEVICES_VOLUME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VOLUME_PATH_MAX 189 /* bytes: encoded, more do not fit into a file's name */
#define VOLUME_INFO_FILE "mountInfo.json"
#define VOLUME_INFO_MAX 65536 /* bytes */

enum volume_type {
	VOLUME_BLOCK, /* "directvol", "block": an image file or a block device */
	VOLUME_VHOST_USER, /* "spdkvol", "spoolvol": the socket of a vhost-user-blk target */
	VOLUME_VFIO, /* "vfiovol": a PCI device of the host that is a disk, by address or VFIO group */
};

/* mountInfo.json, checked. */
struct volume_info {
	enum volume_type type;
	char *type_name, *device; /* as written; device without spdk:// */
	char *fstype; /* "": none given */
	char **options; /* never NULL */
	bool readonly; /* "ro" is among them */
	uint32_t fs_group; /* 0: none */
	bool fs_group_on_mismatch; /* fsGroupChangePolicy OnRootMismatch; else Always */
	uint32_t queues, queue_size; /* of a vhost-user device; 0: the hypervisor's choice */
	json_t *text; /* what is stored: the members that were given, in their spelling; metadata as an object */
};

/* Errors name the member. */
int volume_info_parse(const char *text, size_t len, struct volume_info *ret, struct err *err);
void volume_info_done(struct volume_info *v);

/* ---- the directory of all volumes; base is its path ---- */

/* The name of a volume's directory, owned by the caller. */
int volume_name(const char *path, char **ret, struct err *err);
/* Opens the directory of all, each part of its path checked; create: makes what is missing. -ENOENT without a message. */
int volumes_open(const char *base, bool create, struct err *err);
/* Opens a volume's own directory. -ENOENT without a message: it is not registered. */
int volume_open(int base_fd, const char *path, struct err *err);
/* Reads mountInfo.json of a volume's directory. */
int volume_read(int dir, struct volume_info *ret, struct err *err);
/* All three; *ret_dir (may be NULL) is the volume's directory. -ENOENT without a message: there is no such volume. */
int volume_load(const char *base, const char *path, struct volume_info *ret, int *ret_dir,
		struct err *err);
/* Writes mountInfo.json of a new or an existing volume; returns its directory. */
int volume_write(int base_fd, const char *path, const struct volume_info *v, struct err *err);
/* Paths of all volumes, owned by the caller. */
int volume_paths(int base_fd, char ***ret, struct err *err);

#endif
