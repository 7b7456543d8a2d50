/* SPDX-License-Identifier: Apache-2.0 */
/* `moat check`: how the host is set up. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/cgroup.h"
#include "libruntime/check_rows.h"
#include "libruntime/store.h"

/* The number behind "NAME:" at the beginning of a line, base 10 or 16; 0 if there is none. */
static uint64_t value_of(const char *text, const char *name, int base)
{
	const char *p;

	for (p = text; p && (p = strstr(p, name)) != NULL; p++)
		if ((p == text || p[-1] == '\n') && p[strlen(name)] == ':')
			return strtoull(p + strlen(name) + 1, NULL, base);
	return 0;
}

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* What is in a directory, in order of numbers; strv_free. NULL if it is not there. */
static char **names_in(const struct check *c, const char *dir)
{
	struct dirent **list;
	char **names = NULL;
	int i, n;

	n = scandir(check_path(c, dir).s, &list, is_visible, versionsort);
	for (i = 0; i < n; i++) {
		(void)strv_add(&names, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free((void *)list);
	return names;
}

void check_privileges(const struct check *c, struct check_row *row)
{
	_free_ char *status = check_read(c, "/proc/self/status");
	bool admin = value_of(status, "CapEff", 16) >> CAP_SYS_ADMIN & 1;

	if (c->host->uid == 0 && admin) {
		check_say(row, CHECK_OK, "root, with CAP_SYS_ADMIN");
		return;
	}
	check_say(row, CHECK_MISSING, "uid %u, %s CAP_SYS_ADMIN", c->host->uid,
		  admin ? "with" : "without");
	check_next(row, "run moat as root, with all capabilities");
}

/* ---- hugepages ---- */

#define HUGEPAGES "/sys/kernel/mm/hugepages"

static uint64_t read_number(const struct check *c, const char *dir, const char *file)
{
	_free_ char *path = str_printf("%s/%s", dir, file), *s = path ? check_read(c, path) : NULL;
	uint64_t n = 0;

	if (s)
		(void)num_u64(s, 0, UINT64_MAX, &n);
	return n;
}

/* Adds "2048 kB: 3 of 10 free" for every size; how many of size kB are free. */
static uint64_t list_hugepages(const struct check *c, struct buf *b, uint64_t size)
{
	_strv_ char **names = names_in(c, HUGEPAGES);
	uint64_t result = 0;
	char **n;

	for (n = names; n && *n; n++) {
		_free_ char *dir = str_printf(HUGEPAGES "/%s", *n);
		uint64_t all = dir ? read_number(c, dir, "nr_hugepages") : 0;
		uint64_t unused = dir ? read_number(c, dir, "free_hugepages") : 0;
		uint64_t kb = strtoull(*n + strcspn(*n, "0123456789"), NULL, 10);

		buf_printf(b, "%s%" PRIu64 " kB: ", b->len ? "; " : "", kb);
		if (all)
			buf_printf(b, "%" PRIu64 " of %" PRIu64 " free", unused, all);
		else
			buf_puts(b, "none");
		if (kb == size)
			result = unused;
	}
	return result;
}

void check_hugepages(const struct check *c, struct check_row *row)
{
	_free_ char *meminfo = check_read(c, "/proc/meminfo");
	uint64_t size = value_of(meminfo, "Hugepagesize", 10), unused, wanted;
	_buf_ struct buf b = {};

	unused = list_hugepages(c, &b, size);
	if (!b.len)
		buf_puts(&b, "the kernel has none");
	wanted = c->configured && c->config.qemu.enable_hugepages ? c->config.qemu.default_memory :
								    0;
	if (unused * size / 1024 >= wanted) {
		check_say(row, wanted ? CHECK_OK : CHECK_INFO, "%s", b.data);
		return;
	}
	check_say(row, CHECK_MISSING, "%s: not enough for one VM of %" PRIu64 " MiB", b.data,
		  wanted);
	if (size)
		check_next(row,
			   "sysctl vm.nr_hugepages=%" PRIu64
			   " or more, or set enable_hugepages to false in [hypervisor.qemu]",
			   (wanted * 1024 + size - 1) / size);
	else
		check_next(row, "set enable_hugepages to false in [hypervisor.qemu]");
}

/* ---- iommu ---- */

void check_iommu(const struct check *c, struct check_row *row)
{
	bool vfio = access(check_path(c, "/sys/bus/pci/drivers/vfio-pci").s, F_OK) == 0;
	_strv_ char **groups = names_in(c, "/sys/kernel/iommu_groups");

	check_say(row, CHECK_INFO, "%zu groups; vfio-pci is %sloaded", strv_len(groups),
		  vfio ? "" : "not ");
}

/* ---- cgroups ---- */

/* Adds each word of list that is in known (NULL: every one). */
static void add_words(struct buf *b, const char *list, const char *separators, const char *known)
{
	_free_ char *copy = strdup(list);
	char *save = NULL, *word, line[64];

	for (word = copy ? strtok_r(copy, separators, &save) : NULL; word;
	     word = strtok_r(NULL, separators, &save)) {
		/* /proc/cgroups: a line each, "cpuset\t3\t15\t1" */
		snprintf(line, sizeof(line), "\n%.60s\t", word);
		if (!known || strstr(known, line))
			buf_printf(b, "%s%s", b->len ? " " : "", word);
	}
}

void check_cgroups(const struct check *c, struct check_row *row)
{
	_free_ char *known = check_read(c, "/proc/cgroups");
	_free_ struct cgroup_hierarchy *h = NULL;
	_buf_ struct buf v1 = {}, v2 = {};
	bool unified = false;
	size_t i, n = 0;

	(void)cgroup_hierarchies(check_path(c, "/proc/self/mountinfo").s, &h, &n, NULL);
	for (i = 0; i < n; i++) {
		_free_ char *path = NULL, *list = NULL;

		if (!h[i].v2) {
			add_words(&v1, h[i].options, ",", known ? known : "");
			continue;
		}
		unified = true;
		path = str_printf("%s/cgroup.controllers", h[i].mount);
		list = path ? check_read(c, path) : NULL;
		add_words(&v2, list ? list : "", " ", NULL);
	}
	if (n == 0) {
		check_say(row, CHECK_DEGRADED,
			  "no hierarchy is mounted: containers can be neither limited nor counted");
		check_next(row, "mount -t cgroup2 cgroup2 /sys/fs/cgroup");
		return;
	}
	if (!v1.len && !v2.len) {
		check_say(row, CHECK_DEGRADED, "mounted, but without controllers");
		check_next(row,
			   "give this cgroup controllers: cgroup.subtree_control of its parent");
		return;
	}
	check_say(row, CHECK_OK, "%s%s%s%s%s", v1.len ? "v1: " : "", v1.len ? v1.data : "",
		  v1.len && unified ? "; " : "", unified ? "v2: " : "",
		  v2.len  ? v2.data :
		  unified ? "no controllers" :
			    "");
}

/* ---- state root ---- */

static bool is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* The nearest part of a path that exists; dir is cut. */
static const char *nearest(char *dir)
{
	char *slash;

	while (access(dir, F_OK) < 0) {
		slash = strrchr(dir, '/');
		if (!slash || slash == dir)
			return slash ? "/" : ".";
		*slash = '\0';
	}
	return dir;
}

/* It is made when it is needed: can it be, and on what? */
static void missing_root(const char *root, struct check_row *row)
{
	_free_ char *dir = path_clean(root);
	const char *base = dir ? nearest(dir) : ".";

	if (access(base, W_OK) < 0) {
		check_say(row, CHECK_MISSING, "%s cannot be made: '%s': %s", root, base,
			  err_str(errno));
		check_next(row, "choose another directory with --root");
		return;
	}
	check_say(row, CHECK_INFO, "%s is not there yet, and will be made on %s", root,
		  is_tmpfs(base) ? "a tmpfs" : "a file system that is no tmpfs");
}

void check_state_root(const struct check *c, struct check_row *row)
{
	const char *root = c->rt->root;
	_close_ int fd = -EBADF;
	struct err err = {};
	struct stat st;

	fd = store_open(root, false, &err);
	if (fd == -ENOENT && !err.code) {
		missing_root(root, row);
		return;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		check_say(row, CHECK_MISSING, "%s", err.msg);
		check_next(row, "chown root, chmod 700, or choose another directory with --root");
		return;
	}
	if ((st.st_mode & 07777) != 0700) {
		check_say(row, CHECK_DEGRADED, "%s, mode 0%o: others can see what is in it", root,
			  st.st_mode & 07777);
		check_next(row, "chmod 700 %s", root);
	} else if (!is_tmpfs(root)) {
		check_say(row, CHECK_DEGRADED,
			  "%s, mode 0700, not on a tmpfs: it outlives a restart of the host", root);
		check_next(row, "choose a directory on a tmpfs with --root, or mount one there");
	} else {
		check_say(row, CHECK_OK, "%s, mode 0700, on a tmpfs", root);
	}
}
