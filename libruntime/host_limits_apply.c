/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/cgroup.h"
#include "libruntime/host_limits.h"

#define FILE_MAX 4096
#define THROTTLES_MAX 65536
#define SLACK ((uint64_t)32 << 20) /* bytes above what is in use */

static bool has_controller(const struct cgroup_hierarchy *h, const char *controller)
{
	char word[32];

	snprintf(word, sizeof(word), ",%s,", controller);
	return strstr(h->options, word) != NULL;
}

/* The first line of a file in dir. */
static int read_line(const char *dir, const char *file, char **ret)
{
	_free_ char *path = path_join(dir, file);
	int r = path ? io_read_file(AT_FDCWD, path, FILE_MAX, ret, NULL, NULL) : -ENOMEM;

	if (r >= 0)
		(*ret)[strcspn(*ret, "\n")] = '\0';
	return r;
}

/*
 * Version 2 kills at once when a limit is set below what is in use, and memory that a guest has been asked for comes back a little
 * later: the value stays above. Version 1 would refuse.
 */
static void keep_above_use(const struct host_limit *l, const char *dir, bool v2, char *value,
			   size_t size)
{
	const char *file = v2                     ? "memory.current" :
			   strstr(l->v1, "memsw") ? "memory.memsw.usage_in_bytes" :
						    "memory.usage_in_bytes";
	_free_ char *text = NULL;
	uint64_t use, want;

	/* Swap alone is no more than a wish there. */
	if (v2 && strcmp(l->v2, "memory.max") != 0)
		return;
	if (num_u64(value, 0, UINT64_MAX, &want) < 0 || read_line(dir, file, &text) < 0 ||
	    num_u64(text, 0, UINT64_MAX - SLACK, &use) < 0 || want >= use + SLACK)
		return;
	snprintf(value, size, "%" PRIu64, (use + SLACK) / 4096 * 4096);
	log_info("%s: the host's cgroup gets %s bytes, since so many are in use", l->field, value);
}

static int failed(const struct host_limit *l, const char *path, const char *value,
		  const struct err *why, struct err *err)
{
	if ((l->flags & HOST_LIMIT_MAY_FAIL) ||
	    ((l->flags & HOST_LIMIT_DEVICE) && why->code == ENODEV))
		return 0;
	return err_set(err, why->code, "%s: failed to write \"%s\" to %s of the host: %s", l->field,
		       value, path, err_str(why->code));
}

static int write_limit(const struct host_limit *l, const char *dir, bool v2, struct err *err)
{
	const char *file = v2 ? l->v2 : l->v1, *text = v2 ? l->v2_value : l->v1_value;
	_free_ char *path = NULL, *parent = NULL;
	struct err why = {};
	char value[FILE_MAX];

	if (!file)
		return 0;
	path = path_join(dir, file);
	if (!path)
		return err_errno(err, ENOMEM, "host cgroup");
	if (access(path, W_OK) < 0) {
		if (!(l->flags & HOST_LIMIT_OPTIONAL))
			log_warn("%s: cgroup '%s' has no %s: only the guest applies the limit",
				 l->field, dir, file);
		return 0;
	}
	if (!*text) {
		_free_ char *above = path_join(dir, "..");

		if (!above || read_line(above, file, &parent) < 0)
			return 0;
		text = parent;
	}
	snprintf(value, sizeof(value), "%s", text);
	if (l->flags & HOST_LIMIT_IN_USE)
		keep_above_use(l, dir, v2, value, sizeof(value));
	if (io_write_string(AT_FDCWD, path, value, &why) >= 0)
		return 0;
	if (!v2 && l->v1_less && why.code == EINVAL &&
	    io_write_string(AT_FDCWD, path, l->v1_less, &why) >= 0) {
		log_info("%s: the parent's limit leaves no room for the virtual machine in '%s'",
			 l->field, dir);
		return 0;
	}
	return failed(l, path, value, &why, err);
}

/* The hierarchy of a directory: the innermost mount that it is in. */
static const struct cgroup_hierarchy *hierarchy_of(const struct cgroup_hierarchy *v, size_t n,
						   const char *dir)
{
	const struct cgroup_hierarchy *best = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(v[i].mount);

		if (strncmp(dir, v[i].mount, len) == 0 && dir[len] == '/' &&
		    (!best || len >= strlen(best->mount)))
			best = &v[i];
	}
	return best;
}

static int apply_to(const struct host_limits *l, const struct cgroup_hierarchy *h, const char *dir,
		    bool v2_controls, bool late, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < l->n; i++) {
		const struct host_limit *x = &l->v[i];

		if (!!(x->flags & HOST_LIMIT_LATE) != late)
			continue;
		if (h->v2 ? v2_controls : has_controller(h, x->controller))
			r = write_limit(x, dir, h->v2, err);
	}
	return r;
}

int host_limits_apply(const struct host_limits *l, char *const *dirs, bool late, struct err *err)
{
	_free_ struct cgroup_hierarchy *list = NULL;
	bool v1_controls = false;
	size_t n = 0;
	int r;

	if (!l->n || !dirs || !*dirs)
		return 0;
	r = cgroup_hierarchies("/proc/self/mountinfo", &list, &n, err);
	/* In a hybrid the controllers are version 1's, and the other hierarchy is for counting processes. */
	for (size_t i = 0; r >= 0 && i < n; i++)
		v1_controls = v1_controls || (!list[i].v2 && has_controller(&list[i], "memory")) ||
			      (!list[i].v2 && has_controller(&list[i], "cpu"));
	for (; r >= 0 && *dirs; dirs++) {
		const struct cgroup_hierarchy *h = hierarchy_of(list, n, *dirs);

		if (h && cgroup_is_leaf(dirs))
			r = apply_to(l, h, *dirs, !v1_controls, late, err);
	}
	return r < 0 ? r : 0;
}

/* ---- throttles ---- */

static void lift_lines(const char *dir, const char *file, const char *none)
{
	_free_ char *path = path_join(dir, file), *text = NULL;
	char *save = NULL, *line, value[96];
	struct err err = {};

	if (!path || io_read_file(AT_FDCWD, path, THROTTLES_MAX, &text, NULL, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		/* A device's numbers come first. */
		snprintf(value, sizeof(value), "%.*s %s", (int)strcspn(line, " "), line, none);
		if (io_write_string(AT_FDCWD, path, value, &err) < 0)
			log_warn("%s: %s", path, err.msg);
	}
}

void host_limits_lift_throttles(char *const *dirs)
{
	static const char *const v1[] = { "blkio.throttle.read_bps_device",
					  "blkio.throttle.write_bps_device",
					  "blkio.throttle.read_iops_device",
					  "blkio.throttle.write_iops_device" };

	for (; dirs && *dirs; dirs++) {
		if (!cgroup_is_leaf(dirs))
			continue;
		lift_lines(*dirs, "io.max", "rbps=max wbps=max riops=max wiops=max");
		for (size_t i = 0; i < ARRAY_SIZE(v1); i++)
			lift_lines(*dirs, v1[i], "0");
	}
}
