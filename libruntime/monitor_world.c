/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/monitor_world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/proc.h"

static int enter(const struct monitor_ref *mon, const char *path, struct err *err)
{
	_close_ int dir = -EBADF;
	char full[64];

	/*
	 * By the monitor's own root: in a chroot of ours (an initramfs that did not switch roots) setns(2) would lead to
	 * another one. The pid is still the monitor's if its pidfd, which setns() takes (Linux 5.8), is alive afterwards.
	 */
	snprintf(full, sizeof(full), "/proc/%d/root%s", mon->pid, path);
	dir = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "open the monitor's %s", path);
	if (setns(mon->pidfd, CLONE_NEWNS) < 0)
		return err_errno(err, errno, "enter the monitor's mount namespace");
	return take_fd(dir);
}

int monitor_world_run(const struct monitor_ref *mon, const char *path,
		      int (*fn)(int dir, void *data, struct err *err), void *data, struct err *err)
{
	struct err result = {};
	int pipefd[2];
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	pid = fork();
	if (pid == 0) {
		int dir = enter(mon, path, &result);

		if (dir >= 0)
			fn(dir, data, &result);
		(void)io_write_all(pipefd[1], &result, sizeof(result));
		_exit(0);
	}
	close(pipefd[1]);
	if (pid < 0 || io_read_all(pipefd[0], &result, sizeof(result)) < 0)
		err_set(&result, EIO, "the monitor's %s: the helper process died", path);
	close(pipefd[0]);
	if (pid > 0)
		(void)proc_reap(pid, NULL);
	return result.code ? err_set(err, result.code, "%s", result.msg) : 0;
}
