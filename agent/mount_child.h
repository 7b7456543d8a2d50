/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of a container that runs: a child of the agent enters its mount namespace, does one thing, and ends. Whatever the container
 * has made of its paths, the child sees no others, and what hangs in one of its file systems is killed.
 */
#ifndef MOAT_AGENT_MOUNT_CHILD_H
#define MOAT_AGENT_MOUNT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/mount.h"

/* Attaches a detached mount, with its flags set already, at op->dest, made if it is missing. pidfd: a process that is in the namespace. */
int mount_child_place(int pidfd, const struct mount_op *op, int mnt, struct err *err);
/*
 * Unmounts the file system with the device number dev from dest: 1. 0: it is not there, or something else is on top of it. -EBUSY: it is
 * in use, unless detach is set. proc: the guest's /proc.
 */
int mount_child_take(int pidfd, const char *dest, dev_t dev, bool detach, int proc, struct err *err);

#endif
