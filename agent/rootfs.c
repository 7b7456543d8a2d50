/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/devices.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "oci/names.h"

/* A private copy of the root, attached where nothing else is: pivot_root(2) wants a mount point. */
static int attach_root(struct rootfs *r, struct err *err)
{
	int fd;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, errno, "make the guest's mounts private");
	if (r->share_dir)
		r->env.share = open(r->share_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r->share_dir && r->env.share < 0)
		return err_errno(err, errno, "open %s", r->share_dir);
	if (r->plan->volumes || r->root_volume) {
		r->env.volumes = open(r->volume_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (r->env.volumes < 0)
			return err_errno(err, errno, "open %s", r->volume_dir);
	}
	_close_ int dir = r->root_volume ?
				  path_open_in(r->env.volumes, r->root_volume, O_PATH | O_DIRECTORY,
					       0) :
				  path_open_in(r->env.share, r->root, O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return err_errno(err, -dir, "open root %s", r->root);
	_close_ int target = open(r->attach_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return err_errno(err, errno, "open %s", r->attach_dir);
	_close_ int tree = mount_clone(dir, true);
	if (tree < 0)
		return err_errno(err, -tree, "clone root %s", r->root);
	fd = mount_attach(tree, target);
	if (fd < 0)
		return err_errno(err, -fd, "attach root %s", r->root);
	r->env.root = take_fd(tree);
	return 0;
}

int rootfs_attach(struct rootfs *r, struct err *err)
{
	r->env = (struct mount_env){ .root = -EBADF,
				     .share = -EBADF,
				     .memory = -EBADF,
				     .volumes = -EBADF,
				     .cgroup = -EBADF,
				     .cgroup_ns = r->cgroup_ns };
	r->null = devices_open_null(err);
	if (r->null < 0)
		return r->null;
	if (r->cgroup_path) {
		r->env.cgroup = open(r->cgroup_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (r->env.cgroup < 0)
			return err_errno(err, errno, "open %s", r->cgroup_path);
	}
	if (r->memory_dir) {
		r->env.memory = open(r->memory_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (r->env.memory < 0)
			return err_errno(err, errno, "open %s", r->memory_dir);
	}
	return attach_root(r, err);
}

int rootfs_mount(struct rootfs *r, struct err *err)
{
	int rc = mount_plan_run(r->plan, &r->env, err);
	if (rc < 0 || r->plan->bind_dev)
		return rc;
	return devices_make(r->env.root, r->config, err);
}

int rootfs_console(const struct rootfs *r, int tty, struct err *err)
{
	struct stat st;
	int rc;

	_close_ int dev = path_open_in(r->env.root, "/dev", O_PATH | O_DIRECTORY, 0);
	if (dev < 0)
		return err_errno(err, -dev, "open /dev");
	_close_ int made = openat(dev, "console",
				  O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (made < 0 && errno != EEXIST)
		return err_errno(err, errno, "create /dev/console");
	_close_ int target = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0 || fstat(target, &st) < 0)
		return err_errno(err, errno, "open /dev/console");
	if (S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode))
		return err_set(err, EINVAL, "/dev/console is neither file nor device");
	_close_ int mnt = mount_clone(tty, false);
	rc = mnt < 0 ? mnt : mount_attach(mnt, target);
	return rc < 0 ? err_errno(err, -rc, "mount the terminal at /dev/console") : 0;
}

/* ---- masked and read-only paths ---- */

/* An empty read-only directory; each but the first is a copy of that one. */
static int mask_dir(int *first, int target)
{
	_close_ int mnt = *first < 0 ? mount_new_fs("tmpfs", "tmpfs", 0, "size=0,nr_inodes=2") :
				       mount_clone(*first, false);
	int rc = mnt < 0 ? mnt : mount_set(mnt, MOUNT_ATTR_RDONLY, 0, false);

	if (rc >= 0)
		rc = mount_attach(mnt, target);
	if (rc >= 0 && *first < 0)
		*first = take_fd(mnt);
	return rc;
}

static int mask_file(int null, int target)
{
	_close_ int mnt = mount_clone(null, false);

	return mnt < 0 ? mnt : mount_attach(mnt, target);
}

static bool is_missing(int code)
{
	return code == -ENOENT || code == -ENOTDIR;
}

static int mask_paths(const struct rootfs *r, char *const *paths, struct err *err)
{
	_close_ int dir = -EBADF;

	for (size_t i = 0; paths && paths[i]; i++) {
		_close_ int target = path_open_in(r->env.root, paths[i], O_PATH, 0);
		struct stat st;
		int rc;

		if (is_missing(target))
			continue;
		rc = target < 0 ? target : fstat(target, &st) < 0 ? -errno : 0;
		if (rc >= 0)
			rc = S_ISDIR(st.st_mode) ? mask_dir(&dir, target) :
						   mask_file(r->null, target);
		if (rc < 0)
			return err_errno(err, -rc, "can't mask path \"%s\"", paths[i]);
	}
	return 0;
}

static int readonly_paths(int root, char *const *paths, struct err *err)
{
	for (size_t i = 0; paths && paths[i]; i++) {
		_close_ int target = path_open_in(root, paths[i], O_PATH, 0);
		_close_ int mnt = target < 0 ? target : mount_clone(target, true);
		int rc;

		if (is_missing(target))
			continue;
		rc = mnt < 0 ? mnt : mount_set(mnt, MOUNT_ATTR_RDONLY, 0, false);
		if (rc >= 0)
			rc = mount_attach(mnt, target);
		if (rc < 0)
			return err_errno(err, -rc, "can't make \"%s\" read-only", paths[i]);
	}
	return 0;
}

/* ---- the end ---- */

static int pivot(int root, struct err *err)
{
	_close_ int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0 || fchdir(root) < 0)
		return err_errno(err, errno, "enter root");
	/* The old root comes to lie over the new one and is then taken away: no directory is needed for it. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_errno(err, errno, "pivot_root");
	if (fchdir(old) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(err, errno, "leave the guest's root");
	return 0;
}

int rootfs_enter(struct rootfs *r, struct err *err)
{
	const struct oci_config *c = r->config;
	unsigned long propagation = c->linux_->rootfs_propagation ?
					    oci_propagation_flag(c->linux_->rootfs_propagation) :
					    0;
	int rc = readonly_paths(r->env.root, c->linux_->readonly_paths, err);

	if (rc >= 0)
		rc = mask_paths(r, c->linux_->masked_paths, err);
	if (rc >= 0)
		rc = mount_plan_finish(r->plan, err);
	if (rc >= 0 && c->process->cwd && *c->process->cwd) {
		_close_ int cwd = path_mkdirs_in(r->env.root, c->process->cwd, 0755, NULL);

		rc = cwd < 0 ? err_errno(err, -cwd, "mkdir %s", c->process->cwd) : 0;
	}
	if (rc < 0)
		return rc;
	rc = c->root.readonly ? mount_set(r->env.root, MOUNT_ATTR_RDONLY, 0, false) : 0;
	if (rc < 0)
		return err_errno(err, -rc, "make the root read-only");
	rc = pivot(r->env.root, err);
	if (rc < 0)
		return rc;
	rc = propagation ? mount_propagation(r->env.root, propagation) : 0;
	if (rc < 0)
		return err_errno(err, -rc, "set rootfsPropagation %s",
				 c->linux_->rootfs_propagation);
	return 0;
}
