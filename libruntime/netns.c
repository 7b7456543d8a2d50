/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

int netns_enter(const char *path, struct netns *ret, struct err *err)
{
	_close_ int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat a, b;
	struct statfs fs;

	if (home < 0)
		return err_errno(err, errno, "/proc/thread-self/ns/net");
	if (fd < 0)
		return err_errno(err, errno, "network namespace '%s'", path);
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC)
		return err_set(err, EINVAL, "'%s' is not a network namespace", path);
	if (fstat(home, &a) < 0 || fstat(fd, &b) < 0)
		return err_errno(err, errno, "network namespace '%s'", path);
	if (a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		return err_set(err, ENOTUNIQ,
			       "'%s' is the network namespace of the host, which a VM cannot share",
			       path);
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_errno(err, errno, "enter network namespace '%s'", path);
	ret->home = take_fd(home);
	return 0;
}

void netns_leave(struct netns *ns)
{
	if (ns->home < 0)
		return;
	if (setns(ns->home, CLONE_NEWNET) < 0)
		_exit(1);
	ns->home = fd_close(ns->home);
}
