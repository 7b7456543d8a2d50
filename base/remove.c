/* SPDX-License-Identifier: Apache-2.0 */
/* path_remove_tree(): deleting a tree that somebody else may be writing to. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

/* One descriptor a level is open. What we make is never deeper. */
#define MAX_DEPTH 256
/* Somebody who adds files as fast as we remove them ends with ENOTEMPTY. */
#define MAX_PASSES 8

static void closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* A directory entry that is a directory itself, no link and no mount point (EXDEV). */
static int open_subdir(int dirfd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : (int)fd;
}

static int remove_entry(int dirfd, const char *name, int depth, struct err *err);

/* Removes what is in the directory; takes fd. */
static int empty_dir(int fd, const char *name, int depth, struct err *err)
{
	_cleanup_(closedirp) DIR *d = fdopendir(fd);
	struct dirent *e;

	if (!d) {
		int code = errno;

		close(fd);
		return err_errno(err, code, "read directory '%s'", name);
	}
	while (errno = 0, (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		int r = remove_entry(dirfd(d), e->d_name, depth + 1, err);
		if (r < 0)
			return r;
	}
	if (errno)
		return err_errno(err, errno, "read directory '%s'", name);
	return 0;
}

static int remove_entry(int dirfd, const char *name, int depth, struct err *err)
{
	/* EISDIR says directory; some file systems say EPERM. */
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	int code = errno;
	if (code != EISDIR && code != EPERM)
		return err_errno(err, code, "remove '%s'", name);
	if (depth > MAX_DEPTH)
		return err_set(err, ELOOP, "remove '%s': more than %d directories deep", name,
			       MAX_DEPTH);

	for (int pass = 0;; pass++) {
		int fd = open_subdir(dirfd, name);

		if (fd == -ENOENT)
			return 0;
		if (fd == -EXDEV)
			return err_set(err, EBUSY, "remove '%s': it is a mount point", name);
		if (fd < 0) /* no directory after all: what unlink said */
			return err_errno(err, fd == -ENOTDIR || fd == -ELOOP ? code : -fd,
					 "remove '%s'", name);
		int r = empty_dir(fd, name, depth, err);
		if (r < 0)
			return r;
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if ((errno != ENOTEMPTY && errno != EEXIST) || pass + 1 == MAX_PASSES)
			return err_errno(err, errno, "remove '%s'", name);
	}
}

int path_remove_tree(int dirfd, const char *name, struct err *err)
{
	size_t len = strlen(name);

	while (len > 0 && name[len - 1] == '/')
		len--;
	_free_ char *path = strndup(name, len);
	if (!path)
		return err_errno(err, ENOMEM, "remove '%s'", name);
	char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return err_set(err, EINVAL, "remove '%s': not a name in a directory", name);
	if (!slash)
		return remove_entry(dirfd, base, 0, err);

	/* The way to it may cross mounts and links, what is removed may not. */
	*slash = '\0';
	_close_ int parent = openat(dirfd, slash == path ? "/" : path,
				    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "remove '%s'", name);
	return remove_entry(parent, base, 0, err);
}
