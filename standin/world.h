/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's world as the host can show it: namespaces and the mount
 * tree. Whoever joins the stand-in's namespaces (podman cp, docker's network hook) meets
 * the container there, never the host. Nothing mounted here reaches the host's
 * mount table: all propagation goes inwards.
 */
#ifndef MOAT_STANDIN_WORLD_H
#define MOAT_STANDIN_WORLD_H

#include "standin/setup.h"

/*
 * For the container's own trees: nothing here may act on the host. No set-uid program, device
 * or library of an image can be used by a process of the host that has joined (a
 * copying daemon that loads a library out of the root file system, for one),
 * and nothing that is mounted below is seen anywhere else.
 */
#define WORLD_TREE_ATTR                                                               \
	{                                                                             \
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, \
		.propagation = MS_SLAVE                                               \
	}

/*
 * Builds it (or, for an exec, joins it) and makes its root the process's. What is not
 * essential becomes a warning of s; root file system and binds are errors
 * that name the destination.
 */
int world_enter(struct setup *s, struct err *err);

/*
 * Mounts one entry below rootfd, the attached root of the container; makes the
 * mount point inside the root if it is missing. -errno only for a bind.
 */
int mount_entry(struct setup *s, int rootfd, const struct setup_mount *m, struct err *err);
/* Moves a detached tree to target (a directory, or a file for a file). 0 or -errno. */
int mount_attach(int tree, int target);

#endif
