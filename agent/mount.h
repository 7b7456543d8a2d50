/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's mounts: planned from its configuration, then executed in its
 * mount namespace by descriptor only (fsopen, open_tree, move_mount): nothing
 * is named twice, so nothing can be exchanged between check and use, and what
 * is outside of the root cannot be reached through it.
 */
#ifndef MOAT_AGENT_MOUNT_H
#define MOAT_AGENT_MOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "oci/config.h"
#include "oci/mount_options.h"

enum mount_kind {
	MOUNT_FS, /* a new file system of .type */
	MOUNT_CGROUP, /* cgroup2, or a bind mount of the container's group if it has no cgroup namespace */
	MOUNT_BIND_SHARE, /* bind mount of .share_path below the share */
	MOUNT_BIND_MEMORY, /* bind mount of the file system in memory with the name .share_path */
	MOUNT_BIND_VOLUME, /* bind mount of .share_path among the guest's volumes */
	MOUNT_BIND_GUEST, /* bind mount of .source in the guest: below /proc, /sys, /dev */
	MOUNT_REMOUNT, /* new flags for what is there */
	MOUNT_NOTHING, /* it has become one of linux.devices */
};

struct mount_op {
	enum mount_kind kind;
	const char *type, *source; /* of the configuration */
	const char *share_path; /* of a bind mount; borrowed from the request */
	char *dest; /* cleaned, absolute */
	struct oci_mount_flags flags;
	bool bind_dev; /* this is a bind mount at /dev */
	bool late_readonly; /* becomes read-only when everything is in place */
	int fd; /* the mount, kept open for that; else -EBADF */
};

struct mount_plan {
	struct mount_op *ops;
	size_t n;
	bool volumes; /* it has some */
	bool bind_dev; /* /dev is a bind mount: the container brings its own devices */
};

/* map: the "mounts" of container.create. The plan borrows from both. */
int mount_plan_build(const struct oci_config *c, const json_t *map, struct mount_plan *ret,
		     struct err *err);
void mount_plan_done(struct mount_plan *p);

/* Where the mounts of a container come from and go to. All are descriptors of the calling process's mount namespace. */
struct mount_env {
	int root; /* the container's root */
	int share; /* the share */
	int memory; /* the directory of file systems in memory; -EBADF: none is needed */
	int volumes; /* the directory of volumes; -EBADF: the plan has none */
	int cgroup; /* the container's own group; -EBADF: there are none */
	bool cgroup_ns;
};

/* Executes the plan in order. mount_plan_finish() makes read-only what must be so late. */
int mount_plan_run(struct mount_plan *p, const struct mount_env *e, struct err *err);
int mount_plan_finish(struct mount_plan *p, struct err *err);
/* Attaches mnt, a directory with all its flags, at op->dest in the tree at root, as the plan does. */
int mount_place(const struct mount_op *op, int root, int mnt, struct err *err);

/* A detached copy of the mount at fd, or -errno. recursive: with what is mounted below it. */
int mount_clone(int fd, bool recursive);
/* Attaches a detached mount on top of what target refers to. 0 or -errno. */
int mount_attach(int mount, int target);
/* MOUNT_ATTR_* of a mount; 0 or -errno. */
int mount_set(int mount, uint64_t set, uint64_t clear, bool recursive);
/* The options of one mount as attributes, propagation too; without "ro" if that comes late. 0 or -errno. */
int mount_set_flags(int mnt, const struct oci_mount_flags *f, bool late_readonly);
/* MS_SHARED and its like, with MS_REC. 0 or -errno. */
int mount_propagation(int mount, unsigned long flags);
/* A new file system with options as in mount(8), detached; or -errno. data may be NULL. */
int mount_new_fs(const char *type, const char *source, unsigned long flags, const char *data);

/* Fills the file system at to with the contents of the directory at from (option tmpcopyup). 0 or -errno. */
int mount_copy_up(int from, int to);

#endif
