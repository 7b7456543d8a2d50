/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/device_config.h"
#include "agent/hotplug.h"
#include "agent/modules.h"
#include "agent/mount.h"
#include "agent/pci.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "oci/mount_options.h"

#define NODE_MS 5000

int volume_disk_name(int major, int minor, char ret[32], struct err *err)
{
	char path[64], target[512];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%d:%d", major, minor);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return err_errno(err, errno, "disk %d:%d", major, minor);
	target[n] = '\0';
	name = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	if (strlen(name) > 31)
		return err_set(err, ENAMETOOLONG, "disk %d:%d", major, minor);
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

bool volume_disk_busy(const char *disk)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", disk);
	_close_ int fd = open(path, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 && errno == EBUSY;
}

/* ---- mounting ---- */

static int parse_options(const json_t *list, struct oci_mount_flags *ret, struct err *err)
{
	_strv_ char **options = strv_copy(NULL);
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)list, i, item)
		if (!json_is_string(item) || strv_add(&options, json_string_value(item)) < 0)
			return err_set(err, EINVAL, "options: strings are required");
	return oci_mount_flags_parse(options, ret, err);
}

static int look_node(void *data, struct err *err)
{
	(void)err;
	return access(data, F_OK) < 0 ? -ENOENT : 0;
}

/* The kernel makes a disk's node in /dev a moment after what sysfs says of it, where it was found. */
static int find_node(const struct volume *v, char ret[64], struct err *err)
{
	int r;

	snprintf(ret, 64, "/dev/%s", v->disk);
	r = uevent_until("/block/", look_node, ret, NODE_MS, err);
	return r == -ETIMEDOUT ?
		       err_set(err, ENODEV, "the guest has no %s after %d ms", ret, NODE_MS) :
		       r;
}

static int new_fs(struct volume *v, const json_t *options, struct err *err)
{
	struct oci_mount_flags f = { 0 };
	char device[64];
	int mnt, r;

	r = find_node(v, device, err);
	if (r >= 0)
		r = parse_options(options, &f, err);
	if (r < 0)
		return r;
	if (v->readonly)
		f.set |= MS_RDONLY;
	modules_load(v->fstype);
	mnt = mount_new_fs(v->fstype, device, f.set, f.data);
	if (mnt == -ENODEV)
		r = err_set(err, ENODEV, "the guest's kernel has no file system %s", v->fstype);
	else if (mnt < 0)
		r = err_errno(err, -mnt, "mount the file system as %s%s%s%s", v->fstype,
			      v->readonly ? " read-only" : "", f.data ? " with " : "",
			      f.data ? f.data : "");
	else if ((r = mount_set_flags(mnt, &f, false)) < 0)
		err_errno(err, -r, "options of the mount");
	oci_mount_flags_done(&f);
	if (r >= 0)
		return mnt;
	fd_close(mnt);
	return r;
}

/* Where the container's first process finds it. */
static int attach(struct volume *v, int mnt, struct err *err)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), VOLUME_DIR "/%s", v->disk);
	if (mkdir(VOLUME_DIR, 0711) < 0 && errno != EEXIST)
		return err_errno(err, errno, "mkdir " VOLUME_DIR);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "mkdir %s", path);
	_close_ int target = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return err_errno(err, errno, "open %s", path);
	r = mount_attach(mnt, target);
	return r < 0 ? err_errno(err, -r, "mount at %s", path) : 0;
}

static int set_group(const struct volume *v, int mnt, uint32_t group, bool on_mismatch,
		     struct err *err)
{
	if (group == 0)
		return 0;
	/* As it is: whoever wants it otherwise makes it writable once. */
	if (v->readonly) {
		log_warn("fsGroup of a read-only volume is not applied");
		return 0;
	}
	return volume_set_group(mnt, group, on_mismatch, err);
}

static int mount_volume(struct volume *v, const json_t *entry, uint32_t group, struct err *err)
{
	_close_ int mnt = -EBADF;
	int r;

	v->options = json_incref(json_object_get(entry, "options"));
	r = mnt = new_fs(v, v->options, err);
	if (r >= 0)
		r = set_group(v, mnt, group, js_get_bool(entry, "group_on_mismatch", false), err);
	if (r >= 0)
		r = attach(v, mnt, err);
	if (r >= 0)
		v->fd = take_fd(mnt);
	return r;
}

/* ---- the request ---- */

/* The disk as one of linux.devices. */
static int add_node(const struct volume *v, uint32_t group, json_t *config, int major, int minor,
		    struct err *err)
{
	const char *path = js_get_str(json_array_get(json_object_get(config, "mounts"), v->index),
				      "destination");

	if (!path)
		return err_set(err, EINVAL, "index is not one of config.mounts");
	return device_config_add_disk(config, path, group, major, minor, v->readonly, err);
}

struct disk {
	int major, minor;
	uint32_t group;
};

/* What an entry says, and the disk that it is about. */
static int find_disk(struct volume *v, const json_t *entry, struct disk *ret, struct err *err)
{
	const char *port = js_get_str(entry, "port"), *fstype = js_get_str(entry, "fstype");
	const char *kind = js_get_str(entry, "kind");
	int64_t index = js_get_int(entry, "index", -2), group = js_get_int(entry, "group", 0);
	int r;

	v->node = js_get_bool(entry, "node", false);
	v->readonly = js_get_bool(entry, "readonly", false);
	if (!port || index < -1 || index > VOLUME_INDEX_MAX || (index < 0 && v->node) || !fstype ||
	    strlen(fstype) >= sizeof(v->fstype) || strchr(fstype, '/') || (!*fstype && !v->node))
		return err_set(err, EINVAL, "index, port and fstype are required");
	if (group < 0 || group >= UINT32_MAX)
		return err_set(err, EINVAL, "group: a group id is required");
	v->index = index < 0 ? VOLUME_ROOT : (size_t)index;
	memcpy(v->fstype, fstype, strlen(fstype) + 1);
	ret->group = (uint32_t)group;
	r = kind && !strcmp(kind, "pci") ? pci_wait_disk(port, &ret->major, &ret->minor, err) :
					   hotplug_wait_disk(port, &ret->major, &ret->minor, err);
	return r < 0 ? r : volume_disk_name(ret->major, ret->minor, v->disk, err);
}

static int attach_one(struct volume *v, const json_t *entry, json_t *config, json_t *map,
		      struct err *err)
{
	struct disk d = { 0 };
	int r = find_disk(v, entry, &d, err);

	if (r >= 0)
		r = v->node ? add_node(v, d.group, config, d.major, d.minor, err) :
			      mount_volume(v, entry, d.group, err);
	if (r >= 0 && json_array_append_new(map, json_pack("{s:O, s:s, s:b}", "index",
							   json_object_get(entry, "index"), "volume",
							   v->disk, "node", (int)v->node)) < 0)
		r = err_errno(err, ENOMEM, "volumes");
	return r;
}

int volumes_attach(const json_t *list, json_t *config, json_t *map, struct volume **ret,
		   struct err *err)
{
	struct volume *all = NULL;
	json_t *entry;
	size_t i;
	int r = 0;

	json_array_foreach((json_t *)list, i, entry) {
		struct volume *v = calloc(1, sizeof(*v));

		if (!v) {
			r = err_errno(err, ENOMEM, "volumes");
			break;
		}
		v->fd = -EBADF;
		v->next = all;
		all = v;
		r = attach_one(v, entry, config, map, err);
		if (r < 0) {
			if (v->index == VOLUME_ROOT)
				err_wrap(err, "root.path: disk");
			else
				err_wrap(err, "mounts[%d]: volume",
					 (int)js_get_int(entry, "index", -1));
			break;
		}
	}
	if (r < 0) {
		volumes_free(all);
		return r;
	}
	*ret = all;
	return 0;
}

int volume_attach(const json_t *entry, struct volume **ret, struct err *err)
{
	struct volume *v = calloc(1, sizeof(*v));
	struct disk d = { 0 };
	int r;

	if (!v)
		return err_errno(err, ENOMEM, "volume");
	v->fd = -EBADF;
	r = find_disk(v, entry, &d, err);
	if (r >= 0 && (v->node || v->index == VOLUME_ROOT))
		r = err_set(err, EINVAL, "index, port and fstype are required");
	if (r >= 0)
		r = mount_volume(v, entry, d.group, err);
	if (r < 0) {
		volumes_free(v);
		return r;
	}
	*ret = v;
	return 0;
}

/* ---- the end ---- */

static void unmount(struct volume *v)
{
	char path[64];

	if (v->fd < 0)
		return;
	v->fd = fd_close(v->fd);
	snprintf(path, sizeof(path), VOLUME_DIR "/%s", v->disk);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 || rmdir(path) < 0)
		log_warn("unmount %s: %s", path, err_str(errno));
}

int volume_leave(struct volume *v, struct err *err)
{
	_close_ int mnt = -EBADF;
	struct err why = {};

	unmount(v);
	if (!volume_disk_busy(v->disk))
		return 0;
	/* The same file system once more: the kernel has only one for a disk. */
	mnt = new_fs(v, v->options, &why);
	if (mnt < 0 || attach(v, mnt, &why) < 0)
		log_warn("volume %s: %s", v->disk, why.msg);
	else
		v->fd = take_fd(mnt);
	return err_set(err, EBUSY,
		       "the file system is in use or mounted elsewhere in the container");
}

const char *volumes_root(const struct volume *v)
{
	for (; v; v = v->next)
		if (v->index == VOLUME_ROOT)
			return v->disk;
	return NULL;
}

void volumes_free(struct volume *v)
{
	struct volume *next;

	for (; v; v = next) {
		next = v->next;
		unmount(v);
		json_decref(v->options);
		json_decref(v->request);
		free(v);
	}
}

/* FS_IOC_SHUTDOWN of Linux 6.18, before that each file system's own: ext4, xfs, f2fs. 0: all is written first, and the journal is empty. */
#define SHUTDOWN _IOR('X', 125, uint32_t)

void volume_shut(const struct volume *v)
{
	_close_ int dir = v->fd < 0 ? -EBADF :
				      openat(v->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t how = 0;

	if (dir < 0 || v->readonly)
		return;
	if (syncfs(dir) < 0)
		log_warn("volume %s: %s", v->disk, err_str(errno));
	/* One that cannot do that has been synced at least. */
	(void)ioctl(dir, SHUTDOWN, &how);
}

void volumes_freeze(const struct volume *v)
{
	for (; v; v = v->next) {
		_close_ int dir = v->fd < 0 || v->readonly ?
					  -EBADF :
					  openat(v->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		/* More than sync(2): the journal of an ext4 is empty afterwards, as after an unmount. */
		if (dir >= 0 && ioctl(dir, FIFREEZE, 0) < 0 && errno != EROFS)
			log_warn("freeze volume %s: %s", v->disk, err_str(errno));
	}
}
