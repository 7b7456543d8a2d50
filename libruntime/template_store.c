/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/template_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/store.h"

#define STORE "@templates"
#define META "template.json"
#define META_MAX_BYTES 65536
#define META_VERSION 1

#define FIELD(name, type_)                                                                        \
	{                                                                                         \
		.key = #name, .type = JS_##type_, .offset = offsetof(struct template_meta, name), \
		.flags = JS_REQUIRED                                                              \
	}

static const struct js_field fields[] = {
	FIELD(version, U32),
	FIELD(created, STR),
	FIELD(kernel, STR),
	FIELD(initrd, STR),
	FIELD(path, STR),
	FIELD(kernel_id, STR),
	FIELD(initrd_id, STR),
	FIELD(path_id, STR),
	FIELD(machine, STR),
	FIELD(accel, STR),
	FIELD(memory, U32),
	FIELD(bytes, U64),
	FIELD(devices, U64),
	FIELD(sum, STR),
	{ .key = "vcpus", .type = JS_U32, .offset = offsetof(struct template_meta, vcpus) },
	{},
};

void template_meta_done(struct template_meta *m)
{
	js_free_fields(fields, m);
	*m = (struct template_meta){};
}

/* Nobody but us may have put anything there. */
static int check_owner(int fd, const char *name, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "%s", name);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err, EPERM, "%s must belong to the caller and be closed to others",
			       name);
	return 0;
}

static int check_file(int fd, const char *name, struct err *err)
{
	struct stat st;
	int r = check_owner(fd, name, err);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", name);
	return 0;
}

int template_meta_load(int dirfd, struct template_meta *ret, struct err *err)
{
	struct js_ctx ctx = { .strict = true, .err = err };
	struct template_meta m = {};
	_json_ json_t *tree = NULL;
	_free_ char *text = NULL;
	_close_ int fd = openat(dirfd, META, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	size_t len;
	int r;

	r = fd < 0 ? err_errno(err, errno, META) : check_file(fd, META, err);
	if (r >= 0)
		r = io_read_file(dirfd, META, META_MAX_BYTES, &text, &len, err);
	if (r >= 0) {
		r = js_parse(text, len, NULL, &tree, err);
		if (r < 0)
			err_wrap(err, META);
	}
	if (r >= 0)
		r = js_decode(tree, fields, &m, META, &ctx);
	if (r >= 0 && m.version != META_VERSION)
		r = err_set(err, EINVAL, META ": version %u is not %u", m.version, META_VERSION);
	if (r < 0) {
		template_meta_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

int template_meta_save(int dirfd, const struct template_meta *m, struct err *err)
{
	_json_ json_t *obj = json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s}",
		"version", META_VERSION, "created", m->created, "kernel", m->kernel, "initrd",
		m->initrd, "path", m->path, "kernel_id", m->kernel_id, "initrd_id", m->initrd_id,
		"path_id", m->path_id, "machine", m->machine, "accel", m->accel, "memory",
		(json_int_t)m->memory, "vcpus", (json_int_t)m->vcpus, "bytes", (json_int_t)m->bytes,
		"devices", (json_int_t)m->devices, "sum", m->sum);
	_free_ char *text = obj ? js_dump(obj) : NULL;

	return text ? io_write_file(dirfd, META, text, strlen(text), 0600, false, err) :
		      err_errno(err, ENOMEM, META);
}

static bool same_file(const char *path, const char *id)
{
	char now[TEMPLATE_FILE_ID_SIZE];

	return template_file_id(path, now) >= 0 && strcmp(now, id) == 0;
}

bool template_meta_current(const struct template_meta *m)
{
	return same_file(m->kernel, m->kernel_id) && same_file(m->initrd, m->initrd_id) &&
	       same_file(m->path, m->path_id);
}

int template_store_open(int root_fd, bool create, struct err *err)
{
	_close_ int fd = -EBADF;
	int r;

	if (create && mkdirat(root_fd, STORE, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the directory of templates");
	fd = openat(root_fd, STORE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT :
					 err_errno(err, errno, "open the directory of templates");
	r = check_owner(fd, "the directory of templates", err);
	return r < 0 ? r : take_fd(fd);
}

int template_store_at(const char *factory, bool create, struct err *err)
{
	_close_ int root = store_open(factory, create, err);

	return root < 0 ? root : template_store_open(root, create, err);
}

static int open_dir(int store_fd, const char *name)
{
	int fd = openat(store_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int open_file(int dirfd, const char *name, uint64_t size, struct err *err)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(err, errno, "%s", name);
	r = check_file(fd, name, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != size)
		return err_set(err, EINVAL, "%s has %lld bytes instead of %llu", name,
			       (long long)st.st_size, (unsigned long long)size);
	return take_fd(fd);
}

int template_store_get(int store_fd, const char *key, struct template_meta *ret, int *ret_memory,
		       int *ret_devices, struct err *err)
{
	_close_ int dir = open_dir(store_fd, key), memory = -EBADF, devices = -EBADF;
	_cleanup_(template_meta_done) struct template_meta m = {};
	int r;

	if (dir == -ENOENT)
		return -ENOENT;
	r = dir < 0 ? err_errno(err, -dir, "open") : check_owner(dir, "its directory", err);
	if (r >= 0)
		r = template_meta_load(dir, &m, err);
	if (r >= 0)
		r = memory = open_file(dir, "memory", (uint64_t)m.memory << 20, err);
	if (r >= 0)
		r = devices = open_file(dir, "devices", m.devices, err);
	if (r < 0) {
		err_wrap(err, "the template %.8s is damaged", key);
		if (err)
			err->code = EUCLEAN;
		return -EUCLEAN;
	}
	*ret = m;
	m = (struct template_meta){};
	*ret_memory = take_fd(memory);
	*ret_devices = take_fd(devices);
	return 0;
}

static void name_of(char ret[64], const char *key, const char *suffix)
{
	snprintf(ret, 64, "%.40s%s", key, suffix);
}

/* Whether the directory that was locked still has that name. */
static bool still_there(int store_fd, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(store_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int template_store_claim(int store_fd, const char *key, struct err *err)
{
	char name[64];

	name_of(name, key, TEMPLATE_NEW);
	/* What an earlier maker has left goes first; each turn but the last finds somebody else in between. */
	for (int i = 0; i < 3; i++) {
		_close_ int fd = -EBADF;
		bool made = mkdirat(store_fd, name, 0700) == 0;

		if (!made && errno != EEXIST)
			return err_errno(err, errno, "make a template");
		fd = open_dir(store_fd, name);
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return err_errno(err, -fd, "make a template");
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			break;
		if (!still_there(store_fd, name, fd))
			continue;
		if (made)
			return take_fd(fd);
		/* Its maker is dead: locks end with their owner. */
		int r = path_remove_tree(store_fd, name, err);
		if (r < 0)
			return r;
	}
	return err_set(err, EBUSY, "the template is being made by another command");
}

int template_store_claimed(int store_fd, int claimed, const char *key, struct err *err)
{
	char name[64];

	name_of(name, key, TEMPLATE_NEW);
	if (!still_there(store_fd, name, claimed))
		return err_set(err, ECANCELED, "the template was removed while it was being made");
	return 0;
}

int template_store_publish(int store_fd, int claimed, const char *key, struct err *err)
{
	char name[64];
	int r = template_store_claimed(store_fd, claimed, key, err);

	if (r < 0)
		return r;
	name_of(name, key, TEMPLATE_NEW);
	if (renameat(store_fd, name, store_fd, key) < 0)
		return errno == ENOTEMPTY || errno == EEXIST ?
			       err_set(err, EEXIST, "the template exists already") :
			       err_errno(err, errno, "publish the template");
	return 0;
}

void template_store_give_up(int store_fd, int claimed, const char *key)
{
	char name[64];

	name_of(name, key, TEMPLATE_NEW);
	if (template_store_claimed(store_fd, claimed, key, NULL) >= 0)
		(void)template_store_remove(store_fd, name, NULL);
}

int template_store_remove(int store_fd, const char *name, struct err *err)
{
	return path_remove_tree(store_fd, name, err);
}

void template_store_note_failure(int store_fd, const char *key, const char *why)
{
	char name[64];

	name_of(name, key, TEMPLATE_FAILED);
	(void)io_write_file(store_fd, name, why, strlen(why), 0600, false, NULL);
}

bool template_store_busy(int store_fd, const char *name)
{
	_close_ int fd = open_dir(store_fd, name);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}
