/* SPDX-License-Identifier: Apache-2.0 */
/* mountInfo.json: both spellings of its members, metadata as an object or as the text of one. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "devices/volume.h"

#define OPTIONS_MAX 3072 /* bytes, with commas: the kernel takes a page */
#define QUEUES_MAX 256

static const struct {
	const char *name;
	enum volume_type type;
} types[] = {
	{ "directvol", VOLUME_BLOCK },    { "block", VOLUME_BLOCK },
	{ "spdkvol", VOLUME_VHOST_USER }, { "spoolvol", VOLUME_VHOST_USER },
	{ "vfiovol", VOLUME_VFIO },
};

/* In the order in which they are stored. */
static const struct {
	const char *key, *other;
} members[] = {
	{ "volume-type", "volume_type" },
	{ "device", NULL },
	{ "fstype", "fs_type" },
	{ "metadata", NULL },
	{ "options", NULL },
};

void volume_info_done(struct volume_info *v)
{
	free(v->type_name);
	free(v->device);
	free(v->fstype);
	strv_free(v->options);
	json_decref(v->text);
	*v = (struct volume_info){ 0 };
}

/* ---- members ---- */

static bool is_known(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (!strcmp(key, members[i].key) ||
		    (members[i].other && !strcmp(key, members[i].other)))
			return true;
	return false;
}

/* What is stored: what was given, in the table's order. */
static int collect(const json_t *tree, json_t **ret, struct err *err)
{
	_json_ json_t *text = json_object();
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)tree, key, v)
		if (!is_known(key))
			return err_set(err, EINVAL, "%s is unknown", key);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		json_t *a = json_object_get(tree, members[i].key);
		json_t *b = members[i].other ? json_object_get(tree, members[i].other) : NULL;

		if (a && b)
			return err_set(err, EINVAL, "%s and %s are the same, and both are given",
				       members[i].key, members[i].other);
		if ((a || b) &&
		    json_object_set(text, a ? members[i].key : members[i].other, a ? a : b) < 0)
			return err_errno(err, ENOMEM, "volume");
	}
	*ret = take_ptr(text);
	return 0;
}

/* The member by either name; *ret_key is the one that it has, or would have. */
static json_t *member(const json_t *text, size_t i, const char **ret_key)
{
	json_t *v = json_object_get(text, members[i].key);

	*ret_key = members[i].key;
	if (v || !members[i].other)
		return v;
	v = json_object_get(text, members[i].other);
	if (v)
		*ret_key = members[i].other;
	return v;
}

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static int get_string(const json_t *text, size_t i, bool required, char **ret, struct err *err)
{
	const char *key, *s;
	json_t *v = member(text, i, &key);

	if (!v && required)
		return err_set(err, EINVAL, "%s is required", key);
	s = v ? json_string_value(v) : "";
	if (!s)
		return err_set(err, EINVAL, "%s must be a string", key);
	if (required && !*s)
		return err_set(err, EINVAL, "%s must not be empty", key);
	if (!is_plain(s))
		return err_set(err, EINVAL, "%s has a control character", key);
	*ret = strdup(s);
	return *ret ? 0 : err_errno(err, ENOMEM, "volume");
}

static int get_type(struct volume_info *v, struct err *err)
{
	const char *key;
	int r = get_string(v->text, 0, true, &v->type_name, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(v->type_name, types[i].name)) {
			v->type = types[i].type;
			return 0;
		}
	(void)member(v->text, 0, &key);
	if (!strcmp(v->type_name, "vhost-user-nvme"))
		return err_set(
			err, ENOTSUP,
			"%s \"%s\": QEMU never had it and SPDK has it no more: use a vhost-user-blk target and spdkvol",
			key, v->type_name);
	return err_set(err, EINVAL, "%s \"%s\" is not directvol, spdkvol or vfiovol", key,
		       v->type_name);
}

static int get_device(struct volume_info *v, struct err *err)
{
	static const char *const schemes[] = { "spdk://", "spool://" };
	int r = get_string(v->text, 1, true, &v->device, err);

	for (size_t i = 0; r >= 0 && v->type == VOLUME_VHOST_USER && i < ARRAY_SIZE(schemes); i++)
		if (str_has_prefix(v->device, schemes[i]))
			memmove(v->device, v->device + strlen(schemes[i]),
				strlen(v->device + strlen(schemes[i])) + 1);
	/* A PCI device is named by its address. */
	if (r >= 0 && v->device[0] != '/' && v->type != VOLUME_VFIO)
		r = err_set(err, EINVAL, "device \"%s\" is not an absolute path", v->device);
	return r;
}

static int get_fstype(struct volume_info *v, struct err *err)
{
	const char *key;
	int r = get_string(v->text, 2, false, &v->fstype, err);

	if (r < 0)
		return r;
	(void)member(v->text, 2, &key);
	if (strlen(v->fstype) > 31 ||
	    strspn(v->fstype, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(v->fstype))
		return err_set(err, EINVAL, "%s \"%s\" is no name of a file system", key, v->fstype);
	return 0;
}

static int get_options(struct volume_info *v, struct err *err)
{
	const char *key;
	json_t *list = member(v->text, 4, &key), *item;
	size_t i, total = 0;

	v->options = strv_copy(NULL);
	if (!v->options)
		return err_errno(err, ENOMEM, "volume");
	if (list && !json_is_array(list) && !json_is_null(list))
		return err_set(err, EINVAL, "options must be an array of strings");
	json_array_foreach(list, i, item) {
		const char *s = json_string_value(item);

		if (!s || !*s || !is_plain(s))
			return err_set(err, EINVAL,
				       "options[%zu] must be a string without control characters",
				       i);
		total += strlen(s) + 1;
		if (total > OPTIONS_MAX)
			return err_set(err, E2BIG, "options are longer than %d bytes", OPTIONS_MAX);
		if (!strcmp(s, "ro") || !strcmp(s, "rw"))
			v->readonly = s[1] == 'o';
		if (strv_add(&v->options, s) < 0)
			return err_errno(err, ENOMEM, "volume");
	}
	return 0;
}

/* ---- metadata ---- */

static int set_fs_group(struct volume_info *v, const char *s, struct err *err)
{
	return num_u32(s, 1, UINT32_MAX - 1, &v->fs_group) < 0 ?
		       err_set(err, EINVAL, "metadata.fsGroup \"%s\" is no group id above 0", s) :
		       0;
}

static int set_policy(struct volume_info *v, const char *s, struct err *err)
{
	v->fs_group_on_mismatch = !strcmp(s, "OnRootMismatch");
	return !v->fs_group_on_mismatch && strcmp(s, "Always") != 0 ?
		       err_set(err, EINVAL,
			       "metadata.fsGroupChangePolicy \"%s\" is not Always or OnRootMismatch",
			       s) :
		       0;
}

static int set_queues(struct volume_info *v, const char *s, struct err *err)
{
	return num_u32(s, 1, QUEUES_MAX, &v->queues) < 0 ?
		       err_set(err, EINVAL, "metadata.num_queues \"%s\" is not 1 to %d", s,
			       QUEUES_MAX) :
		       0;
}

static int set_queue_size(struct volume_info *v, const char *s, struct err *err)
{
	if (num_u32(s, 2, 1024, &v->queue_size) < 0 || v->queue_size & (v->queue_size - 1))
		return err_set(err, EINVAL,
			       "metadata.queue_size \"%s\" is no power of two from 2 to 1024", s);
	return 0;
}

/* What would be lost if it were passed over. */
static int refuse_encryption(struct volume_info *v, const char *s, struct err *err)
{
	return *s ? err_set(err, ENOTSUP, "metadata.encryptionKey: encryption is not supported") : 0;
}

static int refuse_making(struct volume_info *v, const char *s, struct err *err)
{
	return strcmp(s, "false") != 0 ?
		       err_set(err, ENOTSUP,
			       "metadata.createFilesystem \"%s\": make the file system first", s) :
		       0;
}

static const struct {
	const char *key;
	int (*set)(struct volume_info *v, const char *s, struct err *err);
} metadata[] = {
	{ "fsGroup", set_fs_group },
	{ "fsGroupChangePolicy", set_policy },
	{ "num_queues", set_queues },
	{ "queue_size", set_queue_size },
	{ "encryptionKey", refuse_encryption },
	{ "createFilesystem", refuse_making },
};

static int set_metadata(struct volume_info *v, const char *key, const char *s, struct err *err)
{
	if (!s)
		return err_set(err, EINVAL, "metadata.%s must be a string", key);
	for (size_t i = 0; i < ARRAY_SIZE(metadata); i++)
		if (!strcmp(key, metadata[i].key))
			return metadata[i].set(v, s, err);
	log_warn("volume: metadata.%s has no effect", key);
	return 0;
}

/* "{}" as a string is what Kata's guides write: becomes the object that it holds. */
static int unwrap(json_t *text, json_t **ret, struct err *err)
{
	json_t *v = json_object_get(text, "metadata"), *inner;
	const char *s = json_string_value(v);
	int r;

	if (s) {
		r = js_parse(s, strlen(s),
			     &(struct js_limits){ .max_depth = 2, .max_values = 1000 }, &inner, err);
		if (r < 0)
			return err_wrap(err, "metadata");
		/* The text lets go of the string. */
		if (json_object_set_new(text, "metadata", inner) < 0)
			return err_errno(err, ENOMEM, "volume");
		v = inner;
	}
	if (v && !json_is_object(v) && !json_is_null(v))
		return err_set(err, EINVAL, "metadata must be an object of strings");
	*ret = v;
	return 0;
}

static int get_metadata(struct volume_info *v, struct err *err)
{
	const char *key;
	json_t *obj = NULL, *value;
	int r = unwrap(v->text, &obj, err);

	json_object_foreach(obj, key, value) {
		if (r < 0)
			break;
		r = set_metadata(v, key, json_string_value(value), err);
	}
	return r;
}

int volume_info_parse(const char *text, size_t len, struct volume_info *ret, struct err *err)
{
	const struct js_limits limits = { .max_bytes = VOLUME_INFO_MAX,
					  .max_depth = 3,
					  .max_values = 2000 };
	_cleanup_(volume_info_done) struct volume_info v = { 0 };
	_json_ json_t *tree = NULL;
	int r = js_parse(text, len, &limits, &tree, err);

	if (r < 0)
		return r;
	if (!json_is_object(tree))
		return err_set(err, EINVAL, "an object is required");
	r = collect(tree, &v.text, err);
	if (r >= 0)
		r = get_type(&v, err);
	if (r >= 0)
		r = get_device(&v, err);
	if (r >= 0)
		r = get_fstype(&v, err);
	if (r >= 0)
		r = get_metadata(&v, err);
	if (r >= 0)
		r = get_options(&v, err);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct volume_info){ 0 };
	return 0;
}
