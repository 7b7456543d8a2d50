/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroups of a container that is being created, and with --systemd-cgroup the scope that one of them is. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/proc.h"
#include "libruntime/cgroup.h"
#include "libruntime/cgroup_systemd.h"
#include "libruntime/creation.h"
#include "libruntime/scope.h"
#include "wire/setup_msg.h"

int creation_plan_cgroups(struct creation *c, struct err *err)
{
	const char *path = c->config->linux_->cgroups_path;
	int r;

	if (c->rt->systemd_cgroup) {
		r = cgroup_systemd_path(SYSTEMD_RUNS, path, c->args->id, &c->unit_path, err);
		if (r < 0)
			return r;
		path = c->unit_path;
	}
	r = cgroup_plan(path, c->args->id, &c->state.cgroups, err);
	if (r < 0 || !c->unit_path || !scope_unit(path))
		return r;
	cgroup_only_leaves(c->state.cgroups);
	c->state.unit = strdup(scope_unit(path));
	return c->state.unit ? 0 : err_errno(err, ENOMEM, "linux.cgroupsPath");
}

/* A scope cannot be without a process: one that waits is in it until the monitor, or the stand-in, has joined it. */
static int start_scope(struct creation *c, struct err *err)
{
	char name[] = "moat-standin", pause[] = SETUP_PAUSE;
	char *const argv[] = { name, pause, NULL };
	const struct spawn s = { .path = c->vm.standin,
				 .exe_fd = -EBADF,
				 .argv = argv,
				 .pdeathsig = SIGKILL };
	int r = spawn(&s, &c->holder, NULL, err);

	/* If systemd has not answered and makes it later, it is gone as soon as the holder is. */
	if (r >= 0)
		r = scope_start(&sdbus_system, c->unit_path, c->holder, err);
	c->in_scope = r >= 0;
	return r;
}

int creation_make_cgroups(struct creation *c, struct err *err)
{
	int r = c->state.unit ? start_scope(c, err) : 0;

	return r < 0 ? r : cgroup_make(c->state.cgroups, c->holder, err);
}

void creation_release_holder(struct creation *c)
{
	if (c->holder <= 0)
		return;
	kill(c->holder, SIGKILL);
	(void)proc_reap(c->holder, NULL);
	c->holder = 0;
}
