/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"

#define PROC_FILE_MAX ((size_t)1 << 20)

/* Octal escapes of mountinfo (proc(5)): \040 and friends. */
static void unescape(char *s)
{
	char *o = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*o++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*o++ = *s;
		}
	}
	*o = '\0';
}

static int parse_mount(char *line, struct cgroup_hierarchy *h)
{
	char *dash = strstr(line, " - "), type[32], options[256];

	if (!dash || sscanf(line, "%*d %*d %*s %255s %255s", h->root, h->mount) != 2 ||
	    sscanf(dash + 3, "%31s %*s %255s", type, options) != 2)
		return -EINVAL;
	h->v2 = strcmp(type, "cgroup2") == 0;
	if (!h->v2 && strcmp(type, "cgroup") != 0)
		return -EINVAL;
	unescape(h->root);
	unescape(h->mount);
	snprintf(h->options, sizeof(h->options), ",%.253s,", options);
	return 0;
}

int cgroup_hierarchies(const char *mountinfo, struct cgroup_hierarchy **ret, size_t *ret_n,
		       struct err *err)
{
	_free_ struct cgroup_hierarchy *list = NULL;
	_free_ char *mounts = NULL;
	char *save = NULL, *line;
	size_t n = 0;
	int r;

	r = io_read_file(AT_FDCWD, mountinfo, PROC_FILE_MAX, &mounts, NULL, err);
	if (r < 0)
		return r;
	for (line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct cgroup_hierarchy h, *more;

		if (parse_mount(line, &h) < 0)
			continue;
		more = reallocarray(list, n + 1, sizeof(*list));
		if (!more)
			return err_errno(err, ENOMEM, "cgroup hierarchies");
		list = more;
		list[n++] = h;
	}
	*ret = take_ptr(list);
	*ret_n = n;
	return 0;
}

/* The caller's own place in a hierarchy, from a line "N:controllers:/path" of /proc/self/cgroup. */
static int own_path(const char *self, const struct cgroup_hierarchy *h, char *out, size_t size)
{
	_free_ char *copy = strdup(self);
	char *save = NULL, *line, *list, *path, first[64];

	if (!copy)
		return -ENOMEM;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		list = strchr(line, ':');
		path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		list++;
		if (h->v2 ? *list : !*list)
			continue;
		if (!h->v2) {
			snprintf(first, sizeof(first), ",%.*s,", (int)strcspn(list, ","), list);
			if (!strstr(h->options, first))
				continue;
		}
		/* In a cgroup namespace or bind mount, paths are relative to what is mounted. */
		if (strcmp(h->root, "/") != 0 && str_has_prefix(path, h->root))
			path += strlen(h->root);
		snprintf(out, size, "%s", *path ? path : "/");
		return 0;
	}
	return -ENOENT;
}

/*
 * Where a relative path begins: in version 2 beside the caller's own cgroup, since that has processes and can hand no controllers on. So does runc.
 */
static int base_path(const char *self, const struct cgroup_hierarchy *h, char *out, size_t size)
{
	int r = own_path(self, h, out, size);
	char *slash = r >= 0 && h->v2 ? strrchr(out, '/') : NULL;

	if (slash)
		slash[slash == out] = '\0';
	return r;
}

/* Adds the missing directories from the mount point down to the leaf. */
static int plan_one(const struct cgroup_hierarchy *h, const char *inside, char ***dirs)
{
	_free_ char *clean = path_clean(inside);
	_free_ char *full = NULL;
	struct stat st;
	char *p;
	int r = 0;

	if (!clean || strcmp(clean, "/") == 0)
		return clean ? -EINVAL : -ENOMEM;
	full = str_printf("%s%s", h->mount, clean);
	if (!full)
		return -ENOMEM;
	for (p = full + strlen(h->mount) + 1; r >= 0 && (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (stat(full, &st) < 0)
			r = strv_add(dirs, full);
		*p = '/';
	}
	return r < 0 ? r : strv_add(dirs, full);
}

int cgroup_plan(const char *path, const char *id, char ***ret, struct err *err)
{
	_free_ struct cgroup_hierarchy *list = NULL;
	_free_ char *self = NULL;
	_strv_ char **dirs = NULL;
	size_t i, n = 0;
	char base[1024];
	int r;

	r = cgroup_hierarchies("/proc/self/mountinfo", &list, &n, err);
	if (r >= 0)
		r = io_read_file(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_MAX, &self, NULL, err);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		_free_ char *inside = NULL;

		if (path && *path == '/') {
			inside = strdup(path);
		} else {
			if (base_path(self, &list[i], base, sizeof(base)) < 0)
				continue;
			inside = path_join(base, path && *path ? path : id);
		}
		r = inside ? plan_one(&list[i], inside, &dirs) : -ENOMEM;
		if (r < 0)
			return err_errno(err, -r, "linux.cgroupsPath '%s'", path ? path : id);
	}
	*ret = take_ptr(dirs);
	return 0;
}

/* A new v1 cpuset takes no process before it has CPUs and memory nodes: those of its parent. */
static void copy_cpuset(const char *dir)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		_free_ char *from = str_printf("%s/../%s", dir, files[i]),
			    *to = str_printf("%s/%s", dir, files[i]);
		_free_ char *own = NULL, *value = NULL;

		if (!from || !to || io_read_file(AT_FDCWD, to, 4096, &own, NULL, NULL) < 0 ||
		    strlen(own) > 1)
			continue;
		if (io_read_file(AT_FDCWD, from, 4096, &value, NULL, NULL) >= 0)
			(void)io_write_string(AT_FDCWD, to, value, NULL);
	}
}

bool cgroup_is_leaf(char *const *dir)
{
	size_t n = strlen(dir[0]);

	return !dir[1] || strncmp(dir[1], dir[0], n) != 0 || dir[1][n] != '/';
}

/* Processes of others in our leaf would be counted, limited and in the end killed as ours. */
static int check_empty(const char *dir, pid_t holder, struct err *err)
{
	_free_ char *procs = path_join(dir, "cgroup.procs"), *text = NULL;
	char alone[16];

	snprintf(alone, sizeof(alone), "%d\n", holder);
	if (procs && io_read_file(AT_FDCWD, procs, PROC_FILE_MAX, &text, NULL, NULL) >= 0 &&
	    *text && (!holder || strcmp(text, alone) != 0))
		return err_set(err, EBUSY, "linux.cgroupsPath: cgroup '%s' is not empty", dir);
	return 0;
}

static bool is_type(const char *dir, long type)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && fs.f_type == type;
}

/*
 * Whether there are processes in it, which keep it from handing controllers on, but for the hierarchy's root. The kernel would take some
 * controllers nevertheless: those that threads can have; and no process could be in its children any more (cgroup-v2.rst, "Threads").
 */
static bool has_own_processes(const char *dir)
{
	_free_ char *type = path_join(dir, "cgroup.type"), *procs = path_join(dir, "cgroup.procs"),
		    *text = NULL;

	return type && procs && access(type, F_OK) == 0 &&
	       io_read_file(AT_FDCWD, procs, PROC_FILE_MAX, &text, NULL, NULL) >= 0 && *text;
}

/* Lets the children of a cgroup have what it has itself, where it can; else they have less. */
static void enable_controllers(const char *dir)
{
	_free_ char *have = path_join(dir, "cgroup.controllers"),
		    *to = path_join(dir, "cgroup.subtree_control"), *text = NULL;
	char *save = NULL, *word, line[64];

	if (has_own_processes(dir) || !have || !to ||
	    io_read_file(AT_FDCWD, have, 4096, &text, NULL, NULL) < 0)
		return;
	for (word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		snprintf(line, sizeof(line), "+%s", word);
		(void)io_write_string(AT_FDCWD, to, line, NULL);
	}
}

/* From the root of the hierarchy down to the parent. */
static void enable_above(const char *leaf)
{
	_free_ char *path = strdup(leaf);

	if (!path)
		return;
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (is_type(path, CGROUP2_SUPER_MAGIC))
			enable_controllers(path);
		*p = '/';
	}
}

static int make_one(char *const *dir, pid_t holder, struct err *err)
{
	int r = 0;

	if (mkdir(*dir, 0755) < 0) {
		if (errno != EEXIST)
			return err_errno(err, errno, "make cgroup '%s'", *dir);
		r = cgroup_is_leaf(dir) ? check_empty(*dir, holder, err) : 0;
	}
	if (r < 0)
		return r;
	copy_cpuset(*dir);
	if (!holder && cgroup_is_leaf(dir) && is_type(*dir, CGROUP2_SUPER_MAGIC))
		enable_above(*dir);
	return 0;
}

int cgroup_make(char *const *dirs, pid_t holder, struct err *err)
{
	int r = 0;
	size_t n;

	for (n = 0; dirs && dirs[n] && r >= 0; n++)
		r = make_one(dirs + n, holder, err);
	/* The last one is somebody else's. */
	while (r < 0 && --n > 0)
		(void)rmdir(dirs[n - 1]);
	return r;
}

/* The innermost directory there is by now. */
static bool in_v2(const char *dir)
{
	_free_ char *path = strdup(dir);
	struct statfs fs;

	while (path && statfs(path, &fs) < 0) {
		char *p = strrchr(path, '/');

		if (!p || p == path)
			return false;
		*p = '\0';
	}
	return path && fs.f_type == CGROUP2_SUPER_MAGIC;
}

void cgroup_only_leaves(char **dirs)
{
	char **to = dirs;

	for (; dirs && *dirs; dirs++) {
		if (cgroup_is_leaf(dirs) || !in_v2(*dirs))
			*to++ = *dirs;
		else
			free(*dirs);
	}
	if (to)
		*to = NULL;
}

int cgroup_join(char *const *dirs, pid_t pid, struct err *err)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", pid);
	for (; dirs && *dirs; dirs++) {
		_free_ char *procs = NULL;

		if (!cgroup_is_leaf(dirs))
			continue;
		procs = path_join(*dirs, "cgroup.procs");
		r = procs ? io_write_string(AT_FDCWD, procs, text, err) :
			    err_errno(err, ENOMEM, "cgroup");
		if (r < 0)
			return err_wrap(err, "join cgroup");
	}
	return 0;
}

size_t cgroup_open_procs(char *const *dirs, int *ret, size_t max)
{
	size_t n = 0;

	for (; dirs && *dirs && n < max; dirs++) {
		_free_ char *procs = cgroup_is_leaf(dirs) ? path_join(*dirs, "cgroup.procs") : NULL;
		int fd = procs ? open(procs, O_WRONLY | O_CLOEXEC) : -1;

		if (fd >= 0)
			ret[n++] = fd;
	}
	return n;
}

/* The names come from a record: whatever is there now, only a cgroup is touched. */
static bool is_cgroup(const char *dir)
{
	return is_type(dir, CGROUP_SUPER_MAGIC) || is_type(dir, CGROUP2_SUPER_MAGIC);
}

/* Signals every process of a leaf; returns how many there were. */
static unsigned int kill_leaf(const char *dir)
{
	_free_ char *procs = path_join(dir, "cgroup.procs"), *text = NULL;
	char *save = NULL, *line;
	unsigned int n = 0;
	int pid;

	if (!is_cgroup(dir) || !procs ||
	    io_read_file(AT_FDCWD, procs, PROC_FILE_MAX, &text, NULL, NULL) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (num_int(line, 1, INT32_MAX, &pid) < 0 || pid == getpid())
			continue;
		kill(pid, SIGKILL);
		n++;
	}
	return n;
}

void cgroup_kill(char *const *dirs, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	unsigned int left = 0;
	char *const *d;
	int waited;

	/* Forks may race with the reading: again until nobody is there. */
	for (waited = 0; waited <= timeout_ms; waited += 2) {
		left = 0;
		for (d = dirs; d && *d; d++)
			if (cgroup_is_leaf(d))
				left += kill_leaf(*d);
		if (!left)
			return;
		nanosleep(&pause, NULL);
	}
	log_warn("%u processes do not leave the container's cgroup", left);
}

/* The last process may be a zombie that its parent has yet to reap: a short while of EBUSY is normal. */
static int remove_leaf(const char *dir)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	int tries;

	for (tries = 0; rmdir(dir) < 0; tries++) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || tries >= 1000)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int cgroup_remove(char *const *dirs, struct err *err)
{
	size_t i = strv_len(dirs);
	int r, first = 0;

	while (i-- > 0) {
		if (!is_cgroup(dirs[i]))
			continue;
		if (!cgroup_is_leaf(dirs + i)) {
			(void)rmdir(dirs[i]); /* others may be using it by now */
			continue;
		}
		r = remove_leaf(dirs[i]);
		if (r < 0 && !first)
			first = err_errno(err, -r, "remove cgroup '%s'", dirs[i]);
	}
	return first;
}
