/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"

#define ATIME_FLAGS (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

static uint64_t attrs_of(unsigned long flags)
{
	return (flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0) |
	       (flags & MS_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
	       (flags & MS_NODEV ? MOUNT_ATTR_NODEV : 0) |
	       (flags & MS_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
	       (flags & MS_NODIRATIME ? MOUNT_ATTR_NODIRATIME : 0) |
	       (flags & MS_NOSYMFOLLOW ? MOUNT_ATTR_NOSYMFOLLOW : 0);
}

int mount_set_flags(int mnt, const struct oci_mount_flags *f, bool late_readonly)
{
	uint64_t set = attrs_of(late_readonly ? f->set & ~(unsigned long)MS_RDONLY : f->set);
	uint64_t clear = attrs_of(f->clear);
	int r;

	if ((f->set | f->clear) & ATIME_FLAGS) {
		clear |= MOUNT_ATTR__ATIME;
		set |= f->set & MS_NOATIME     ? MOUNT_ATTR_NOATIME :
		       f->set & MS_STRICTATIME ? MOUNT_ATTR_STRICTATIME :
						 0;
	}
	r = mount_set(mnt, set, clear, false);
	if (r >= 0)
		r = mount_set(mnt, f->rec_attr_set, f->rec_attr_clr, true);
	if (r >= 0 && f->propagation)
		r = mount_propagation(mnt, f->propagation);
	return r;
}

/* ---- mount points ---- */

static bool is_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static bool is_dir(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * What op is mounted on, made if it is missing. Resolution stays in the root,
 * but a link could still lead into the container's own /proc.
 */
static int open_target(const struct mount_op *op, int root, bool dir, struct err *err)
{
	bool ordinary = op->kind == MOUNT_FS &&
			(!strcmp(op->type, "proc") || !strcmp(op->type, "sysfs"));
	_close_ int fd = dir ? path_mkdirs_in(root, op->dest, 0755, err) :
			       path_touch_in(root, op->dest, 0755, err);

	if (fd < 0)
		return fd;
	if (ordinary) {
		close(fd);
		fd = path_open_in(root, op->dest, O_PATH | O_NOFOLLOW, 0);
		if (fd < 0)
			return err_errno(err, -fd, "open %s", op->dest);
		if (!is_dir(fd))
			return err_set(err, ENOTDIR,
				       "filesystem \"%s\" must be mounted on ordinary directory",
				       op->type);
	}
	if (is_proc(fd) && !str_has_prefix(op->dest, "/proc"))
		return err_set(err, EINVAL, "\"%s\" cannot be mounted because it is inside /proc",
			       op->dest);
	return take_fd(fd);
}

/* ---- sources ---- */

static int describe(const struct mount_op *op, int code, struct err *err)
{
	char flags[32] = "";

	if (op->flags.set)
		snprintf(flags, sizeof(flags), ", flags: 0x%lx", op->flags.set);
	return err_set(err, code, "mount %s:%s%s%s%s: %s", op->source, op->dest, flags,
		       op->flags.data ? ", data: " : "", op->flags.data ? op->flags.data : "",
		       err_str(code));
}

/* Opens the source of a bind mount. */
static int open_source(const struct mount_op *op, const struct mount_env *e, struct err *err)
{
	int fd;

	if (op->kind == MOUNT_BIND_SHARE) {
		fd = path_open_in(e->share, op->share_path, O_PATH, 0);
	} else if (op->kind == MOUNT_BIND_VOLUME) {
		fd = path_open_in(e->volumes, op->share_path, O_PATH, 0);
	} else if (op->kind == MOUNT_BIND_MEMORY) {
		fd = path_open_in(e->memory, op->share_path, O_PATH | O_DIRECTORY, 0);
	} else {
		/* "/proc/x" as x in the guest's own /proc, so that no link leads out of it. */
		size_t n = 1 + strcspn(op->source + 1, "/");
		_free_ char *top = strndup(op->source, n);
		_close_ int dir = top ? open(top, O_PATH | O_DIRECTORY | O_CLOEXEC) : -ENOMEM;

		fd = dir < 0 ? -errno :
			       path_open_in(dir, op->source[n] ? op->source + n : "/", O_PATH, 0);
	}
	return fd < 0 ? err_errno(err, -fd, "stat %s", op->source) : fd;
}

/* The mode that a tmpfs has if its options do not say: that of the directory it covers. */
static int new_tmpfs(const struct mount_op *op, int existing)
{
	const char *data = op->flags.data ? op->flags.data : "";
	_free_ char *with_mode = NULL;
	struct stat st;

	if (existing >= 0 && !str_has_prefix(data, "mode=") && !strstr(data, ",mode=") &&
	    fstat(existing, &st) == 0) {
		with_mode = str_printf("%s%smode=%o", data, *data ? "," : "", st.st_mode & 07777);
		if (!with_mode)
			return -ENOMEM;
		data = with_mode;
	}
	return mount_new_fs("tmpfs", op->source, op->flags.set & ~(unsigned long)MS_RDONLY, data);
}

/* File systems that are, or may be, one instance for several mounts: read-only is the mount's business. */
static bool is_shared_fs(const char *type)
{
	static const char *const names[] = { "proc",   "sysfs",   "mqueue",
					     "devpts", "cgroup2", "devtmpfs" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(type, names[i]))
			return true;
	return false;
}

/*
 * Where a network namespace belongs to more than the user namespace (the guest's does), its sysfs cannot be mounted. A
 * copy of the guest's has its mounts as well: nobody may take them off to look beneath.
 */
static int copy_sysfs(void)
{
	_close_ int sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int mnt = sys < 0 ? -errno : mount_clone(sys, true);
	int r = mnt < 0 ? mnt : mount_set(mnt, MOUNT_ATTR_RDONLY, 0, true);

	return r < 0 ? r : take_fd(mnt);
}

static int new_fs(const struct mount_op *op, int root, struct err *err)
{
	_close_ int existing = -EBADF, mnt = -EBADF;
	unsigned long flags = op->flags.set;
	int r = 0;

	if (!strcmp(op->type, "tmpfs")) {
		existing = path_open_in(root, op->dest, O_PATH | O_DIRECTORY, 0);
		mnt = new_tmpfs(op, existing);
		if (mnt >= 0 && op->flags.tmpcopyup && existing >= 0)
			r = mount_copy_up(existing, mnt);
		if (r < 0)
			return err_errno(err, -r, "tmpcopyup: copy %s", op->dest);
	} else {
		if (is_shared_fs(op->type))
			flags &= ~(unsigned long)MS_RDONLY;
		mnt = mount_new_fs(op->type, op->source, flags, op->flags.data);
		if (mnt == -EPERM && !strcmp(op->type, "sysfs"))
			mnt = copy_sysfs();
	}
	return mnt < 0 ? describe(op, -mnt, err) : take_fd(mnt);
}

/* ---- execution ---- */

static int run_remount(const struct mount_op *op, const struct mount_env *e, struct err *err)
{
	_close_ int fd = path_open_in(e->root, op->dest, O_PATH, 0);
	int r = fd < 0 ? fd : mount_set_flags(fd, &op->flags, op->late_readonly);

	return r < 0 ? describe(op, -r, err) : 0;
}

static int run_one(struct mount_op *op, const struct mount_env *e, struct err *err)
{
	_close_ int mnt = -EBADF, source = -EBADF;
	bool dir = true;
	int r;

	if (op->kind == MOUNT_NOTHING)
		return 0;
	if (op->kind == MOUNT_REMOUNT)
		return run_remount(op, e, err);
	if (op->kind == MOUNT_CGROUP && e->cgroup < 0) {
		log_warn("mount %s: there are no control groups", op->dest);
		return 0;
	}
	if (op->kind == MOUNT_BIND_SHARE || op->kind == MOUNT_BIND_VOLUME ||
	    op->kind == MOUNT_BIND_MEMORY || op->kind == MOUNT_BIND_GUEST) {
		source = open_source(op, e, err);
		if (source < 0)
			return source;
		dir = is_dir(source);
		mnt = mount_clone(source, op->flags.recursive);
	} else if (op->kind == MOUNT_CGROUP) {
		mnt = e->cgroup_ns ? mount_new_fs("cgroup2", "cgroup", 0, NULL) :
				     mount_clone(e->cgroup, false);
	} else {
		mnt = new_fs(op, e->root, err);
		if (mnt < 0)
			return mnt;
	}
	if (mnt < 0)
		return describe(op, -mnt, err);
	_close_ int target = open_target(op, e->root, dir, err);
	if (target < 0)
		return target;
	r = mount_set_flags(mnt, &op->flags, op->late_readonly);
	if (r >= 0)
		r = mount_attach(mnt, target);
	if (r < 0)
		return describe(op, -r, err);
	if (op->late_readonly)
		op->fd = take_fd(mnt);
	return 0;
}

int mount_place(const struct mount_op *op, int root, int mnt, struct err *err)
{
	_close_ int target = open_target(op, root, true, err);
	int r = target < 0 ? target : mount_attach(mnt, target);

	return r < 0 && target >= 0 ? describe(op, -r, err) : r;
}

int mount_plan_run(struct mount_plan *p, const struct mount_env *e, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct mount_op *op = &p->ops[i];

		if (run_one(op, e, err) < 0)
			return err_wrap(err, "error mounting \"%s\" to rootfs at \"%s\"",
					op->source, op->dest);
	}
	return 0;
}

int mount_plan_finish(struct mount_plan *p, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct mount_op *op = &p->ops[i];
		int r;

		if (op->fd < 0)
			continue;
		r = mount_set(op->fd, MOUNT_ATTR_RDONLY, 0, false);
		if (r < 0)
			return err_errno(err, -r, "make %s read-only", op->dest);
		op->fd = fd_close(op->fd);
	}
	return 0;
}
