/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"

/* How deep a container may nest groups; also the depth of our recursion. */
#define MAX_DEPTH 32

struct dirent64_ {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* Reads a short file; the length, or -errno. */
static ssize_t read_small(int dirfd, const char *name, char *buf, size_t size)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, size - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

void cgroup_enable_controllers(int fd)
{
	char names[256], all[512] = "", one[64];
	size_t len = 0;

	if (read_small(fd, "cgroup.controllers", names, sizeof(names)) < 0)
		return;
	names[strcspn(names, "\n")] = '\0';
	for (char *save, *p = strtok_r(names, " ", &save); p; p = strtok_r(NULL, " ", &save))
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s+%s", len ? " " : "", p);
	/* One write for all: each costs a grace period of the kernel. */
	if (len == 0 || io_write_string(fd, "cgroup.subtree_control", all, NULL) >= 0)
		return;
	for (char *save, *p = strtok_r(all, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		struct err err;

		snprintf(one, sizeof(one), "%s", p);
		if (io_write_string(fd, "cgroup.subtree_control", one, &err) < 0)
			log_warn("enable controller %s: %s", p + 1, err.msg);
	}
}

int cgroup_create(int dirfd, const char *name, struct err *err)
{
	char depth[16];

	if (mkdirat(dirfd, name, 0755) < 0)
		return err_errno(err, errno, "make cgroup %s", name);
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(err, errno, "open cgroup %s", name);
	snprintf(depth, sizeof(depth), "%d", MAX_DEPTH - 2);
	io_write_string(fd, "cgroup.max.depth", depth, NULL);
	return take_fd(fd);
}

/* Calls fn with the directory and each child group, and the same below it, children first. */
static int each_child(int fd, int depth,
		      int (*fn)(int dirfd, const char *name, int depth, void *data), void *data)
{
	char buf[2048] __attribute__((aligned(8)));
	long n;

	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		const struct dirent64_ *d;

		for (long pos = 0; pos < n; pos += d->reclen) {
			d = (const struct dirent64_ *)(buf + pos);
			if (d->type != DT_DIR || !strcmp(d->name, ".") || !strcmp(d->name, ".."))
				continue;
			int r = fn(fd, d->name, depth, data);

			if (r < 0)
				return r;
		}
	}
	return n < 0 ? -errno : 0;
}

static int remove_one(int dirfd, const char *name, int depth, void *data)
{
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY || depth >= MAX_DEPTH)
		return -errno;
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	int r = each_child(fd, depth + 1, remove_one, data);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(int dirfd, const char *name)
{
	return remove_one(dirfd, name, 0, NULL);
}

int cgroup_kill(int fd)
{
	return io_write_string(fd, "cgroup.kill", "1", NULL);
}

int cgroup_freeze(int fd, bool on)
{
	return io_write_string(fd, "cgroup.freeze", on ? "1" : "0", NULL);
}

uint64_t cgroup_event(int events, const char *key)
{
	char buf[512];
	size_t len = strlen(key);
	uint64_t v = 0;
	ssize_t n = pread(events, buf, sizeof(buf) - 1, 0);

	if (n < 0)
		return 0;
	buf[n] = '\0';
	for (char *save, *p = strtok_r(buf, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		if (strncmp(p, key, len) != 0 || p[len] != ' ')
			continue;
		if (num_u64(p + len + 1, 0, UINT64_MAX, &v) < 0)
			return 0;
	}
	return v;
}

/* ---- processes ---- */

struct walk {
	int (*fn)(pid_t pid, void *data);
	void *data;
};

static int pids_of(int fd, const struct walk *w)
{
	_close_ int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char buf[512];
	size_t have = 0;
	ssize_t n;

	if (procs < 0)
		return -errno;
	while ((n = read(procs, buf + have, sizeof(buf) - 1 - have)) > 0) {
		char *line = buf, *end;

		have += (size_t)n;
		while ((end = memchr(line, '\n', have - (size_t)(line - buf)))) {
			int pid, r;

			*end = '\0';
			/* 0: in a pid namespace that is not below ours; cannot be ours then. */
			if (num_int(line, 1, INT32_MAX, &pid) == 0) {
				r = w->fn(pid, w->data);
				if (r < 0)
					return r;
			}
			line = end + 1;
		}
		have -= (size_t)(line - buf);
		memmove(buf, line, have);
	}
	/* ENODEV: removed meanwhile; EOPNOTSUPP: a threaded group, whose processes are listed above it. */
	return n < 0 && errno != ENODEV && errno != EOPNOTSUPP ? -errno : 0;
}

static int walk_one(int dirfd, const char *name, int depth, void *data)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	int r = pids_of(fd, data);
	if (r < 0 || depth >= MAX_DEPTH)
		return r;
	return each_child(fd, depth + 1, walk_one, data);
}

int cgroup_each_pid(int fd, int (*fn)(pid_t pid, void *data), void *data)
{
	struct walk w = { fn, data };

	return walk_one(fd, ".", 0, &w);
}

static int signal_one(pid_t pid, void *data)
{
	/* Gone meanwhile is fine: that is what a signal is often for. */
	return kill(pid, *(const int *)data) < 0 && errno != ESRCH ? -errno : 0;
}

int cgroup_signal(int fd, int sig)
{
	return cgroup_each_pid(fd, signal_one, &sig);
}

int cgroup_of_process(int proc_fd, pid_t pid, int fd, const char *name)
{
	char file[64], buf[4096];
	size_t len = strlen(name);

	snprintf(file, sizeof(file), "%d/cgroup", (int)pid);
	if (read_small(proc_fd, file, buf, sizeof(buf)) < 0)
		return -ESRCH;
	buf[strcspn(buf, "\n")] = '\0';
	if (!str_has_prefix(buf, "0::/"))
		return -ENOENT;
	for (char *p = buf; (p = strchr(p, '/')); p++) {
		if (strncmp(p + 1, name, len) != 0 || (p[1 + len] != '/' && p[1 + len] != '\0'))
			continue;
		p += 1 + len;
		p += *p == '/';
		fd = openat(fd, *p ? p : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}
