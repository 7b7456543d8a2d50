/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsGroup: everything in a volume belongs to the group, which may read and write it, and what is made in its directories will, too. What is in
 * the volume is hostile: only descriptors, no link followed, no mount crossed, depth bounded.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/volume.h"
#include "base/cleanup.h"

#define DEPTH_MAX 128 /* each level has an open directory with a buffer */
#define FILE_MODE 0660
#define DIR_MODE (FILE_MODE | 0110 | S_ISGID)

static int enter(int fd, uint32_t group, int depth, struct err *err);

static int change(int dir, const char *name, uint32_t group, int depth, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "fsGroup: %s", name);
	if (S_ISDIR(st.st_mode)) {
		int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		return fd < 0 ? err_errno(err, errno, "fsGroup: %s", name) :
				enter(fd, group, depth + 1, err);
	}
	/* Before the mode: changing the group takes set-group-ID away. */
	if (fchownat(dir, name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "fsGroup: %s", name);
	/* Nobody else is here to put a link in its place. */
	if (!S_ISLNK(st.st_mode) && fchmodat(dir, name, (st.st_mode & 07777) | FILE_MODE, 0) < 0)
		return err_errno(err, errno, "fsGroup: %s", name);
	return 0;
}

/* Takes fd. */
static int enter(int fd, uint32_t group, int depth, struct err *err)
{
	DIR *dir = fdopendir(fd);
	struct stat st;
	int r = 0;

	if (!dir) {
		r = err_errno(err, errno, "fsGroup");
		close(fd);
		return r;
	}
	if (depth > DEPTH_MAX)
		r = err_set(err, ELOOP, "fsGroup: directories are nested deeper than %d", DEPTH_MAX);
	for (struct dirent *d; r >= 0 && (errno = 0, d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = change(fd, d->d_name, group, depth, err);
	if (r >= 0 && errno)
		r = err_errno(err, errno, "fsGroup: read a directory");
	/* Last: a root that is right says that all of it is. */
	if (r >= 0 && (fstat(fd, &st) < 0 || fchown(fd, (uid_t)-1, group) < 0 ||
		       fchmod(fd, (st.st_mode & 07777) | DIR_MODE) < 0))
		r = err_errno(err, errno, "fsGroup");
	closedir(dir);
	return r;
}

int volume_set_group(int root, uint32_t group, bool on_mismatch, struct err *err)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_errno(err, errno, "fsGroup");
	if (on_mismatch && fstat(fd, &st) == 0 && st.st_gid == group &&
	    (st.st_mode & DIR_MODE) == DIR_MODE) {
		close(fd);
		return 0;
	}
	return enter(fd, group, 0, err);
}
