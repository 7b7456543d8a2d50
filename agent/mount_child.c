/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/mount_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/report.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"

#define LIMIT_MS \
	15000 /* a container can let it wait for ever, in a file system of its own making */

struct task {
	int (*fn)(const struct task *t, int root, struct err *err);
	const struct mount_op *op; /* to place */
	int mnt;
	const char *dest; /* to take from */
	dev_t dev;
	bool detach;
	int proc;
};

/* ---- in the child ---- */

static void work(const struct task *t, int pidfd, int report) __attribute__((noreturn));
static void work(const struct task *t, int pidfd, int report)
{
	struct err err = {};
	int r, root = -EBADF;

	/* Root and working directory become the namespace's root. */
	r = setns(pidfd, CLONE_NEWNS) < 0 ? err_errno(&err, errno, "mount namespace") : 0;
	if (r >= 0) {
		root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = root < 0 ? err_errno(&err, errno, "root of the container") :
			       t->fn(t, root, &err);
	}
	(void)report_send(report, r < 0 ? REPORT_ERROR : REPORT_READY, r, r < 0 ? err.msg : "",
			  NULL, 0);
	_exit(0);
}

static int place(const struct task *t, int root, struct err *err)
{
	return mount_place(t->op, root, t->mnt, err);
}

/* Whether that is the root of a mount of the file system. */
static bool is_mount(int dir, const char *name, int flags, dev_t dev)
{
	struct statx st;

	return statx(dir, name, flags | AT_NO_AUTOMOUNT, STATX_TYPE, &st) == 0 &&
	       makedev(st.stx_dev_major, st.stx_dev_minor) == dev &&
	       st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/*
 * umount2(2) wants a name, and an open descriptor of the mount itself would keep it busy. So it is the last part of where dest leads to, in its
 * directory, which is held; no link is followed, and nothing but this file system is taken off.
 */
static int take(const struct task *t, int root, struct err *err)
{
	int at = path_open_in(root, t->dest, O_PATH, 0);
	char link[32], path[PATH_MAX];
	bool found = at >= 0 && is_mount(at, "", AT_EMPTY_PATH, t->dev);
	ssize_t n;
	char *name;

	snprintf(link, sizeof(link), "self/fd/%d", at);
	n = found ? readlinkat(t->proc, link, path, sizeof(path) - 1) : 0;
	fd_close(at);
	if (n <= 0)
		return n < 0 ? err_errno(err, errno, "volume at %s", t->dest) : 0;
	path[n] = '\0';
	name = strrchr(path, '/');
	if (!name || !name[1])
		return 0;
	*name++ = '\0';
	_close_ int dir = path_open_in(root, *path ? path : "/", O_PATH | O_DIRECTORY, 0);
	if (dir < 0 || fchdir(dir) < 0 || !is_mount(dir, name, AT_SYMLINK_NOFOLLOW, t->dev))
		return 0;
	if (umount2(name, UMOUNT_NOFOLLOW | (t->detach ? MNT_DETACH : 0)) == 0)
		return 1;
	return errno == EBUSY ?
		       err_set(err, EBUSY, "the volume at %s is in use in the container", t->dest) :
		       err_errno(err, errno, "unmount %s", t->dest);
}

/* ---- the agent's side ---- */

static int result(int report, struct err *err)
{
	struct pollfd p = { .fd = report, .events = POLLIN };
	struct report said;
	int fds[2], n;

	do
		n = poll(&p, 1, LIMIT_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return err_set(err, ETIMEDOUT, "the container's file systems do not answer");
	n = report_recv(report, &said, fds);
	if (n <= 0)
		return err_set(err, EPROTO, "the child in the container's mounts has ended");
	if (said.kind == REPORT_ERROR)
		return err_set(err, said.code < 0 ? -said.code : EIO, "%s", said.text);
	return said.code;
}

static int run(const struct task *t, int pidfd, struct err *err)
{
	_close_ int ours = -EBADF, theirs = -EBADF;
	int pair[2], r = report_pair(pair);
	pid_t pid;

	if (r < 0)
		return err_errno(err, -r, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return err_errno(err, errno, "fork");
	if (pid == 0)
		work(t, pidfd, theirs);
	theirs = fd_close(theirs);
	r = result(ours, err);
	if (r == -ETIMEDOUT)
		kill(pid, SIGKILL); /* the reaper gets it, whenever that may be */
	else
		(void)proc_reap(pid, NULL); /* its descriptors keep mounts busy */
	return r;
}

int mount_child_place(int pidfd, const struct mount_op *op, int mnt, struct err *err)
{
	const struct task t = { .fn = place, .op = op, .mnt = mnt };

	return run(&t, pidfd, err);
}

int mount_child_take(int pidfd, const char *dest, dev_t dev, bool detach, int proc, struct err *err)
{
	const struct task t = { .fn = take,
				.mnt = -EBADF,
				.dest = dest,
				.dev = dev,
				.detach = detach,
				.proc = proc };

	return run(&t, pidfd, err);
}
