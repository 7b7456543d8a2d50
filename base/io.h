/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole reads and writes of descriptors and files. EINTR and short transfers
 * are handled here and nowhere else. Sizes are bytes.
 */
#ifndef MOAT_BASE_IO_H
#define MOAT_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Writes everything to a blocking descriptor; 0 or -errno. Never raises SIGPIPE on sockets. */
int io_write_all(int fd, const void *data, size_t len);
/* Reads exactly len bytes; 0, -ENODATA at early end of file, or -errno. */
int io_read_all(int fd, void *data, size_t len);
/* The same at a place of a file, whose position stays where it is. */
int io_write_at(int fd, const void *data, size_t len, off_t at);
int io_read_at(int fd, void *data, size_t len, off_t at);

/*
 * Reads a regular file (following no magic) relative to dirfd into fresh
 * memory, NUL-terminated; *ret_len (may be NULL) excludes the NUL. Fails with
 * -EFBIG past limit, -EINVAL if it is not a regular file (a FIFO never
 * blocks). Files under /proc and /sys, whose size is 0, are read to the end.
 */
int io_read_file(int dirfd, const char *path, size_t limit, char **ret, size_t *ret_len,
		 struct err *err);

/* A whole regular file as read-only memory. Whoever may shorten it can make us fault: for trusted files only. */
struct io_map {
	const char *data; /* not NUL-terminated; NULL if len is 0 */
	size_t len;
};
int io_map(const char *path, struct io_map *ret, struct err *err);
void io_unmap(struct io_map *m);

/*
 * Replaces dirfd/name atomically: unique O_EXCL temporary file beside it,
 * write, rename. durable also syncs file and directory. A directory (-EISDIR),
 * device, FIFO or socket (-EINVAL) of that name is not replaced.
 */
int io_write_file(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		  bool durable, struct err *err);

/* Writes a string to an existing file (cgroup and proc files) with one write(2). */
int io_write_string(int dirfd, const char *path, const char *s, struct err *err);

#endif
