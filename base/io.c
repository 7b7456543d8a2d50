/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

int io_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	bool socket = true;

	while (len > 0) {
		ssize_t n = socket ? send(fd, p, len, MSG_NOSIGNAL) : write(fd, p, len);

		if (n < 0 && socket && errno == ENOTSOCK) {
			socket = false;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* At `at`, or where the file stands if that is negative. */
static int read_exactly(int fd, char *p, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = at < 0 ? read(fd, p, len) : pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
		at += at < 0 ? 0 : n;
	}
	return 0;
}

int io_read_all(int fd, void *data, size_t len)
{
	return read_exactly(fd, data, len, -1);
}

int io_read_at(int fd, void *data, size_t len, off_t at)
{
	return at < 0 ? -EINVAL : read_exactly(fd, data, len, at);
}

int io_write_at(int fd, const void *data, size_t len, off_t at)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Like openat(), but never through a magic link such as /proc/PID/fd/N. */
static int open_plain(int dirfd, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC | O_NOCTTY,
				.resolve = RESOLVE_NO_MAGICLINKS };
	long fd;

	do {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : (int)fd;
}

/* To the end of file or one byte past limit. st_size is only a hint (0 in /proc, may change). */
static int read_to_end(int fd, size_t limit, off_t size_hint, char **ret, size_t *ret_len)
{
	size_t cap = 4096, len = 0;

	if (limit > SSIZE_MAX - 2)
		limit = SSIZE_MAX - 2;
	if (size_hint > 0 && (uintmax_t)size_hint <= limit)
		cap = (size_t)size_hint +
		      2; /* one more than the content, to see its end, and the NUL */
	_free_ char *data = malloc(cap);
	if (!data)
		return -ENOMEM;
	for (;;) {
		if (len + 1 == cap) {
			size_t grown = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
			char *p = realloc(data, grown);

			if (!p)
				return -ENOMEM;
			data = p;
			cap = grown;
		}
		ssize_t n = read(fd, data + len, cap - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > limit)
			return -EFBIG;
	}
	data[len] = '\0';
	*ret = take_ptr(data);
	*ret_len = len;
	return 0;
}

int io_read_file(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_len,
		 struct err *err)
{
	struct stat st;
	size_t len = 0;
	int r;

	/* O_NONBLOCK: opening a FIFO that somebody put there must not wait for its writer. */
	_close_ int fd = open_plain(dirfd, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, -fd, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", path);
	r = read_to_end(fd, limit, st.st_size, ret, &len);
	if (r == -EFBIG)
		return err_set(err, EFBIG, "'%s' is larger than %zu bytes", path, limit);
	if (r < 0)
		return err_errno(err, -r, "read '%s'", path);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int io_map(const char *path, struct io_map *ret, struct err *err)
{
	struct stat st;
	void *p = NULL;

	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "stat '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "'%s' is not a regular file", path);
	if (st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(err, errno, "map '%s'", path);
	*ret = (struct io_map){ .data = p, .len = (size_t)st.st_size };
	return 0;
}

void io_unmap(struct io_map *m)
{
	if (m->data)
		munmap((void *)(uintptr_t)m->data, m->len);
	*m = (struct io_map){ 0 };
}

/* Creates ".<base>.<random>" in dir; the name goes to tmp. Returns the descriptor or -errno. */
static int open_temporary(int dir, const char *base, char *tmp, size_t size)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		uint64_t rnd;

		if (getrandom(&rnd, sizeof(rnd), 0) != sizeof(rnd))
			return -EIO;
		/* Two characters, the number and the NUL have to fit NAME_MAX. */
		snprintf(tmp, size, ".%.*s.%016llx", (int)str_cut(base, strnlen(base, 200)), base,
			 (unsigned long long)rnd);
		int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST && errno != EINTR)
			return -errno;
	}
	return -EEXIST;
}

static int fill_and_rename(int dir, const char *tmp, int fd, const char *base, const void *data,
			   size_t len, mode_t mode, bool durable)
{
	int r = io_write_all(fd, data, len);

	if (r < 0)
		return r;
	if (fchmod(fd, mode & 07777) < 0)
		return -errno;
	if (durable && fsync(fd) < 0)
		return -errno;
	if (renameat(dir, tmp, dir, base) < 0)
		return -errno;
	return 0;
}

int io_write_file(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		  bool durable, struct err *err)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	char tmp[NAME_MAX + 1];
	int r;

	if (*base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return err_set(err, EINVAL, "write '%s': not a file name", name);
	/* The temporary file has to be in the directory of the target, which is held open against renames. */
	_free_ char *parent = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
	if (!parent)
		return err_errno(err, ENOMEM, "write '%s'", name);
	_close_ int dir = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "write '%s': open its directory", name);
	/* Somebody's /dev/null, FIFO or socket is written to or left alone, never renamed over. */
	struct stat st;
	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISLNK(st.st_mode))
		return err_set(err, S_ISDIR(st.st_mode) ? EISDIR : EINVAL,
			       "write '%s': it is not a regular file", name);
	_close_ int fd = open_temporary(dir, base, tmp, sizeof(tmp));
	if (fd < 0)
		return err_errno(err, -fd, "write '%s': create a temporary file", name);
	r = fill_and_rename(dir, tmp, fd, base, data, len, mode, durable);
	if (r < 0) {
		unlinkat(dir, tmp, 0);
		return err_errno(err, -r, "write '%s'", name);
	}
	if (durable && fsync(dir) < 0)
		return err_errno(err, errno, "write '%s': sync its directory", name);
	return 0;
}

int io_write_string(int dirfd, const char *path, const char *s, struct err *err)
{
	size_t len = strlen(s);
	ssize_t n;

	_close_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", path);
	do {
		n = write(fd, s, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, errno, "write '%s' to '%s'", s, path);
	if ((size_t)n != len)
		return err_set(err, EIO, "write '%s' to '%s': only %zd of %zu bytes were taken", s,
			       path, n, len);
	return 0;
}
