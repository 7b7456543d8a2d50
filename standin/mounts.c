// SPDX-License-Identifier: Apache-2.0
/*
 * Mounts of the stand-in's view. Only the mount API by descriptors is used:
 * no path is ever resolved but inside the root, by openat2(2).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "standin/world.h"

#define NOTHING_SPECIAL (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

struct fs_kind {
	const char *type; /* NULL: nothing is mounted here */
	unsigned int attrs; /* MOUNT_ATTR_* */
};

static const struct fs_kind fs_kinds[] = {
	/* Writing to the host's /proc/sys or /sys through this view must not be possible. */
	[KIND_PROC] = { "proc", NOTHING_SPECIAL | MOUNT_ATTR_RDONLY },
	[KIND_SYSFS] = { "sysfs", NOTHING_SPECIAL | MOUNT_ATTR_RDONLY },
	[KIND_TMPFS] = { "tmpfs", NOTHING_SPECIAL },
	[KIND_DEVPTS] = { "devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
	[KIND_MQUEUE] = { "mqueue", NOTHING_SPECIAL },
	[KIND_DEV] = { "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
	[KIND_CGROUP] = { NULL, 0 }, /* the guest mounts its own */
	[KIND_SKIP] = { NULL, 0 },
};

static const struct {
	const char *name;
	unsigned int major, minor;
} nodes[] = {
	{ "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

int mount_attach(int tree, int target)
{
	return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
			       0 ?
		       -errno :
		       0;
}

/* ---- new file systems ---- */

/* "size=64k,ro" one by one; a piece that begins with a digit belongs to the one before (mpol=bind:0,2). */
static int set_options(int fs, const char *options)
{
	_free_ char *copy = strdup(options);
	char *p = copy;
	int r;

	if (!copy)
		return -ENOMEM;
	while (p && *p) {
		char *end = strchr(p, ',');

		while (end && end[1] >= '0' && end[1] <= '9')
			end = strchr(end + 1, ',');
		if (end)
			*end++ = '\0';
		char *value = strchr(p, '=');
		if (value)
			*value++ = '\0';
		r = *p == '\0' ? 0 :
		    value      ? fsconfig(fs, FSCONFIG_SET_STRING, p, value, 0) :
				 fsconfig(fs, FSCONFIG_SET_FLAG, p, NULL, 0);
		if (r < 0)
			return -errno;
		p = end;
	}
	return 0;
}

/* What the kernel says about its refusal ("e tmpfs: Bad value for 'size'"); "" if nothing. */
static void fs_message(int fs, char *text, size_t size)
{
	ssize_t n = read(fs, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
}

/* A detached file system, or -errno. */
static int new_fs(const struct fs_kind *kind, const char *options, struct err *err)
{
	char why[256];
	int r, tree;

	_close_ int fs = fsopen(kind->type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return err_errno(err, errno, "file system %s", kind->type);
	r = fsconfig(fs, FSCONFIG_SET_STRING, "source", kind->type, 0) < 0 ? -errno : 0;
	if (r == 0 && options)
		r = set_options(fs, options);
	if (r == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r < 0) {
		fs_message(fs, why, sizeof(why));
		return err_errno(err, -r, "file system %s with options '%s'%s%s", kind->type,
				 options ? options : "", *why ? ": " : "", why);
	}
	tree = fsmount(fs, FSMOUNT_CLOEXEC, kind->attrs);
	return tree < 0 ? err_errno(err, errno, "mount %s", kind->type) : tree;
}

/* A node that may not be made (device cgroup, no CAP_MKNOD) is bound from the host. */
static int bind_node(int dev, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/%s", name);
	_close_ int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return -errno;
	_close_ int target = openat(dev, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    0644);
	if (target < 0)
		return -errno;
	return mount_attach(tree, target);
}

/* dev is the attached root of a tmpfs that nobody else knows yet. */
static void fill_dev(struct setup *s, int dev)
{
	mode_t saved = umask(0);
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		r = mknodat(dev, nodes[i].name, S_IFCHR | 0666,
			    makedev(nodes[i].major, nodes[i].minor));
		if (r < 0)
			r = bind_node(dev, nodes[i].name);
		if (r < 0)
			setup_warn(s, "/dev/%s: %s", nodes[i].name, err_str(-r));
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			setup_warn(s, "/dev/%s: %s", links[i].name, err_str(errno));
	umask(saved);
}

/* ---- mount points ---- */

/* Opens the mount point inside the root, made if missing. The root itself is none: it would be covered. */
static int open_target(int rootfd, const char *destination, bool file, struct err *err)
{
	struct stat root, st;

	_close_ int fd = file ? path_touch_in(rootfd, destination, 0644, err) :
				path_mkdirs_in(rootfd, destination, 0755, err);
	if (fd < 0)
		return fd;
	if (fstat(rootfd, &root) < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "examine mount point");
	if (st.st_dev == root.st_dev && st.st_ino == root.st_ino)
		return err_set(err, EINVAL, "it is the root of the container");
	return take_fd(fd);
}

static int mount_bind(struct setup *s, int rootfd, const struct setup_mount *m, struct err *err)
{
	struct mount_attr harmless = WORLD_TREE_ATTR;
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	int tree = setup_fd(s, m->fd), r;
	struct stat st;

	if (fstat(tree, &st) < 0)
		return err_errno(err, errno, "examine source");
	_close_ int target = open_target(rootfd, m->destination, !S_ISDIR(st.st_mode), err);
	if (target < 0)
		return target;
	/* A copy of a shared mount is in its peer group: what is mounted below it would appear on the host. */
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &harmless, sizeof(harmless)) < 0)
		return err_errno(err, errno, "restrict mount");
	if (m->readonly && mount_setattr(tree, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0)
		return err_errno(err, errno, "make mount read-only");
	r = mount_attach(tree, target);
	return r < 0 ? err_errno(err, -r, "mount") : 0;
}

static int mount_fs(struct setup *s, int rootfd, const struct setup_mount *m, struct err *err)
{
	struct fs_kind kind = fs_kinds[m->kind];
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	int r;

	_close_ int target = open_target(rootfd, m->destination, kind.type ? false : m->file, err);
	if (target < 0 || !kind.type)
		return target < 0 ? target : 0;
	_close_ int tree = new_fs(&kind, m->options, err);
	if (tree < 0)
		return tree;
	r = mount_attach(tree, target);
	if (r < 0)
		return err_errno(err, -r, "mount");
	if (m->kind == KIND_DEV)
		fill_dev(s, tree);
	if (m->readonly && mount_setattr(tree, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0)
		return err_errno(err, errno, "make mount read-only");
	return 0;
}

int mount_entry(struct setup *s, int rootfd, const struct setup_mount *m, struct err *err)
{
	struct err why = { 0 };

	if (m->kind == KIND_BIND)
		return mount_bind(s, rootfd, m, err) < 0 ?
			       err_wrap(err, "mount '%s'", m->destination) :
			       0;
	if (mount_fs(s, rootfd, m, &why) < 0)
		setup_warn(s, "mount '%s': %s", m->destination, why.msg);
	return 0;
}
