/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

/* As many as the kernel follows in one resolution. */
#define MAX_LINKS 40

/* ---- inside a tree ---- */

static int open_resolve(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = (unsigned int)flags | O_CLOEXEC, .resolve = resolve };
	long fd;

	/* openat2() refuses a mode that would have no effect. */
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;
	/*
	 * EAGAIN: something was renamed while ".." was resolved. Somebody who
	 * does that all the time gets an error, not our time.
	 */
	for (int attempt = 0; attempt < 1000; attempt++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int path_open_in(int rootfd, const char *path, int flags, mode_t mode)
{
	return open_resolve(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

static int mkdirs_in(int rootfd, const char *path, mode_t mode, int links);

/*
 * prefix names something that does not resolve although its last component
 * exists: a symbolic link to a directory that is not there yet (/var/run ->
 * /run). Makes that directory, again inside the tree.
 */
static int mkdir_link_target(int rootfd, int parent, const char *prefix, const char *name,
			     mode_t mode, int links)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(parent, name, target, sizeof(target) - 1);

	if (n < 0)
		return errno == EINVAL ? -ENOTDIR : -errno;
	target[n] = '\0';
	if (links >= MAX_LINKS)
		return -ELOOP;
	/* A relative target starts at the directory of the link; the kernel resolves its "..". */
	_free_ char *path = target[0] == '/' ?
				    strdup(target) :
				    str_printf("%.*s/%s", (int)(strlen(prefix) - strlen(name)),
					       prefix, target);
	if (!path)
		return -ENOMEM;
	_close_ int fd = mkdirs_in(rootfd, path, mode, links + 1);
	return fd < 0 ? fd : 0;
}

/* Opens prefix, whose last component is name and which is to be a directory below parent; makes it if missing. */
static int open_or_mkdir(int rootfd, int parent, const char *prefix, const char *name, mode_t mode,
			 int links)
{
	const int flags = O_PATH | O_DIRECTORY;
	int fd = path_open_in(rootfd, prefix, flags, 0);

	if (fd != -ENOENT)
		return fd;
	if (mkdirat(parent, name, mode) == 0)
		return path_open_in(rootfd, prefix, flags, 0);
	if (errno != EEXIST)
		return -errno;
	/* Made by somebody else meanwhile, or a dangling link. */
	fd = path_open_in(rootfd, prefix, flags, 0);
	if (fd != -ENOENT)
		return fd;
	int r = mkdir_link_target(rootfd, parent, prefix, name, mode, links);
	return r < 0 ? r : path_open_in(rootfd, prefix, flags, 0);
}

/*
 * Every step is resolved anew from the root by the kernel, so what it gives
 * is inside the tree whatever happens to the components meanwhile; only the
 * last one is ever created, by its bare name in a directory found that way.
 */
static int mkdirs_in(int rootfd, const char *path, mode_t mode, int links)
{
	int fd = path_open_in(rootfd, path, O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT || *path == '\0')
		return fd;
	_free_ char *prefix = strdup(path);
	if (!prefix)
		return -ENOMEM;
	_close_ int dir = path_open_in(rootfd, "/", O_PATH | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	for (char *p = prefix;;) {
		char *name = p + strspn(p, "/");

		if (*name == '\0')
			return take_fd(dir);
		p = name + strcspn(name, "/");
		char saved = *p;
		*p = '\0';
		fd = open_or_mkdir(rootfd, dir, prefix, name, mode, links);
		*p = saved;
		if (fd < 0)
			return fd;
		close(dir);
		dir = fd;
	}
}

int path_mkdirs_in(int rootfd, const char *path, mode_t mode, struct err *err)
{
	int fd = mkdirs_in(rootfd, path, mode, 0);

	return fd < 0 ? err_errno(err, -fd, "make directory '%s'", path) : fd;
}

static int touch_in(int rootfd, const char *path, mode_t mode)
{
	struct stat st;
	int fd = path_open_in(rootfd, path, O_PATH, 0);

	if (fd == -ENOENT) {
		const char *slash = strrchr(path, '/');
		const char *base = slash ? slash + 1 : path;
		_free_ char *parent = strndup(path, (size_t)(base - path));
		if (!parent)
			return -ENOMEM;
		if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
			return -EINVAL;
		_close_ int dir = mkdirs_in(rootfd, *parent ? parent : "/", 0755, 0);
		if (dir < 0)
			return dir;
		_close_ int file = openat(dir, base,
					  O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
					  mode & 07777);
		if (file < 0 && errno != EEXIST)
			return -errno;
		if (file < 0) {
			/* Here meanwhile, or a dangling link, whose target this makes. Never waits for a FIFO's peer. */
			file = path_open_in(rootfd, path,
					    O_RDONLY | O_CREAT | O_NONBLOCK | O_NOCTTY, mode);
			if (file < 0)
				return file;
		}
		fd = path_open_in(rootfd, path, O_PATH, 0);
	}
	if (fd < 0)
		return fd;
	_close_ int found = fd;
	if (fstat(found, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return take_fd(found);
}

int path_touch_in(int rootfd, const char *path, mode_t mode, struct err *err)
{
	int fd = touch_in(rootfd, path, mode);

	return fd < 0 ? err_errno(err, -fd, "make file '%s'", path) : fd;
}

/* ---- strings ---- */

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	while (n > 0 && a[n - 1] == '/')
		n--;
	/* "/" keeps its slash, an empty a adds none. */
	bool slash = n > 0 || *a == '/';
	if (slash)
		b += strspn(b, "/");
	if (slash && *b == '\0')
		return n > 0 ? strndup(a, n) : strdup("/");
	return str_printf("%.*s%s%s", (int)n, a, slash ? "/" : "", b);
}

char *path_clean(const char *path)
{
	bool absolute = *path == '/';
	char *out = malloc(strlen(path) + 2);
	size_t n = 0, floor; /* ".." never removes what is before floor */

	if (!out)
		return NULL;
	if (absolute)
		out[n++] = '/';
	floor = n;
	for (const char *p = path; *p;) {
		p += strspn(p, "/");
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.') {
			if (n > floor) {
				while (n > floor && out[n - 1] != '/')
					n--;
				if (n > floor)
					n--; /* the slash before it */
			} else if (!absolute) {
				if (n > 0)
					out[n++] = '/';
				out[n++] = '.';
				out[n++] = '.';
				floor = n;
			}
		} else if (len > 0 && !(len == 1 && p[0] == '.')) {
			if (n > (absolute ? 1U : 0U))
				out[n++] = '/';
			memcpy(out + n, p, len);
			n += len;
		}
		p += len;
	}
	if (n == 0)
		out[n++] = '.';
	out[n] = '\0';
	return out;
}

/* ---- on the host ---- */

int path_mkdirs(const char *path, mode_t mode, struct err *err)
{
	struct stat st;

	_free_ char *copy = *path ? strdup(path) : NULL;
	if (!copy)
		return err_errno(err, *path ? ENOMEM : ENOENT, "make directory '%s'", path);
	for (char *p = copy;;) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		char saved = *p;
		*p = '\0';
		/* EEXIST is for a file and a dangling link too, EROFS or EACCES may hide that it exists. */
		if (*copy && mkdir(copy, mode) < 0) {
			int code = errno;

			if (stat(copy, &st) < 0)
				return err_errno(err, code, "make directory '%s'", copy);
			if (!S_ISDIR(st.st_mode))
				return err_errno(err, ENOTDIR, "make directory '%s'", copy);
		}
		*p = saved;
		if (saved == '\0' || p[strspn(p, "/")] == '\0')
			return 0;
	}
}

int path_check_owner(const struct stat *st, bool way, struct err *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return err_set(err, EPERM, "belongs to uid %u, not to root", st->st_uid);
	if ((st->st_mode & 022) && !(way && (st->st_mode & S_ISVTX)))
		return err_set(err, EPERM, "others can write to it (mode %o)", st->st_mode & 07777);
	return 0;
}

struct path_fd path_of_fd(int fd)
{
	struct path_fd p;

	snprintf(p.s, sizeof(p.s), "/proc/self/fd/%d", fd);
	return p;
}
