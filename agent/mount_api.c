/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's descriptor-based mount calls, with the flags and options of the older ones. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "agent/mount.h"
#include "base/cleanup.h"

int mount_clone(int fd, bool recursive)
{
	int r = open_tree(fd, "",
			  AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				  (recursive ? AT_RECURSIVE : 0));

	return r < 0 ? -errno : r;
}

int mount_attach(int mount, int target)
{
	int r = move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	return r < 0 ? -errno : 0;
}

int mount_set(int mount, uint64_t set, uint64_t clear, bool recursive)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

	if (set == 0 && clear == 0)
		return 0;
	if (mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int mount_propagation(int mount, unsigned long flags)
{
	struct mount_attr attr = { .propagation = flags & ~(unsigned long)MS_REC };

	if (mount_setattr(mount, "", AT_EMPTY_PATH | (flags & MS_REC ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return -errno;
	return 0;
}

/* ---- new file systems ---- */

static const struct {
	unsigned long flag;
	const char *name;
} super_flags[] = {
	{ MS_RDONLY, "ro" },         { MS_SYNCHRONOUS, "sync" }, { MS_DIRSYNC, "dirsync" },
	{ MS_LAZYTIME, "lazytime" }, { MS_MANDLOCK, "mand" },
};

static int set_options(int fs, const char *data)
{
	_free_ char *copy = strdup(data ? data : "");

	if (!copy)
		return -ENOMEM;
	for (char *save, *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		char *value = strchr(p, '=');

		if (value)
			*value++ = '\0';
		if (fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, p, value, 0) < 0)
			return -errno;
	}
	return 0;
}

int mount_new_fs(const char *type, const char *source, unsigned long flags, const char *data)
{
	_close_ int fs = fsopen(type, FSOPEN_CLOEXEC);
	int r;

	if (fs < 0)
		return -errno;
	if (source && *source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(super_flags); i++)
		if (flags & super_flags[i].flag &&
		    fsconfig(fs, FSCONFIG_SET_FLAG, super_flags[i].name, NULL, 0) < 0)
			return -errno;
	r = set_options(fs, data);
	if (r < 0)
		return r;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	r = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return r < 0 ? -errno : r;
}
