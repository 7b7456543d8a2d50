/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/pidfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

/* "/dev/null", "/dev/stdout", a FIFO: written to, never replaced by a file. */
static int write_in_place(int dir, const char *name, const char *text)
{
	_close_ int fd = openat(dir, name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
}

int pidfile_write(const char *path, pid_t pid, struct err *err)
{
	_free_ char *parent = strdup(path);
	_close_ int dir = -EBADF;
	char *slash, text[16];
	const char *name = path;
	struct stat st;
	int r;

	if (!parent)
		return err_errno(err, ENOMEM, "--pid-file '%s'", path);
	slash = strrchr(parent, '/');
	if (slash) {
		name = path + (slash - parent) + 1;
		slash[slash == parent ? 1 : 0] = '\0';
	}
	dir = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "--pid-file '%s'", path);
	snprintf(text, sizeof(text), "%d", pid);
	if (fstatat(dir, name, &st, 0) == 0 && !S_ISREG(st.st_mode)) {
		r = write_in_place(dir, name, text);
		return r < 0 ? err_errno(err, -r, "--pid-file '%s'", path) : 0;
	}
	r = io_write_file(dir, name, text, strlen(text), 0644, false, err);
	return r < 0 ? err_wrap(err, "--pid-file '%s'", path) : 0;
}
