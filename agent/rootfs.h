/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's view of files, built by its first process in a mount
 * namespace of its own. Everything is done by descriptor below the root's;
 * the guest's own tree is left behind by pivot_root(2) at the end.
 */
#ifndef MOAT_AGENT_ROOTFS_H
#define MOAT_AGENT_ROOTFS_H

#include "agent/mount.h"
#include "base/err.h"
#include "oci/config.h"

struct rootfs {
	/* in: paths in the guest */
	const char *share_dir, *attach_dir; /* share_dir: NULL if there is none */
	const char *memory_dir; /* NULL: no mount is in memory that containers share */
	const char *volume_dir; /* opened only if there are any */
	const char *cgroup_path; /* NULL: there are no control groups */
	const char *root; /* the root's path below the share */
	const char *root_volume; /* instead, among the volumes; else NULL */
	bool cgroup_ns;
	struct mount_plan *plan;
	const struct oci_config *config;
	/* out */
	struct mount_env env;
	int null; /* the guest's /dev/null */
};

/* Opens what is the guest's and attaches the root: the last that is done as root of the guest. */
int rootfs_attach(struct rootfs *r, struct err *err);
/* Runs the mount plan, makes devices and links in /dev. */
int rootfs_mount(struct rootfs *r, struct err *err);
/* Puts the terminal at /dev/console. */
int rootfs_console(const struct rootfs *r, int tty, struct err *err);
/* Masks paths, makes paths read-only, makes the working directory, then leaves the guest's tree. */
int rootfs_enter(struct rootfs *r, struct err *err);

#endif
