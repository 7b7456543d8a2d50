/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/mounted.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "oci/mount_options.h"

/* Copies of the lists that change. */
struct lists {
	json_t *mounts, *devices, *rules;
};

static void lists_done(struct lists *l)
{
	json_decref(l->mounts);
	json_decref(l->devices);
	json_decref(l->rules);
}

static bool is_device(const struct oci_mount *m, int bundle, struct stat *st)
{
	return oci_mount_is_bind(m) && m->source && fstatat(bundle, m->source, st, 0) == 0 &&
	       (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode));
}

static int is_readonly(const struct oci_mount *m, struct err *err)
{
	struct oci_mount_flags flags = { 0 };
	int r = oci_mount_flags_parse(m->options, &flags, err);

	if (r >= 0)
		r = flags.set & MS_RDONLY || flags.rec_attr_set & MOUNT_ATTR_RDONLY;
	oci_mount_flags_done(&flags);
	return r;
}

static int check_path(const struct oci_config *c, const char *path, struct err *err)
{
	for (size_t i = 0; i < c->linux_->n_devices; i++)
		if (strcmp(c->linux_->devices[i].path, path) == 0)
			return err_set(err, EEXIST, "linux.devices[%zu] has the same path", i);
	return 0;
}

static json_t *describe(const char *path, const struct stat *st)
{
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "type",
			 S_ISBLK(st->st_mode) ? "b" : "c", "path", path, "major",
			 (json_int_t)major(st->st_rdev), "minor", (json_int_t)minor(st->st_rdev),
			 "fileMode", (json_int_t)(st->st_mode & 07777), "uid",
			 (json_int_t)st->st_uid, "gid", (json_int_t)st->st_gid);
}

/* Of the rules that are about a device the last one counts (devices/plan.c). */
static json_t *allow(const struct stat *st, bool readonly)
{
	return json_pack("{s:b, s:s, s:I, s:I, s:s}", "allow", 1, "type",
			 S_ISBLK(st->st_mode) ? "b" : "c", "major", (json_int_t)major(st->st_rdev),
			 "minor", (json_int_t)minor(st->st_rdev), "access", readonly ? "rm" : "rwm");
}

static int take(const struct oci_config *c, size_t index, const struct stat *st, struct lists *l,
		struct err *err)
{
	const struct oci_mount *m = &c->mounts[index];
	int r = check_path(c, m->destination, err), readonly = r < 0 ? r : is_readonly(m, err);

	if (readonly < 0)
		return err_wrap(err, "mounts[%zu] '%s'", index, m->destination);
	if (json_array_append_new(l->devices, describe(m->destination, st)) < 0 ||
	    json_array_append_new(l->rules, allow(st, readonly)) < 0)
		return err_errno(err, ENOMEM, "linux.devices");
	log_info("mounts[%zu] '%s': its source '%s' is a device, so it becomes one of linux.devices",
		 index, m->destination, m->source);
	return 0;
}

/* *ret: how many there are. */
static int take_all(const struct oci_config *c, int bundle, struct lists *l, size_t *ret,
		    struct err *err)
{
	const json_t *mounts = json_object_get(c->tree, "mounts");
	struct stat st;
	int r = 0;

	for (size_t i = 0; i < c->n_mounts && r >= 0; i++) {
		if (is_device(&c->mounts[i], bundle, &st)) {
			r = take(c, i, &st, l, err);
			++*ret;
		} else if (json_array_append(l->mounts, json_array_get(mounts, i)) < 0) {
			r = err_errno(err, ENOMEM, "mounts");
		}
	}
	return r;
}

static json_t *copy_of(const json_t *v, json_t *(*empty)(void))
{
	return v && !json_is_null(v) ? json_copy((json_t *)v) : empty();
}

/* The document with those lists; what it has of the old one is shared with it, and not changed. */
static json_t *changed_tree(const json_t *old, const struct lists *l)
{
	const json_t *linux_ = json_object_get(old, "linux");
	json_t *tree = json_copy((json_t *)old), *new_linux = copy_of(linux_, json_object);
	json_t *resources = copy_of(json_object_get(linux_, "resources"), json_object);

	if (json_object_set(resources, "devices", l->rules) < 0 ||
	    json_object_set(new_linux, "devices", l->devices) < 0 ||
	    json_object_set(new_linux, "resources", resources) < 0 ||
	    json_object_set(tree, "mounts", l->mounts) < 0 ||
	    json_object_set(tree, "linux", new_linux) < 0) {
		json_decref(tree);
		tree = NULL;
	}
	json_decref(resources);
	json_decref(new_linux);
	return tree;
}

int dev_take_mounted(struct oci_config **c, int bundle, struct err *err)
{
	const json_t *linux_ = json_object_get((*c)->tree, "linux");
	_cleanup_(lists_done) struct lists l = {
		.mounts = json_array(),
		.devices = copy_of(json_object_get(linux_, "devices"), json_array),
		.rules = copy_of(json_object_get(json_object_get(linux_, "resources"), "devices"),
				 json_array),
	};
	_json_ json_t *tree = NULL;
	struct oci_config *changed;
	size_t n = 0;
	int r;

	if (!l.mounts || !l.devices || !l.rules)
		return err_errno(err, ENOMEM, "mounts");
	r = take_all(*c, bundle, &l, &n, err);
	if (r < 0 || n == 0)
		return r;
	tree = changed_tree((*c)->tree, &l);
	if (!tree)
		return err_errno(err, ENOMEM, "mounts");
	r = oci_config_from_json(tree, NULL, NULL, &changed, err);
	if (r < 0)
		return r;
	changed->linux_->n_mounted = n;
	oci_config_free(*c);
	*c = changed;
	return 0;
}
