/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/volume.h"
#include "libruntime/vm_config.h"
#include "libruntime/volume_use.h"

static int no_such(const char *path, struct err *err)
{
	return err_set(err, ENOENT, "'%s' is not registered as a volume", path);
}

/* The directory of all; -ENOENT without a message if there is none, unless it is to be made. */
static int open_all(const struct rt *rt, bool create, struct err *err)
{
	_free_ char *base = NULL;
	int r = vm_config_volumes(rt, &base, err);

	return r < 0 ? r : volumes_open(base, create, err);
}

static int check_unused(int dir, const char *path, struct err *err)
{
	struct volume_use *list = NULL;
	size_t n = 0;
	int r = volume_use_list(dir, &list, &n, err);

	if (r >= 0 && n > 0)
		r = err_set(err, EBUSY, "volume '%s' is in use by container '%s' in %s", path,
			    list[0].id, list[0].root);
	volume_use_list_free(list, n);
	return r;
}

int rt_volume_add(const struct rt *rt, const char *path, const char *text, struct err *err)
{
	_cleanup_(volume_info_done) struct volume_info new = { 0 }, old = { 0 };
	_close_ int all = -EBADF, dir = -EBADF;
	_free_ char *name = NULL;
	int r;

	r = volume_name(path, &name, err);
	if (r >= 0)
		r = volume_info_parse(text, strlen(text), &new, err);
	if (r < 0)
		return r;
	all = open_all(rt, true, err);
	if (all < 0)
		return all;
	dir = volume_open(all, path, err);
	if (dir < 0 && dir != -ENOENT)
		return dir;
	if (dir >= 0) {
		r = volume_use_lock(dir, err);
		/* Said again, as a CSI driver does that is not sure: nothing changes. */
		if (r >= 0 && volume_read(dir, &old, NULL) >= 0 && json_equal(old.text, new.text))
			return 0;
		if (r >= 0)
			r = check_unused(dir, path, err);
		if (r < 0)
			return r;
	}
	r = volume_write(all, path, &new, err);
	if (r >= 0)
		close(r);
	return r < 0 ? r : 0;
}

int rt_volume_remove(const struct rt *rt, const char *path, struct err *err)
{
	_close_ int all = -EBADF, dir = -EBADF;
	_free_ char *name = NULL;
	int r;

	all = open_all(rt, false, err);
	dir = all < 0 ? all : volume_open(all, path, err);
	if (dir == -ENOENT)
		return no_such(path, err);
	r = dir < 0 ? dir : volume_use_lock(dir, err);
	if (r >= 0)
		r = check_unused(dir, path, err);
	if (r >= 0)
		r = volume_name(path, &name, err);
	return r < 0 ? r : path_remove_tree(all, name, err);
}

/* ---- list ---- */

static json_t *describe_users(int dir)
{
	struct volume_use *list = NULL;
	json_t *arr = json_array();
	size_t n = 0;

	if (volume_use_lock(dir, NULL) >= 0 && volume_use_list(dir, &list, &n, NULL) >= 0)
		for (size_t i = 0; i < n; i++)
			json_array_append_new(arr, json_pack("{s:s, s:s, s:b}", "id", list[i].id,
							     "root", list[i].root, "readonly",
							     (int)list[i].readonly));
	volume_use_list_free(list, n);
	return arr;
}

static json_t *describe(int all, const char *path)
{
	_cleanup_(volume_info_done) struct volume_info info = { 0 };
	_free_ char *name = NULL;
	struct err err = { 0 };
	_close_ int dir = volume_open(all, path, &err);
	json_t *o;

	/* Removed meanwhile. */
	if (dir == -ENOENT || volume_name(path, &name, &err) < 0)
		return NULL;
	o = json_pack("{s:s, s:s}", "path", path, "name", name);
	if (dir >= 0 && volume_read(dir, &info, &err) >= 0)
		json_object_set(o, "info", info.text);
	else
		json_object_set_new(o, "error", json_string(err.msg));
	if (dir >= 0)
		json_object_set_new(o, "users", describe_users(dir));
	return o;
}

int rt_volume_list(const struct rt *rt, json_t **ret, struct err *err)
{
	_close_ int all = open_all(rt, false, err);
	_json_ json_t *arr = json_array();
	_strv_ char **paths = NULL;
	json_t *o;
	int r = 0;

	if (all < 0 && all != -ENOENT)
		return all;
	if (all >= 0)
		r = volume_paths(all, &paths, err);
	if (r < 0)
		return r;
	for (char **p = paths; p && *p; p++) {
		o = describe(all, *p);
		if (o && json_array_append_new(arr, o) < 0)
			return err_errno(err, ENOMEM, "volumes");
	}
	*ret = take_ptr(arr);
	return *ret ? 0 : err_errno(err, ENOMEM, "volumes");
}
