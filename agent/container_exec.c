/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about processes: process.exec, process.kill, process.resize. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "agent/cgroup.h"
#include "agent/child.h"
#include "agent/container.h"
#include "agent/server.h"
#include "agent/tty.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "oci/config.h"

/* The parameter "cgroup": a group below the container's, which must exist. 0 without one, or a descriptor in *ret. */
static int open_cgroup(const struct container *c, const json_t *params, int *ret, struct err *err)
{
	const json_t *v = json_object_get(params, "cgroup");
	const char *path = json_string_value(v);
	int fd;

	if (!v)
		return 0;
	if (!path)
		return err_set(err, EINVAL, "cgroup: a string is required");
	if (c->cgroup < 0)
		return err_set(err, ENOTSUP, "there are no control groups");
	/* ".." and symlinks lead nowhere but below it. */
	fd = path_open_in(c->cgroup, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return err_errno(err, -fd,
				 "unable to start container process: cgroup %s of the container",
				 path);
	*ret = fd;
	return 0;
}

/*
 * Where the process is born: the group that was asked for, or else the container's. A container that has groups of its own may not
 * have processes in the one above them; then it is the group of its init.
 */
static int spawn_exec(struct container *c, const char *exec, struct stream_params *s,
		      int asked_group, const struct oci_process *process,
		      const struct oci_seccomp_program *seccomp, struct process **ret,
		      struct err *err)
{
	struct joins pidns = { .n = 0 };
	struct child ch = { .process = process,
			    .seccomp = seccomp->n ? seccomp : NULL,
			    .namespaces = c->namespaces,
			    .joins = &pidns,
			    .linux32 = c->linux32,
			    .passed = s->passed,
			    .n_passed = s->n_passed,
			    .init_pidfd = c->init->pidfd };
	int r;

	if (c->namespaces & CLONE_NEWPID)
		join_add(&pidns, c->init->pidfd, CLONE_NEWPID);
	r = process_spawn(c->agent, c, exec, s->stream, &ch, child_exec, 0,
			  asked_group >= 0 ? asked_group : c->cgroup, ret, err);

	if (r != -EBUSY || asked_group >= 0)
		return r;
	_close_ int group = cgroup_of_process(c->agent->proc_fd, c->init->pid, c->cgroup,
					      c->cgroup_name);
	if (group < 0)
		return r;
	return process_spawn(c->agent, c, exec, s->stream, &ch, child_exec, 0, group, ret, err);
}

static struct process *find_process(const struct container *c, const char *exec)
{
	for (struct process *p = c->processes; p; p = p->next)
		if (!strcmp(p->exec, exec))
			return p;
	return NULL;
}

static int check_can_exec(const struct container *c, const json_t *params, struct err *err)
{
	if (c->state == CONTAINER_STOPPED || c->deleting)
		return err_set(err, ESRCH, "cannot exec in a stopped container");
	if (c->paused && !js_get_bool(params, "ignore_paused", false))
		return err_set(err, EBUSY,
			       "cannot exec in a paused container (use --ignore-paused to override)");
	if (c->state == CONTAINER_CREATING)
		return err_set(err, EBUSY, "container is being created");
	return 0;
}

CONTAINER_REQUEST(container_exec)
{
	_cleanup_(oci_process_freep) struct oci_process *process = NULL;
	_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program seccomp = { 0 };
	const char *id = server_name(params, "id", false, err);
	const char *exec = id ? server_name(params, "exec", false, err) : NULL;
	struct container *c = exec ? container_find(a, id) : NULL;
	const json_t *given = json_object_get(params, "process");
	_close_ int group = -EBADF;
	struct process *p;
	struct stream_params streams;
	int r;

	if (!exec)
		return -EINVAL;
	if (!c)
		return err_set(err, ENOENT, "container does not exist");
	if ((r = check_can_exec(c, params, err)) < 0 ||
	    (r = container_stream_params(a, params, &streams, err)) < 0)
		return r;
	if (find_process(c, exec))
		return err_set(err, EEXIST, "exec: \"%s\" is in use", exec);
	if (!json_is_object(given))
		return err_set(err, EINVAL, "process: an object is required");
	r = oci_process_from_json(given, NULL, NULL, &process, err);
	if (r >= 0)
		r = open_cgroup(c, params, &group, err);
	if (r >= 0)
		r = container_seccomp_param(params, &seccomp, err);
	if (r >= 0)
		r = spawn_exec(c, exec, &streams, group, process, &seccomp, &p, err);
	if (r < 0)
		return r;
	p->asked = *asked;
	return SERVER_LATER;
}

/* ---- process.kill and process.resize ---- */

/* The container, NULL with *err set; *ret_p is NULL if the process is not there any more. */
static struct container *find_target(const struct agent *a, const json_t *params,
				     struct process **ret_p, struct err *err)
{
	const char *id = server_name(params, "id", false, err);
	const char *exec = id ? server_name(params, "exec", true, err) : NULL;
	struct container *c = exec ? container_find(a, id) : NULL;

	if (exec && !c)
		err_set(err, ENOENT, "container does not exist");
	*ret_p = c ? find_process(c, exec) : NULL;
	return c;
}

static int kill_all(struct container *c, uint32_t sig, struct err *err)
{
	int r = 0;

	if (sig == SIGKILL)
		container_kill_processes(c);
	else if (c->cgroup >= 0)
		r = cgroup_signal(c->cgroup, (int)sig);
	for (struct process *p = c->processes; p && sig == SIGKILL; p = p->next)
		process_set_killed(p);
	return r < 0 ? err_errno(err, -r, "signal all processes") : 0;
}

CONTAINER_REQUEST(container_kill)
{
	struct process *p;
	struct container *c = find_target(a, params, &p, err);
	uint32_t sig;
	int r;

	if (!c)
		return -ENOENT;
	if ((r = server_u32(params, "signal", NSIG - 1, &sig, err)) < 0)
		return r;
	if (js_get_bool(params, "all", false))
		return kill_all(c, sig, err);
	if (p && sig == SIGKILL)
		process_set_killed(p);
	if (!p || p->state == PROCESS_EXITED)
		return err_set(err, ESRCH,
			       js_get_str(params, "exec")[0] ? "os: process already finished" :
							       "container not running");
	/* Not reaped yet, so the number is still its own. */
	return kill(p->pid, (int)sig) < 0 ? err_errno(err, errno, "signal process %d", (int)p->pid) :
					    0;
}

CONTAINER_REQUEST(container_resize)
{
	const json_t *onlcr = json_object_get(params, "onlcr");
	uint32_t rows, cols;
	struct process *p;
	struct container *c = find_target(a, params, &p, err);
	int r;

	if (!c)
		return -ENOENT;
	if ((r = server_u32(params, "rows", UINT16_MAX, &rows, err)) < 0 ||
	    (r = server_u32(params, "cols", UINT16_MAX, &cols, err)) < 0)
		return r;
	if (onlcr && !json_is_boolean(onlcr))
		return err_set(err, EINVAL, "onlcr: a boolean is required");
	if (!p || stdio_tty(&p->io) < 0)
		return err_set(err, ENOTTY, "the process has no terminal");
	r = tty_resize(stdio_tty(&p->io), rows, cols);
	if (r >= 0 && onlcr)
		r = tty_set_onlcr(stdio_tty(&p->io), json_is_true(onlcr));
	return r < 0 ? err_errno(err, -r, "resize") : 0;
}
