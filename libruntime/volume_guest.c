/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest is asked about a volume: stats and resize. What it says is checked, and no more than passed on. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "devices/volume.h"
#include "libruntime/container.h"
#include "libruntime/monitor_client.h"
#include "libruntime/vm_config.h"
#include "libruntime/volume.h"
#include "libruntime/volume_use.h"

#define RESIZE_MS 90000
#define MESSAGE_MAX 256

/* A volume that is in use, and by whom. */
struct used {
	int dir; /* locked */
	struct volume_info info;
	struct volume_use *list;
	size_t n;
};

static void used_done(struct used *u)
{
	volume_info_done(&u->info);
	volume_use_list_free(u->list, u->n);
	fd_close(u->dir);
}

static int find(const struct rt *rt, const char *path, struct used *ret, struct err *err)
{
	_free_ char *base = NULL;
	int r = vm_config_volumes(rt, &base, err);

	if (r >= 0)
		r = volume_load(base, path, &ret->info, &ret->dir, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "'%s' is not registered as a volume", path);
	if (r >= 0)
		r = volume_use_lock(ret->dir, err);
	if (r >= 0)
		r = volume_use_list(ret->dir, &ret->list, &ret->n, err);
	if (r >= 0 && ret->n == 0)
		r = err_set(err, ENOENT, "volume '%s' is not in use by a running container", path);
	return r;
}

/*
 * To the virtual machine that has the volume, under whatever --root it was made. Lets go of the lock: whom the volume belongs
 * to may end in the meantime, and then the request fails.
 */
static int ask(const struct rt *rt, struct used *u, const char *method, json_t *params,
	       int timeout_ms, json_t **ret, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	const struct volume_use *use = &u->list[0];
	struct rt there = *rt;
	int r;

	u->dir = fd_close(u->dir);
	there.root = use->root;
	r = container_open(&there, use->id, false, &c, err);
	if (r < 0) {
		json_decref(params);
		return r;
	}
	json_object_set_new(params, "index", json_integer(use->index));
	return container_request(&c, method, params, timeout_ms, ret, err);
}

/* ---- stats ---- */

static json_t *usage_of(const json_t *said, const char *unit)
{
	uint64_t total, used, available;

	if (js_u64(json_object_get(said, "total"), &total) < 0 ||
	    js_u64(json_object_get(said, "used"), &used) < 0 ||
	    js_u64(json_object_get(said, "available"), &available) < 0 || used > total ||
	    available > total)
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:s}", "available", js_new_u64(available), "total",
			 js_new_u64(total), "used", js_new_u64(used), "unit", unit);
}

/* One line for a person. */
static json_t *message_of(const char *said)
{
	char text[MESSAGE_MAX + 1];
	size_t n = str_cut(said, MESSAGE_MAX);

	memcpy(text, said, n);
	text[n] = '\0';
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	return json_string(text);
}

int rt_volume_stats(const struct rt *rt, const char *path, json_t **ret, struct err *err)
{
	_cleanup_(used_done) struct used u = { .dir = -EBADF };
	_json_ json_t *said = NULL, *bytes = NULL, *inodes = NULL;
	const char *message;
	int r = find(rt, path, &u, err);

	if (r < 0)
		return r;
	r = ask(rt, &u, "volume.stats", json_object(), MONITOR_REQUEST_MS, &said, err);
	if (r < 0)
		return err_wrap(err, "volume '%s'", path);
	bytes = usage_of(json_object_get(said, "bytes"), "BYTES");
	inodes = usage_of(json_object_get(said, "inodes"), "INODES");
	message = js_get_str(said, "message");
	if (!bytes || !inodes || !message)
		return err_set(err, EPROTO, "volume '%s': the guest's answer makes no sense", path);
	*ret = json_pack("{s:[O, O], s:{s:b, s:o}}", "usage", bytes, inodes, "volume_condition",
			 "abnormal", (int)js_get_bool(said, "abnormal", true), "message",
			 message_of(message));
	return *ret ? 0 : err_errno(err, ENOMEM, "volume");
}

/* ---- resize ---- */

static int grow_file(int fd, uint64_t have, uint64_t size, struct err *err)
{
	if (size < have)
		return err_set(err, EINVAL, "%llu bytes are less than the %llu that it has",
			       (unsigned long long)size, (unsigned long long)have);
	/* Sparse, as it was made. */
	if (size > have && ftruncate(fd, (off_t)size) < 0)
		return err_errno(err, errno, "make it larger");
	return 0;
}

/* Who owns a block device enlarges it first: a logical volume, say. */
static int check_device(int fd, uint64_t size, struct err *err)
{
	uint64_t have;

	if (ioctl(fd, BLKGETSIZE64, &have) < 0)
		return err_errno(err, errno, "size");
	return have < size ? err_set(err, ENOSPC, "it has %llu bytes: enlarge it first",
				     (unsigned long long)have) :
			     0;
}

static int grow_device(const struct volume_info *info, uint64_t size, struct err *err)
{
	struct stat st;
	int r;

	if (info->type != VOLUME_BLOCK)
		return 0;
	_close_ int fd = open(info->device, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "device '%s'", info->device);
	if (S_ISREG(st.st_mode))
		r = grow_file(fd, (uint64_t)st.st_size, size, err);
	else
		r = check_device(fd, size, err);
	return r < 0 ? err_wrap(err, "device '%s'", info->device) : 0;
}

static int check_growth(const struct used *u, uint64_t size, struct err *err)
{
	if (size == 0 || size > INT64_MAX || size % 512)
		return err_set(err, EINVAL, "size %llu is not a multiple of 512 bytes",
			       (unsigned long long)size);
	if (u->list[0].readonly)
		return err_set(err, EROFS, "container '%s' uses it read-only", u->list[0].id);
	/* Before anything has grown. */
	if (*u->info.fstype && !str_has_prefix(u->info.fstype, "ext") &&
	    strcmp(u->info.fstype, "xfs") != 0)
		return err_set(err, ENOTSUP, "a mounted %s cannot be resized", u->info.fstype);
	return 0;
}

int rt_volume_resize(const struct rt *rt, const char *path, uint64_t size, struct err *err)
{
	_cleanup_(used_done) struct used u = { .dir = -EBADF };
	_json_ json_t *said = NULL;
	int r = find(rt, path, &u, err);

	if (r < 0)
		return r;
	r = check_growth(&u, size, err);
	if (r >= 0)
		r = grow_device(&u.info, size, err);
	if (r >= 0)
		r = ask(rt, &u, "volume.resize",
			json_pack("{s:I, s:s*, s:I}", "device", (json_int_t)u.list[0].device,
				  "name", u.list[0].name, "size", (json_int_t)size),
			RESIZE_MS, &said, err);
	return r < 0 ? err_wrap(err, "volume '%s'", path) : 0;
}
