/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root file system that is a whole block device (device-mapper, loop; the devmapper and blockfile snapshotters): the virtual machine gets the
 * device instead of the files. Only if root.path is the mount point of all of a file system on a device that is mounted nowhere else: an empty
 * directory on the host's disk, or a bind mount of one, must never make that disk the container's. The file system is unmounted first, and then
 * the kernel must let the device be opened exclusively, which it does if it is mounted in no other namespace either.
 */
#ifndef MOAT_DEVICES_ROOT_DISK_H
#define MOAT_DEVICES_ROOT_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "devices/plan.h"

struct root_disk {
	char *path; /* the mount point; NULL: there is no such disk, the files are shared */
	char *node; /* the device's, by the kernel's name */
	char *fstype;
	char **options; /* for the guest's mount */
	dev_t number;
	bool readonly;
	uint64_t mount_id;
	unsigned long flags,
		super_flags; /* MS_* of the mount and of its file system, whose own options are data: */
	char *data; /* what root_disk_restore() needs */
	int parent; /* the directory that path's last component is in, O_PATH; from root_disk_find() on */
	bool unmounted;
	int fd; /* from root_disk_take() on; -EBADF */
};

#define ROOT_DISK_INIT                         \
	{                                      \
		.parent = -EBADF, .fd = -EBADF \
	}

/*
 * mountinfo: text of /proc/self/mountinfo; mount_id: of what is at path, if that is a mount's root. 0 with ret->path NULL and err set to the
 * reason: it is none.
 */
int root_disk_plan(const char *mountinfo, uint64_t mount_id, const char *path,
		   const struct dev_options *o, struct root_disk *ret, struct err *err);
/* The same for a directory that is open. */
int root_disk_find(int dir, const char *path, const struct dev_options *o, struct root_disk *ret,
		   struct err *err);
void root_disk_done(struct root_disk *d);

/*
 * Unmounts it, unless that was done, and opens the device, exclusively also if it is read-only. What fails is undone. The
 * directory above is held since root_disk_find(): nobody who can rename one of path's can choose another mount.
 */
int root_disk_take(struct root_disk *d, struct err *err);
/* Mounts it again, with the options that it had; only for who has given the device to nobody: a guest's file system is not for the host's kernel to read. */
void root_disk_restore(struct root_disk *d);

#endif
