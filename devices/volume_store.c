/* SPDX-License-Identifier: Apache-2.0 */
/* The directory in which volumes are registered: read and written by descriptor, no link followed, nobody else's files believed. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/volume.h"

int volume_name(const char *path, char **ret, struct err *err)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return err_set(err, EINVAL, "volume path '%s' is not absolute", path);
	if (len > VOLUME_PATH_MAX)
		return err_set(err, ENAMETOOLONG, "volume path '%s' has %zu bytes, more than %d",
			       path, len, VOLUME_PATH_MAX);
	if (!str_is_utf8(path, len))
		return err_set(err, EINVAL, "volume path '%s' is not UTF-8", path);
	*ret = base64url_encode(path, len);
	return *ret ? 0 : err_errno(err, ENOMEM, "volume");
}

/* ---- whom it belongs to ---- */

static int check_owner(int fd, bool way, struct err *err)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? err_errno(err, errno, "owner") : path_check_owner(&st, way, err);
}

/* The next directory on the way, made if it is missing. */
static int enter(int dir, const char *name, bool create, bool last, struct err *err)
{
	_close_ int fd = -EBADF;
	int r;

	if (create && mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make it");
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(err, errno, "open it");
	r = check_owner(fd, !last, err);
	return r < 0 ? r : take_fd(fd);
}

int volumes_open(const char *base, bool create, struct err *err)
{
	_free_ char *copy = path_clean(base);
	_close_ int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *save, *name, *next;

	if (!copy || dir < 0)
		return err_errno(err, copy ? errno : ENOMEM, "volumes '%s'", base);
	name = strtok_r(copy, "/", &save);
	for (; name; name = next) {
		next = strtok_r(NULL, "/", &save);
		int fd = enter(dir, name, create, !next, err);

		if (fd == -ENOENT && !create)
			return fd;
		if (fd < 0)
			return err_wrap(err, "volumes '%s': '%s'", base, name);
		close(dir);
		dir = fd;
	}
	return take_fd(dir);
}

int volume_open(int base_fd, const char *path, struct err *err)
{
	_free_ char *name = NULL;
	int fd, r = volume_name(path, &name, err);

	if (r < 0)
		return r;
	fd = enter(base_fd, name, false, true, err);
	if (fd < 0 && fd != -ENOENT)
		err_wrap(err, "volume '%s': directory '%s'", path, name);
	return fd;
}

/* ---- mountInfo.json ---- */

int volume_read(int dir, struct volume_info *ret, struct err *err)
{
	_free_ char *text = NULL;
	struct stat st;
	int r;

	_close_ int fd = openat(dir, VOLUME_INFO_FILE,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, EINVAL, "%s is missing", VOLUME_INFO_FILE);
	if (fd < 0 && errno == ELOOP)
		return err_set(err, EINVAL, "%s is a symbolic link", VOLUME_INFO_FILE);
	if (fd < 0)
		return err_errno(err, errno, "%s", VOLUME_INFO_FILE);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "%s", VOLUME_INFO_FILE);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", VOLUME_INFO_FILE);
	r = check_owner(fd, false, err);
	if (r < 0)
		return err_wrap(err, "%s", VOLUME_INFO_FILE);
	if (st.st_size > VOLUME_INFO_MAX)
		return err_set(err, EFBIG, "%s is larger than %d bytes", VOLUME_INFO_FILE,
			       VOLUME_INFO_MAX);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return err_errno(err, ENOMEM, "%s", VOLUME_INFO_FILE);
	r = io_read_all(fd, text, (size_t)st.st_size);
	if (r < 0)
		return err_errno(err, -r, "%s", VOLUME_INFO_FILE);
	r = volume_info_parse(text, (size_t)st.st_size, ret, err);
	return r < 0 ? err_wrap(err, "%s", VOLUME_INFO_FILE) : 0;
}

int volume_load(const char *base, const char *path, struct volume_info *ret, int *ret_dir,
		struct err *err)
{
	_close_ int all = volumes_open(base, false, err);
	_close_ int dir = all < 0 ? all : volume_open(all, path, err);
	int r;

	if (dir < 0)
		return dir;
	r = volume_read(dir, ret, err);
	if (r < 0)
		return err_wrap(err, "volume '%s'", path);
	if (ret_dir)
		*ret_dir = take_fd(dir);
	return 0;
}

int volume_write(int base_fd, const char *path, const struct volume_info *v, struct err *err)
{
	_free_ char *name = NULL, *text = js_dump(v->text);
	_close_ int dir = -EBADF;
	int r;

	if (!text)
		return err_errno(err, ENOMEM, "volume");
	r = volume_name(path, &name, err);
	if (r < 0)
		return r;
	dir = enter(base_fd, name, true, true, err);
	if (dir < 0)
		return err_wrap(err, "volume '%s': directory '%s'", path, name);
	r = io_write_file(dir, VOLUME_INFO_FILE, text, strlen(text), 0600, true, err);
	if (r < 0) {
		/* Fails if it was there, with other files in it. */
		(void)unlinkat(base_fd, name, AT_REMOVEDIR);
		return err_wrap(err, "volume '%s'", path);
	}
	return take_fd(dir);
}

int volume_paths(int base_fd, char ***ret, struct err *err)
{
	_strv_ char **names = NULL, **paths = strv_copy(NULL);
	int r = path_list(base_fd, &names, err);

	if (r < 0 || !paths)
		return r < 0 ? r : err_errno(err, ENOMEM, "volumes");
	for (char **n = names; n && *n; n++) {
		_free_ char *path = NULL;
		size_t len;

		/* What no path is encoded as is none of ours. */
		if (base64url_decode(*n, &path, &len) < 0 || strlen(path) != len ||
		    path[0] != '/' || !str_is_utf8(path, len))
			continue;
		if (strv_add(&paths, path) < 0)
			return err_errno(err, ENOMEM, "volumes");
	}
	*ret = take_ptr(paths);
	return 0;
}
