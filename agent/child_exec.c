/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/sched.h"
#include "agent/userns.h"
#include "base/cleanup.h"
#include "base/fd.h"

#define JOINED                                                                         \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWTIME | \
	 CLONE_NEWUSER | CLONE_NEWNET)

/* The pid namespace is joined by birth: see process.c. */
static int join(struct child *ch, struct err *err)
{
	const struct oci_cpu_affinity *cpus = ch->process->exec_cpu_affinity;
	int r = child_oom_score(ch, err);

	/* It is born in the container's cgroup: nothing lies between the two. */
	if (r >= 0 && cpus)
		r = sched_cpus(cpus->initial, err);
	if (r >= 0 && cpus)
		r = sched_cpus(cpus->final, err);
	if (r >= 0 && ch->namespaces & CLONE_NEWUSER)
		r = child_rlimits(0, ch->process, err);
	if (r < 0)
		return r;
	if (setns(ch->init_pidfd, (int)(ch->namespaces & JOINED)) < 0)
		return err_errno(err, errno, "join the container's namespaces");
	if (ch->namespaces & CLONE_NEWUSER && userns_become_root(err) < 0)
		return -err->code;
	ch->init_pidfd = fd_close(ch->init_pidfd);
	/* From here on "/" is the container's; nothing of the guest's may be at hand. */
	fd_close(ch->agent->proc_fd);
	return 0;
}

void child_exec(struct child *ch)
{
	struct err err = { 0 };
	char *program, **env;
	int tty = -EBADF;

	child_begin(ch, ch->init_pidfd);
	if (join(ch, &err) < 0)
		child_fail(ch, &err);
	_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		err_errno(&err, errno, "open /");
		child_fail(ch, &err);
	}
	if (ch->process->terminal) {
		tty = child_open_tty(ch, root, &err);
		if (tty < 0)
			child_fail(ch, &err);
	}
	if (child_become(ch, root, tty, &program, &env, &err) >= 0)
		child_execve(ch, program, env, &err);
	child_fail(ch, &err);
}
