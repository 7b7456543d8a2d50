/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "oci/sysctl.h"

/* Nothing but the proc file system the agent mounted itself, and no link in it, can be written. */
static int open_sysctl(int proc_fd, const char *path)
{
	struct open_how how = {
		.flags = O_WRONLY | O_CLOEXEC | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	struct statfs fs;
	int fd = (int)syscall(SYS_openat2, proc_fd, path, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static int write_sysctl(int proc_fd, const char *key, const char *value, bool ipc, struct err *err)
{
	_free_ char *name = NULL;
	int r = oci_sysctl_path(key, &name);

	if (r < 0)
		return err_errno(err, -r, "sysctl \"%s\"", key);
	if (oci_sysctl_is_ipc(name) != ipc)
		return 0;
	_free_ char *path = str_printf("sys/%s", name);
	if (!path)
		return err_errno(err, ENOMEM, "sysctl \"%s\"", key);
	_close_ int fd = open_sysctl(proc_fd, path);
	if (fd < 0)
		return err_errno(err, -fd, "open /proc/%s", path);
	if (write(fd, value, strlen(value)) < 0)
		return err_errno(err, errno, "write /proc/%s", path);
	return 0;
}

int sysctl_apply(int proc_fd, const json_t *sysctl, bool ipc, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)sysctl, key, value) {
		int r = write_sysctl(proc_fd, key, json_string_value(value), ipc, err);

		if (r < 0)
			return r;
	}
	return 0;
}
