/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/validate.h"

/* Whoever may write there could put a state in our way that makes us kill and remove what it names. */
static int check_root(int fd, const char *root, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "--root '%s'", root);
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return err_set(err, EPERM,
			       "--root '%s' must belong to the caller and be writable by nobody else",
			       root);
	return 0;
}

int store_open(const char *root, bool create, struct err *err)
{
	int fd, r;

	if (!*root)
		return err_set(err, EINVAL, "--root must not be empty");
	if (create) {
		r = path_mkdirs(root, 0700, err);
		if (r < 0)
			return err_wrap(err, "--root '%s'", root);
	}
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : err_errno(err, errno, "--root '%s'", root);
	r = check_root(fd, root, err);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

int store_path(int root_fd, char ret[PATH_MAX], struct err *err)
{
	ssize_t n = readlink(path_of_fd(root_fd).s, ret, PATH_MAX - 1);

	if (n < 0)
		return err_errno(err, errno, "--root");
	ret[n] = '\0';
	return 0;
}

static int open_id(int root_fd, const char *id, struct err *err)
{
	int fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOENT ? err_set(err, ENOENT, "container does not exist") :
				 err_errno(err, errno, "state directory of container '%s'", id);
}

/* Whether the directory that was locked is still the one with that name. */
static bool still_there(int root_fd, const char *id, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(root_fd, id, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* flock(2) has no time-out, and a library must not use SIGALRM: try again every few milliseconds. */
static int lock_fd(int fd, int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 3000000 };
	struct timespec start, now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 >=
		    timeout_ms)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int store_claim(int root_fd, const char *id, struct err *err)
{
	_close_ int fd = -EBADF;
	int r;

	r = oci_id_validate(id, err);
	if (r < 0)
		return r;
	if (mkdirat(root_fd, id, 0700) < 0)
		return errno == EEXIST ?
			       err_set(err, EEXIST, "container with given ID already exists") :
			       err_errno(err, errno, "state directory of container '%s'", id);
	fd = open_id(root_fd, id, err);
	if (fd < 0)
		return fd;
	/* Between mkdir and here a `delete --force` may have taken the empty directory away. */
	r = lock_fd(fd, 1000);
	if (r < 0 || !still_there(root_fd, id, fd))
		return err_set(err, EBUSY, "container '%s' is being deleted", id);
	return take_fd(fd);
}

int store_get(int root_fd, const char *id, struct err *err)
{
	int r = oci_id_validate(id, err);

	return r < 0 ? r : open_id(root_fd, id, err);
}

int store_lock(int root_fd, const char *id, int timeout_ms, struct err *err)
{
	_close_ int fd = -EBADF;
	int r;

	fd = store_get(root_fd, id, err);
	if (fd < 0)
		return fd;
	r = lock_fd(fd, timeout_ms);
	if (r == -ETIMEDOUT)
		return err_set(err, ETIMEDOUT, "container '%s' is in use by another command", id);
	if (r < 0)
		return err_errno(err, -r, "lock container '%s'", id);
	if (!still_there(root_fd, id, fd))
		return err_set(err, ENOENT, "container does not exist");
	return take_fd(fd);
}

int store_remove(int root_fd, const char *id, struct err *err)
{
	return path_remove_tree(root_fd, id, err);
}

int store_list(int root_fd, char ***ret, struct err *err)
{
	_strv_ char **names = NULL, **ids = NULL;
	struct stat st;
	int r;

	r = path_list(root_fd, &names, err);
	if (r < 0)
		return err_wrap(err, "list containers");
	for (char **n = names; r >= 0 && n && *n; n++)
		if (oci_id_validate(*n, NULL) >= 0 &&
		    fstatat(root_fd, *n, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			r = strv_add(&ids, *n);
	if (r < 0)
		return err_errno(err, -r, "list containers");
	*ret = take_ptr(ids);
	return 0;
}
