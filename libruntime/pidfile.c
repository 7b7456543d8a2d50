/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/pidfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

int pidfile_write(const char *path, pid_t pid, struct err *err)
{
	_free_ char *parent = strdup(path);
	_close_ int dir = -EBADF;
	char *slash, text[16];
	const char *name = path;
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
	r = io_write_file(dir, name, text, strlen(text), 0644, false, err);
	return r < 0 ? err_wrap(err, "--pid-file '%s'", path) : 0;
}
