/* SPDX-License-Identifier: Apache-2.0 */
/* path_list(): the names in a directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int path_list(int dirfd, char ***ret, struct err *err)
{
	_strv_ char **names = NULL;
	struct dirent *e;
	/* A description of its own: reading moves the position. */
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (!dir) {
		r = err_errno(err, errno, "list a directory");
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r >= 0 && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = strv_add(&names, e->d_name);
	closedir(dir);
	if (r < 0)
		return err_errno(err, -r, "list a directory");
	if (names)
		qsort(names, strv_len(names), sizeof(*names), by_name);
	*ret = take_ptr(names);
	return 0;
}
