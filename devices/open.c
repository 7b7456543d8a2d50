/* SPDX-License-Identifier: Apache-2.0 */
/* Taking hold of what a plan names: everything is checked on the descriptor that the VM then gets. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "devices/open.h"
#include "devices/plan.h"

static int open_as(const char *path, bool readonly, bool exclusive)
{
	int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | (exclusive ? O_EXCL : 0) | O_CLOEXEC |
				    O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int dev_open_block(const char *path, dev_t want, bool alone, bool *readonly, struct err *err)
{
	bool ro = *readonly;
	_close_ int fd = -EBADF;
	struct stat st;
	int set = 0;

	/* O_EXCL: what is mounted on the host, or another VM's to write, is in use (open(2)). */
	fd = open_as(path, ro, alone || !ro);
	if (fd == -EBUSY && alone)
		return err_set(err, EBUSY, "'%s' is in use on this host", path);
	if (fd == -EBUSY)
		return err_set(
			err, EBUSY,
			"'%s' is in use on this host; it can be given read-only (access \"r\" in "
			"linux.resources.devices, option \"ro\" of a volume)",
			path);
	if ((fd == -EROFS || fd == -EACCES) && !ro) {
		ro = true;
		fd = open_as(path, ro, alone);
	}
	if (fd < 0)
		return err_errno(err, -fd, "open '%s'", path);
	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode))
		return err_set(err, ENODEV, "'%s' is not a block device", path);
	if (want && st.st_rdev != want)
		return err_set(err, ENODEV, "'%s' is not block device %u:%u", path, major(want),
			       minor(want));
	/* The kernel refuses writes to it later, not opening it for them (block/ioctl.c). */
	if (ioctl(fd, BLKROGET, &set) < 0)
		return err_errno(err, errno, "'%s'", path);
	if (set && !ro) {
		ro = true;
		close(fd);
		fd = open_as(path, ro, alone);
		if (fd < 0)
			return err_errno(err, -fd, "open '%s'", path);
	}
	*readonly = ro;
	return take_fd(fd);
}

static int open_block(struct dev_item *item, const struct oci_device *d, struct err *err)
{
	dev_t want = makedev((unsigned int)d->major, (unsigned int)d->minor);
	int fd = dev_open_block(item->source, want, false, &item->readonly, err);

	if (fd < 0)
		return fd;
	item->fd = fd;
	return 0;
}

/* Connected here, where there are the rights to: the VM process gets no path. */
static int connect_socket(struct dev_item *item, struct err *err)
{
	int fd = sock_connect_at(AT_FDCWD, item->source, err);

	if (fd < 0)
		return err_wrap(err, "vhost-user target");
	item->fd = fd;
	return 0;
}

int dev_open_one(struct dev_item *item, const struct oci_config *c, struct err *err)
{
	if (item->outcome == DEV_BLOCK)
		return open_block(item, &c->linux_->devices[item->index], err);
	if (item->outcome == DEV_VFIO)
		return vfio_check_free(&item->vfio, err);
	return item->outcome == DEV_GUEST ? 0 : connect_socket(item, err);
}

int dev_plan_open(struct dev_plan *p, const struct oci_config *c, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < p->n && r >= 0; i++) {
		r = dev_open_one(&p->v[i], c, err);
		if (r < 0)
			(void)dev_wrap(c, p->v[i].index, err);
	}
	return r;
}
