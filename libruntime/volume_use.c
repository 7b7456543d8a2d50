/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/volume_use.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/volume.h"
#include "libruntime/state.h"
#include "libruntime/status.h"
#include "libruntime/store.h"
#include "oci/validate.h"

#define RECORD_MAX 16384

int volume_use_lock(int dir, struct err *err)
{
	int r;

	/* Held for moments only, by commands. */
	do
		r = flock(dir, LOCK_EX);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_errno(err, errno, "lock the volume") : 0;
}

/* ---- records ---- */

#define ROW(name, type_, fl)                                                                \
	{                                                                                   \
		.key = #name, .type = (type_), .offset = offsetof(struct volume_use, name), \
		.flags = (fl)                                                               \
	}

static const struct js_field fields[] = {
	ROW(root, JS_STR, JS_REQUIRED | JS_NONEMPTY),
	ROW(device, JS_U32, JS_REQUIRED),
	ROW(name, JS_STR, 0),
	ROW(index, JS_U32, JS_REQUIRED),
	ROW(readonly, JS_BOOL, JS_REQUIRED),
	{},
};

static void use_done(struct volume_use *u)
{
	js_free_fields(fields, u);
	free(u->id);
	u->id = NULL;
}

/* False: it is none of ours. */
static bool read_record(int dir, const char *id, struct volume_use *ret)
{
	struct js_ctx ctx = { .strict = true };
	_json_ json_t *tree = NULL;
	_free_ char *text = NULL;
	size_t len;

	*ret = (struct volume_use){ 0 };
	if (!strcmp(id, VOLUME_INFO_FILE) || oci_id_validate(id, NULL) < 0 ||
	    io_read_file(dir, id, RECORD_MAX, &text, &len, NULL) < 0 ||
	    js_parse(text, len, NULL, &tree, NULL) < 0)
		return false;
	if (js_decode(tree, fields, ret, "", &ctx) >= 0)
		ret->id = strdup(id);
	if (ret->id)
		return true;
	use_done(ret);
	return false;
}

static bool lives(const struct volume_use *u)
{
	_cleanup_(state_done) struct state s = {};
	_close_ int root = store_open(u->root, false, NULL);
	_close_ int dir = root < 0 ? root : store_get(root, u->id, NULL);
	_close_ int monitor = -EBADF;

	/* What cannot be looked at may live. */
	if (root == -ENOENT || dir == -ENOENT)
		return false;
	if (dir < 0)
		return true;
	/* Whoever holds the lock is making it, or taking it down. */
	if (flock(dir, LOCK_SH | LOCK_NB) < 0)
		return true;
	if (state_load(dir, &s, NULL) < 0)
		return false;
	monitor = status_open_process(&s, &s.monitor);
	return monitor >= 0;
}

/* ---- the list ---- */

void volume_use_list_free(struct volume_use *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		use_done(&v[i]);
	free(v);
}

int volume_use_list(int dir, struct volume_use **ret, size_t *ret_n, struct err *err)
{
	_strv_ char **names = NULL;
	struct volume_use *list;
	size_t n = 0;
	int r = path_list(dir, &names, err);

	if (r < 0)
		return r;
	list = calloc(strv_len(names) + 1, sizeof(*list));
	if (!list)
		return err_errno(err, ENOMEM, "volume");
	for (char **name = names; name && *name; name++) {
		if (!read_record(dir, *name, &list[n]))
			continue;
		if (lives(&list[n])) {
			n++;
		} else {
			use_done(&list[n]);
			(void)unlinkat(dir, *name, 0);
		}
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

static int check_others(const struct volume_use *list, size_t n, const struct volume_use *use,
			struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct volume_use *u = &list[i];

		if (!strcmp(u->id, use->id) && !strcmp(u->root, use->root))
			continue;
		/* One file a name. */
		if (!u->readonly || !use->readonly || !strcmp(u->id, use->id))
			return err_set(err, EBUSY, "it is in use by container '%s' in %s%s", u->id,
				       u->root, u->readonly ? " (read-only)" : "");
	}
	return 0;
}

int volume_use_add(int dir, const struct volume_use *use, struct err *err)
{
	_json_ json_t *record = json_pack("{s:s, s:I, s:s*, s:I, s:b}", "root", use->root, "device",
					  (json_int_t)use->device, "name", use->name, "index",
					  (json_int_t)use->index, "readonly", (int)use->readonly);
	_free_ char *text = record ? js_dump(record) : NULL;
	struct volume_use *list = NULL;
	size_t n = 0;
	int r;

	if (!text)
		return err_errno(err, ENOMEM, "volume");
	if (!strcmp(use->id, VOLUME_INFO_FILE))
		return err_set(err, EINVAL, "a container named %s cannot use volumes",
			       VOLUME_INFO_FILE);
	r = volume_use_list(dir, &list, &n, err);
	if (r >= 0)
		r = check_others(list, n, use, err);
	if (r >= 0)
		r = io_write_file(dir, use->id, text, strlen(text), 0600, false, err);
	volume_use_list_free(list, n);
	return r;
}

int volume_use_claim(int all, const char *path, const struct volume_info *info,
		     const struct volume_use *use, struct err *err)
{
	_cleanup_(volume_info_done) struct volume_info now = { 0 };
	_close_ int dir = volume_open(all, path, err);
	int r;

	if (dir == -ENOENT)
		return err_set(err, ENOENT, "it was removed meanwhile");
	if (dir < 0)
		return dir;
	r = volume_use_lock(dir, err);
	if (r >= 0)
		r = volume_read(dir, &now, err);
	if (r >= 0 && !json_equal(now.text, info->text))
		r = err_set(err, EAGAIN, "it was changed meanwhile");
	return r < 0 ? r : volume_use_add(dir, use, err);
}

void volume_use_drop(char *const *dirs, const char *id, const char *root)
{
	for (; dirs && *dirs; dirs++) {
		_close_ int dir = open(*dirs, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct volume_use u;

		if (dir < 0 || volume_use_lock(dir, NULL) < 0 || !read_record(dir, id, &u))
			continue;
		if (!strcmp(u.root, root))
			(void)unlinkat(dir, id, 0);
		use_done(&u);
	}
}
