/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/mount.h"
#include "base/cleanup.h"
#include "base/path.h"

static const struct {
	const char *name;
	unsigned int major, minor;
} devices[] = {
	{ "null", 1, 3 }, { "zero", 1, 5 },   { "full", 1, 7 },
	{ "tty", 5, 0 },  { "random", 1, 8 }, { "urandom", 1, 9 },
};

static const struct {
	const char *target, *name;
} links[] = {
	{ "/proc/self/fd", "fd" },
	{ "/proc/self/fd/0", "stdin" },
	{ "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" },
};

/* Where nodes cannot be made (a root file system without mknod) the guest's own is mounted. */
static int bind_device(int dev, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/%s", name);
	_close_ int from = open(path, O_PATH | O_CLOEXEC);
	if (from < 0)
		return -errno;
	_close_ int file = openat(dev, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				  0644);
	if (file < 0)
		return -errno;
	_close_ int mnt = mount_clone(from, false);
	return mnt < 0 ? mnt : mount_attach(mnt, file);
}

static int make_device(int dev, size_t i)
{
	int r;

	if (mknodat(dev, devices[i].name, S_IFCHR | 0666,
		    makedev(devices[i].major, devices[i].minor)) < 0) {
		r = errno == EPERM || errno == EOPNOTSUPP ? bind_device(dev, devices[i].name) :
							    -errno;
		return r == -EEXIST ? 0 : r;
	}
	return 0;
}

/* The only one that replaces what is there: the container's terminals must be its own. */
static int link_ptmx(int dev, struct err *err)
{
	char target[16];
	ssize_t n = readlinkat(dev, "ptmx", target, sizeof(target));

	if (n == (ssize_t)strlen("pts/ptmx") && !strncmp(target, "pts/ptmx", (size_t)n))
		return 0;
	if (unlinkat(dev, "ptmx", 0) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove /dev/ptmx");
	if (symlinkat("pts/ptmx", dev, "ptmx") < 0)
		return err_errno(err, errno, "symlink pts/ptmx /dev/ptmx");
	return 0;
}

#define STAGE ".moat-device" /* in /dev, for a moment */

static bool is_node(const struct stat *st, mode_t type, dev_t number)
{
	return (st->st_mode & S_IFMT) == type && (type == S_IFIFO || st->st_rdev == number);
}

/*
 * 1: something that is not this device has its name. 0: nothing has, or, with *ret_same, it has. A node with another number is what an
 * earlier start of the container has left, since the guest's change.
 */
static int look(int dir, const char *name, mode_t type, dev_t number, bool *ret_same)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret_same = is_node(&st, type, number);
	if (*ret_same || (st.st_mode & S_IFMT) != type)
		return !*ret_same;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

/* The node is mounted on what is there, which stays as it is; on what a link of the image leads to, as runc does it. */
static int cover(int root, const struct oci_device *d, mode_t mode, dev_t number)
{
	_close_ int dev = path_open_in(root, "/dev", O_PATH | O_DIRECTORY, 0);
	_close_ int target = path_touch_in(root, d->path, 0644, NULL);
	_close_ int node = -EBADF, mnt = -EBADF;
	struct stat st;
	int r;

	if (dev < 0 || target < 0)
		return dev < 0 ? dev : target;
	if (fstat(target, &st) == 0 && is_node(&st, mode & S_IFMT, number))
		return 0;
	if (mknodat(dev, STAGE, mode, number) < 0)
		return -errno;
	r = node = openat(dev, STAGE, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (r < 0 || fchownat(dev, STAGE, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r >= 0)
		r = mnt = mount_clone(node, false);
	if (r >= 0)
		r = mount_attach(mnt, target);
	(void)unlinkat(dev, STAGE, 0);
	return r;
}

static int make_node_in(int root, int dir, const char *name, const struct oci_device *d,
			bool exists_ok)
{
	mode_t type = d->type[0] == 'b' ? S_IFBLK : d->type[0] == 'p' ? S_IFIFO : S_IFCHR;
	mode_t mode = type | ((d->has_file_mode ? d->file_mode : 0666) & 07777);
	dev_t number = makedev((unsigned int)d->major, (unsigned int)d->minor);
	bool same = false;
	int r = exists_ok ? look(dir, name, type, number, &same) : 0;

	if (r != 0 || same)
		return r > 0 ? cover(root, d, mode, number) : r;
	return mknodat(dir, name, mode, number) < 0 ||
			       fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0 ?
		       -errno :
		       0;
}

/* One of linux.devices: its numbers are the guest's by now. */
static int make_node(int root, const struct oci_device *d, bool exists_ok, struct err *err)
{
	const char *slash = strrchr(d->path, '/'), *name = slash + 1;
	_free_ char *parent = strndup(d->path, (size_t)(name - d->path));
	_close_ int dir = -EBADF;
	int r;

	if (!parent || !*name)
		return err_set(err, parent ? EINVAL : ENOMEM, "make device %s", d->path);
	dir = path_mkdirs_in(root, parent, 0755, err);
	if (dir < 0)
		return err_wrap(err, "make device %s", d->path);
	r = make_node_in(root, dir, name, d, exists_ok);
	return r < 0 ? err_errno(err, -r, "make device %s", d->path) : 0;
}

int devices_make(int root, const struct oci_config *config, struct err *err)
{
	_close_ int dev = path_mkdirs_in(root, "/dev", 0755, err);
	mode_t mask;
	int r = 0;

	if (dev < 0)
		return dev;
	mask = umask(0);
	for (size_t i = 0; i < config->linux_->n_devices && r >= 0; i++)
		r = make_node(root, &config->linux_->devices[i], true, err);
	if (r < 0) {
		umask(mask);
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(devices) && r >= 0; i++) {
		r = make_device(dev, i);
		if (r < 0)
			err_errno(err, -r, "make device /dev/%s", devices[i].name);
	}
	umask(mask);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0 && errno != EEXIST)
			return err_errno(err, errno, "symlink %s /dev/%s", links[i].target,
					 links[i].name);
	if (access("/proc/kcore", F_OK) == 0 && symlinkat("/proc/kcore", dev, "core") < 0 &&
	    errno != EEXIST)
		return err_errno(err, errno, "symlink /proc/kcore /dev/core");
	return link_ptmx(dev, err);
}

int devices_add_node(int root, const struct oci_device *d, struct err *err)
{
	mode_t mask = umask(0);
	int r = make_node(root, d, false, err);

	umask(mask);
	return r;
}

int devices_remove_node(int root, const char *path, dev_t number, struct err *err)
{
	const char *slash = strrchr(path, '/');
	_free_ char *parent = slash ? strndup(path, (size_t)(slash + 1 - path)) : NULL;
	_close_ int dir = -EBADF;
	struct stat st;

	if (!parent)
		return err_set(err, slash ? ENOMEM : EINVAL, "remove device %s", path);
	dir = path_open_in(root, parent, O_PATH | O_DIRECTORY, 0);
	/* What the container has removed or replaced is its own affair. */
	if (dir < 0 || fstatat(dir, slash + 1, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISBLK(st.st_mode) || st.st_rdev != number)
		return 0;
	return unlinkat(dir, slash + 1, 0) < 0 && errno != ENOENT ?
		       err_errno(err, errno, "remove device %s", path) :
		       0;
}

int devices_open_null(struct err *err)
{
	struct stat st;

	_close_ int fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open /dev/null");
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(err, ENODEV, "/dev/null is not the null device");
	return take_fd(fd);
}
