/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/hook_world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/run.h"

/* The stand-in's mounts as a detached tree. Only who is in their namespace can copy them. */
static int clone_world(void)
{
	int tree;

	if (setns(RUN_PREPARE_FD, CLONE_NEWNS) < 0)
		return -errno;
	tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	return tree < 0 ? -errno : tree;
}

int hook_world_enter(void *data)
{
	const struct hook_world *w = data;
	struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };
	struct statvfs st;

	if (setns(RUN_PREPARE_FD, CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0 ||
	    unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return -errno;
	/* Joining a namespace leads to its root, and ours may be another (a chroot). */
	_close_ int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own < 0 || root < 0)
		return -errno;
	_close_ int tree = clone_world();
	if (tree < 0)
		return tree;
	if (setns(own, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0)
		return -errno;
	/* Read-only because of root.readonly, not because the host has it so. */
	if (w->readonly && statvfs(w->rootfs, &st) == 0 && !(st.f_flag & ST_RDONLY) &&
	    mount_setattr(tree, "", AT_EMPTY_PATH, &writable, sizeof(writable)) < 0)
		return -errno;
	if (move_mount(tree, "", AT_FDCWD, w->rootfs, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}
