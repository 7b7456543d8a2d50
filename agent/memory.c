/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/container.h"
#include "agent/mount.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/validate.h"

#define NAME_MAX_ 64

static bool uses(const struct container *c, const char *name)
{
	for (char **n = c->memory; n && *n; n++)
		if (!strcmp(*n, name))
			return true;
	return false;
}

static bool in_use(const struct agent *a, const char *name, const struct container *but)
{
	for (const struct container *c = a->containers; c; c = c->next)
		if (c != but && uses(c, name))
			return true;
	return false;
}

static int number(const json_t *o, const char *key, uint64_t max, uint64_t *ret, struct err *err)
{
	if (js_u64(json_object_get(o, key), ret) < 0 || *ret > max)
		return err_set(err, EINVAL, "mounts: %s of a memory file system is not a number",
			       key);
	return 0;
}

static int make(const struct agent *a, const json_t *o, const char *name, struct err *err)
{
	_free_ char *top = path_join(a->state_dir, MEMORY_DIR);
	_free_ char *dir = top ? path_join(top, name) : NULL;
	uint64_t size, mode, uid, gid;
	char options[128];
	int r;

	if (!dir)
		return err_errno(err, ENOMEM, "memory file system");
	if ((r = number(o, "size", INT64_MAX, &size, err)) < 0 ||
	    (r = number(o, "mode", 07777, &mode, err)) < 0 ||
	    (r = number(o, "uid", UINT32_MAX, &uid, err)) < 0 ||
	    (r = number(o, "gid", UINT32_MAX, &gid, err)) < 0 ||
	    (r = path_mkdirs(dir, 0711, err)) < 0)
		return r;
	snprintf(options, sizeof(options), "size=%llu,mode=%llo,uid=%llu,gid=%llu",
		 (unsigned long long)size, (unsigned long long)mode, (unsigned long long)uid,
		 (unsigned long long)gid);
	_close_ int mnt = mount_new_fs("tmpfs", "shm", 0, options);
	_close_ int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = mnt < 0 ? mnt : at < 0 ? -errno : mount_attach(mnt, at);
	return r < 0 ? err_errno(err, -r, "memory file system") : 0;
}

int memory_use(struct container *c, const json_t *mounts, struct err *err)
{
	const json_t *o;
	size_t i;

	json_array_foreach(mounts, i, o) {
		const char *name = js_get_str(o, "memory");
		int r;

		if (!name || uses(c, name))
			continue;
		if (oci_id_validate(name, NULL) < 0 || strlen(name) > NAME_MAX_)
			return err_set(err, EINVAL, "mounts: memory is not a name");
		r = in_use(c->agent, name, c) ? 0 : make(c->agent, o, name, err);
		if (r < 0)
			return r;
		if (strv_add(&c->memory, name) < 0)
			return err_errno(err, ENOMEM, "memory file system");
	}
	return 0;
}

void memory_release(struct container *c)
{
	for (char **n = c->memory; n && *n; n++) {
		_free_ char *dir = str_printf("%s/" MEMORY_DIR "/%s", c->agent->state_dir, *n);

		if (in_use(c->agent, *n, c) || !dir)
			continue;
		if (umount2(dir, MNT_DETACH) < 0 || rmdir(dir) < 0)
			log_warn("take away %s: %s", dir, err_str(errno));
	}
	strv_free(c->memory);
	c->memory = NULL;
}
