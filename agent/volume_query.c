/* SPDX-License-Identifier: Apache-2.0 */
/* volume.stats and volume.resize: what a mounted volume holds, and its file system made as large as its disk has become. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/container.h"
#include "agent/server.h"
#include "agent/uevent.h"
#include "agent/volume.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/num.h"

#define GROW_MS 10000

/* fs/ext4/ext4.h and fs/xfs/libxfs/xfs_fs.h: not in the headers for programs. */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
struct xfs_geometry {
	uint32_t blocksize, rtextsize, agblocks, agcount, logblocks, sectsize, inodesize, imaxpct;
	uint64_t datablocks, rtblocks, rtextents, logstart;
	uint8_t uuid[16];
	uint32_t sunit, swidth;
	int32_t version;
	uint32_t flags, logsectsize, rtsectsize, dirblocksize;
};
struct xfs_growth {
	uint64_t newblocks;
	uint32_t imaxpct;
};
#define XFS_IOC_FSGEOMETRY_V1 _IOR('X', 100, struct xfs_geometry)
#define XFS_IOC_FSGROWFSDATA _IOW('X', 110, struct xfs_growth)

static struct volume *volume_param(const struct agent *a, const json_t *params, struct err *err)
{
	struct container *c = container_param(a, params, err);
	int64_t index = js_get_int(params, "index", -1);

	if (!c)
		return NULL;
	for (struct volume *v = c->volumes; v; v = v->next)
		if ((int64_t)v->index == index)
			return v;
	err_set(err, ENOENT, "mounts[%d] of the container is no volume", (int)index);
	return NULL;
}

/* How many errors the kernel has found in the file system; 0 if it does not count. */
static uint64_t count_errors(const struct volume *v)
{
	_free_ char *text = NULL;
	char path[96];
	uint64_t n = 0;

	snprintf(path, sizeof(path), "/sys/fs/ext4/%s/errors_count", v->disk);
	if (io_read_file(AT_FDCWD, path, 32, &text, NULL, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return num_u64(text, 0, UINT64_MAX, &n) < 0 ? 0 : n;
}

static json_t *usage(uint64_t total, uint64_t free_, uint64_t available)
{
	return json_pack("{s:o, s:o, s:o}", "total", js_new_u64(total), "used",
			 js_new_u64(total - free_), "available", js_new_u64(available));
}

CONTAINER_REQUEST(volume_stats)
{
	struct volume *v = volume_param(a, params, err);
	const char *message = "";
	struct statvfs fs = { 0 };

	if (!v)
		return -ENOENT;
	if (v->node)
		return err_set(err, ENOTSUP, "the volume is a device without a file system");
	if (fstatvfs(v->fd, &fs) < 0)
		message = err_str(errno);
	else if (count_errors(v) > 0)
		message = "the kernel has found errors in the file system";
	else if (!v->readonly && fs.f_flag & ST_RDONLY)
		message = "the file system has become read-only";
	*ret_result = json_pack("{s:o, s:o, s:b, s:s}", "bytes",
				usage(fs.f_blocks * fs.f_frsize, fs.f_bfree * fs.f_frsize,
				      fs.f_bavail * fs.f_frsize),
				"inodes", usage(fs.f_files, fs.f_ffree, fs.f_favail), "abnormal",
				(int)(*message != '\0'), "message", message);
	return 0;
}

/* ---- growing ---- */

struct disk {
	const char *name;
	uint64_t wanted, size; /* bytes */
};

static int look(void *data, struct err *err)
{
	struct disk *d = data;
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", d->name);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &d->size) < 0)
		return err_errno(err, errno == ENOENT ? ENXIO : errno, "%s", path);
	return d->size >= d->wanted ? 0 : -ENOENT;
}

static int grow_ext4(int dir, uint64_t size)
{
	struct statvfs fs;
	uint64_t blocks;

	if (fstatvfs(dir, &fs) < 0)
		return -errno;
	blocks = size / fs.f_bsize;
	return ioctl(dir, EXT4_IOC_RESIZE_FS, &blocks) < 0 ? -errno : 0;
}

static int grow_xfs(int dir, uint64_t size)
{
	struct xfs_geometry g = { 0 };
	struct xfs_growth want;

	if (ioctl(dir, XFS_IOC_FSGEOMETRY_V1, &g) < 0)
		return -errno;
	if (g.blocksize == 0)
		return -EIO;
	want = (struct xfs_growth){ .newblocks = size / g.blocksize, .imaxpct = g.imaxpct };
	return ioctl(dir, XFS_IOC_FSGROWFSDATA, &want) < 0 ? -errno : 0;
}

static const struct {
	const char *fstype;
	int (*grow)(int dir, uint64_t size);
} growers[] = {
	{ "ext2", grow_ext4 },
	{ "ext3", grow_ext4 },
	{ "ext4", grow_ext4 },
	{ "xfs", grow_xfs },
};

static int grow(const struct volume *v, uint64_t size, struct err *err)
{
	int r = -ENOTSUP;

	_close_ int dir = openat(v->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "the file system");
	for (size_t i = 0; i < ARRAY_SIZE(growers); i++)
		if (!strcmp(v->fstype, growers[i].fstype))
			r = growers[i].grow(dir, size);
	return r < 0 ? err_errno(err, -r, "grow the %s to %llu bytes", v->fstype,
				 (unsigned long long)size) :
		       0;
}

CONTAINER_REQUEST(volume_resize)
{
	struct volume *v = volume_param(a, params, err);
	struct disk d = { 0 };
	int r;

	if (!v)
		return -ENOENT;
	if (v->readonly)
		return err_set(err, EROFS, "the volume is read-only");
	if (js_u64(json_object_get(params, "size"), &d.wanted) < 0 || d.wanted == 0)
		return err_set(err, EINVAL, "size: a number is required");
	d.name = v->disk;
	r = uevent_until("/block/", look, &d, GROW_MS, err);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "the disk has %llu bytes and did not grow to %llu",
			       (unsigned long long)d.size, (unsigned long long)d.wanted);
	if (r >= 0 && !v->node)
		r = grow(v, d.size, err);
	if (r < 0)
		return r;
	*ret_result = json_pack("{s:o}", "size", js_new_u64(d.size));
	return 0;
}
