/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/root_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/open.h"

#define MOUNTINFO_MAX ((size_t)16 << 20)

void root_disk_done(struct root_disk *d)
{
	free(d->path);
	free(d->node);
	free(d->fstype);
	free(d->data);
	strv_free(d->options);
	fd_close(d->parent);
	fd_close(d->fd);
	*d = (struct root_disk)ROOT_DISK_INIT;
}

/* ---- mountinfo ---- */

struct mount_line {
	uint64_t id, parent;
	uint32_t major, minor;
	const char *root, *fstype, *options, *super_options; /* in the line; "" if it has none */
};

/* proc_pid_mountinfo(5); takes the line apart. False: it makes no sense. */
static bool parse_line(char *line, struct mount_line *ret)
{
	char *rest = strstr(line, " - "), *fields[6] = { 0 }, *minor, *save = NULL;
	struct mount_line m = { .fstype = "", .super_options = "" };
	size_t n = 0;

	if (rest) {
		*rest = '\0';
		rest += strlen(" - ");
	}
	for (char *f = strtok_r(line, " ", &save); f && n < 6; f = strtok_r(NULL, " ", &save))
		fields[n++] = f;
	minor = n < 6 ? NULL : strchr(fields[2], ':');
	if (!minor || !rest)
		return false;
	*minor++ = '\0';
	if (num_u64(fields[0], 0, UINT64_MAX, &m.id) < 0 ||
	    num_u64(fields[1], 0, UINT64_MAX, &m.parent) < 0 ||
	    num_u32(fields[2], 0, UINT32_MAX, &m.major) < 0 ||
	    num_u32(minor, 0, UINT32_MAX, &m.minor) < 0)
		return false;
	m.root = fields[3];
	m.options = fields[5];
	n = 0;
	for (char *f = strtok_r(rest, " ", &save); f; f = strtok_r(NULL, " ", &save), n++)
		*(n == 0 ? &m.fstype : &m.super_options) = f; /* the last word */
	*ret = m;
	return true;
}

static bool has_option(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, name, n) && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

struct mounts {
	char *text; /* taken apart */
	struct mount_line *v;
	size_t n;
};

static void mounts_done(struct mounts *m)
{
	free(m->text);
	free(m->v);
}

static int mounts_parse(const char *mountinfo, struct mounts *ret, struct err *err)
{
	char *save = NULL;
	size_t lines = 1;

	for (const char *c = mountinfo; *c; c++)
		lines += *c == '\n';
	ret->text = strdup(mountinfo);
	ret->v = calloc(lines, sizeof(*ret->v));
	if (!ret->text || !ret->v)
		return err_errno(err, ENOMEM, "mountinfo");
	for (char *l = strtok_r(ret->text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (!parse_line(l, &ret->v[ret->n++]))
			return err_set(err, EINVAL, "mountinfo has a line that makes no sense");
	return 0;
}

static const struct mount_line *find_line(const struct mounts *all, uint64_t id, struct err *err)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].id == id)
			return &all->v[i];
	err_set(err, ENOENT, "it is not in mountinfo");
	return NULL;
}

/* Nothing below it, and no other mount of the device. */
static int check_alone(const struct mounts *all, const struct mount_line *m, struct err *err)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct mount_line *other = &all->v[i];

		if (other == m)
			continue;
		if (other->parent == m->id)
			return err_set(err, EBUSY, "something is mounted below it");
		if (other->major == m->major && other->minor == m->minor)
			return err_set(err, EBUSY, "its device is mounted elsewhere, too");
	}
	return 0;
}

static int check_kind(const struct mount_line *m, struct err *err)
{
	/* Those of the guest that have one device, which mountinfo names. */
	static const char *const types[] = { "ext2", "ext3", "ext4", "xfs" };

	if (strcmp(m->root, "/") != 0)
		return err_set(err, EINVAL, "it shows only a part of a file system");
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(m->fstype, types[i]))
			return m->major == 0 ? err_set(err, ENODEV, "it is on no block device") : 0;
	return err_set(err, EINVAL, "its file system is %s", m->fstype);
}

/* ---- the plan ---- */

static unsigned long flags_of(const char *options)
{
	static const struct {
		const char *name;
		unsigned long flag;
	} flags[] = {
		{ "ro", MS_RDONLY },         { "nosuid", MS_NOSUID },
		{ "nodev", MS_NODEV },       { "noexec", MS_NOEXEC },
		{ "noatime", MS_NOATIME },   { "nodiratime", MS_NODIRATIME },
		{ "relatime", MS_RELATIME }, { "nosymfollow", MS_NOSYMFOLLOW },
		{ "sync", MS_SYNCHRONOUS },  { "dirsync", MS_DIRSYNC },
		{ "lazytime", MS_LAZYTIME },
	};
	unsigned long set = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (has_option(options, flags[i].name))
			set |= flags[i].flag;
	/* Neither is said of a mount that updates each time. */
	return set & (MS_NOATIME | MS_RELATIME) ? set : set | MS_STRICTATIME;
}

static bool is_flag(const char *option)
{
	static const char *const flags[] = { "rw", "ro", "sync", "dirsync", "lazytime" };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (strcmp(option, flags[i]) == 0)
			return true;
	return false;
}

/* What mount(2) takes as data: the file system's own options without those that are flags. */
static char *data_of(const char *super_options)
{
	_free_ char *text = strdup(super_options);
	char *ret = calloc(1, strlen(super_options) + 1), *end = ret, *save = NULL;

	if (!ret || !text) {
		free(ret);
		return NULL;
	}
	for (char *o = strtok_r(text, ",", &save); o; o = strtok_r(NULL, ",", &save))
		if (!is_flag(o))
			end += sprintf(end, "%s%s", end == ret ? "" : ",", o);
	return ret;
}

/* Those that mean the same in the guest. */
static int copy_options(const struct mount_line *m, struct root_disk *d)
{
	static const char *const kept[] = { "discard", "noatime", "nodiratime", "sync", "dirsync" };
	int r = 0;

	d->options = strv_copy(NULL);
	for (size_t i = 0; d->options && i < ARRAY_SIZE(kept) && r >= 0; i++)
		if (has_option(m->options, kept[i]) || has_option(m->super_options, kept[i]))
			r = strv_add(&d->options, kept[i]);
	return d->options ? r : -ENOMEM;
}

int root_disk_plan(const char *mountinfo, uint64_t mount_id, const char *path,
		   const struct dev_options *o, struct root_disk *ret, struct err *err)
{
	_cleanup_(mounts_done) struct mounts all = { 0 };
	struct root_disk d = ROOT_DISK_INIT;
	const struct mount_line *m;

	if (path[0] != '/' || path[1] == '\0') {
		err_set(err, EINVAL, "it is the root of this host");
		return 0;
	}
	if (mounts_parse(mountinfo, &all, err) < 0 || !(m = find_line(&all, mount_id, err)) ||
	    check_kind(m, err) < 0 || check_alone(&all, m, err) < 0 ||
	    dev_node_of(o, m->major, m->minor, &d.node, err) < 0)
		return 0;
	d.number = makedev(m->major, m->minor);
	d.readonly = has_option(m->options, "ro") || has_option(m->super_options, "ro");
	d.mount_id = mount_id;
	d.flags = flags_of(m->options);
	d.super_flags = flags_of(m->super_options) & ~(unsigned long)MS_STRICTATIME;
	d.data = data_of(m->super_options);
	d.fstype = strdup(m->fstype);
	d.path = strdup(path);
	if (!d.fstype || !d.path || !d.data || copy_options(m, &d) < 0) {
		root_disk_done(&d);
		return err_errno(err, ENOMEM, "root.path");
	}
	*ret = d;
	return 0;
}

static const char *last_part(const struct root_disk *d)
{
	return strrchr(d->path, '/') + 1;
}

/* Is the mount that was looked at still at the same place? */
static int check_mount(const struct root_disk *d, struct err *err)
{
	struct statx st;

	if (statx(d->parent, last_part(d), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID,
		  &st) < 0)
		return err_errno(err, errno, "root.path '%s'", d->path);
	return st.stx_mask & STATX_MNT_ID && st.stx_mnt_id == d->mount_id ?
		       0 :
		       err_set(err, ESTALE, "root.path '%s' has become another mount", d->path);
}

static int hold_parent(struct root_disk *d, struct err *err)
{
	_free_ char *above = strndup(d->path, (size_t)(last_part(d) - d->path));

	if (!above)
		return err_errno(err, ENOMEM, "root.path");
	d->parent = open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->parent < 0 ? err_errno(err, errno, "root.path '%s'", above) : check_mount(d, err);
}

int root_disk_find(int dir, const char *path, const struct dev_options *o, struct root_disk *ret,
		   struct err *err)
{
	_free_ char *mountinfo = NULL;
	struct statx st;
	int r;

	if (statx(dir, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID, &st) < 0)
		return err_errno(err, errno, "root.path");
	if (!(st.stx_mask & STATX_MNT_ID) ||
	    !(st.stx_attributes & st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)) {
		err_set(err, EINVAL, "it is no mount point");
		return 0;
	}
	r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, NULL, err);
	if (r >= 0)
		r = root_disk_plan(mountinfo, st.stx_mnt_id, path, o, ret, err);
	if (r >= 0 && ret->path && (r = hold_parent(ret, err)) < 0)
		root_disk_done(ret);
	return r;
}

/* ---- taking it ---- */

/* What is there, never what a link leads to. */
static int open_there(const struct root_disk *d)
{
	return openat(d->parent, last_part(d), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Read-only is said twice: of the file system, which others may have mounted, and of this mount of it. */
static int mount_again(const struct root_disk *d)
{
	_close_ int below = open_there(d), above = -EBADF;

	if (below < 0 || mount(d->node, path_of_fd(below).s, d->fstype,
			       (d->flags & ~(unsigned long)MS_RDONLY) | d->super_flags, d->data) < 0)
		return -errno;
	if (!(d->flags & MS_RDONLY))
		return 0;
	above = open_there(d);
	return above < 0 || mount(NULL, path_of_fd(above).s, NULL, MS_REMOUNT | MS_BIND | d->flags,
				  NULL) < 0 ?
		       -errno :
		       0;
}

void root_disk_restore(struct root_disk *d)
{
	int r;

	if (!d->unmounted)
		return;
	d->fd = fd_close(d->fd);
	r = mount_again(d);
	if (r < 0)
		log_error("mount '%s' again at '%s': %s", d->node, d->path, err_str(-r));
	d->unmounted = false;
}

static int unmount(const struct root_disk *d, struct err *err)
{
	char at[PATH_MAX];
	int r = check_mount(d, err);

	if (r < 0)
		return r;
	snprintf(at, sizeof(at), "%s/%s", path_of_fd(d->parent).s, last_part(d));
	if (umount2(at, UMOUNT_NOFOLLOW) < 0)
		return err_errno(
			err, errno,
			"root.path '%s' is a disk, but cannot be unmounted here (disable_block_device_use = true "
			"shares its files instead)",
			d->path);
	return 0;
}

int root_disk_take(struct root_disk *d, struct err *err)
{
	/* A loop device that mount(8) has made goes with its last user. */
	_close_ int kept = open(d->node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool mine = !d->unmounted;
	int r;

	if (kept < 0)
		return err_errno(err, errno, "root.path: open '%s'", d->node);
	if (mine && (r = unmount(d, err)) < 0)
		return r;
	d->unmounted = true;
	int fd = dev_open_block(d->node, d->number, true, &d->readonly, err);
	if (fd >= 0) {
		d->fd = fd;
		return 0;
	}
	err_wrap(err,
		 "root.path '%s' is a disk (disable_block_device_use = true shares its files instead)",
		 d->path);
	if (mine)
		root_disk_restore(d);
	return fd;
}
