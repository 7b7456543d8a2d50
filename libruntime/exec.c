/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/cgroup.h"
#include "libruntime/console.h"
#include "libruntime/container.h"
#include "libruntime/monitor_client.h"
#include "libruntime/pidfile.h"
#include "libruntime/process.h"
#include "libruntime/standin_client.h"
#include "libruntime/vm_config.h"
#include "oci/config.h"
#include "oci/validate.h"
#include "config/paths.h"

#define EXEC_MS 60000

static void warn(void *data, const char *msg)
{
	(void)data;
	log_warn("process: %s", msg);
}

/* ---- the process object ---- */

static int load_container_process(int dir, json_t **ret, struct err *err)
{
	_json_ json_t *config = NULL;
	int r = container_config(dir, &config, err);

	if (r < 0)
		return r;
	*ret = json_deep_copy(json_object_get(config, "process"));
	return *ret ? 0 : err_errno(err, ENOMEM, "process");
}

/* The container's profile; absent if it has none. */
static int add_seccomp(int dir, json_t *params, struct err *err)
{
	_free_ char *text = NULL;
	json_t *seccomp = NULL;
	size_t len;
	int r;

	r = io_read_file(dir, SECCOMP_FILE, OCI_CONFIG_MAX_BYTES, &text, &len, err);
	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = js_parse(text, len, NULL, &seccomp, err);
	if (r < 0)
		return err_wrap(err, "container's seccomp profile");
	return json_object_set_new(params, "seccomp", seccomp) < 0 ?
		       err_errno(err, ENOMEM, "seccomp") :
		       0;
}

static int make_process(const struct rt_exec *a, int dir, json_t **ret, struct err *err)
{
	_json_ json_t *p = NULL;
	int r;

	if (a->process) {
		p = json_deep_copy(a->process);
		r = p ? 0 : err_errno(err, ENOMEM, "process");
	} else {
		r = load_container_process(dir, &p, err);
		if (r >= 0) {
			json_object_set_new(p, "args", json_array());
			json_object_set_new(p, "terminal", json_false());
		}
	}
	/* What is wrong with one that is no object is said later. */
	if (r >= 0 && json_is_object(p))
		r = process_apply(a, p, err);
	if (r >= 0)
		*ret = take_ptr(p);
	return r;
}

/* ---- start ---- */

static void exec_name(char name[33])
{
	uint8_t raw[16] = {};
	size_t i;

	(void)!getrandom(raw, sizeof(raw), 0);
	for (i = 0; i < sizeof(raw); i++)
		snprintf(name + 2 * i, 3, "%02x", raw[i]);
}

static int check_status(const struct rt_exec *a, const struct container *c, struct err *err)
{
	if (c->status == STATUS_STOPPED)
		return err_set(err, ESRCH, "cannot exec in a stopped container");
	if (c->status == STATUS_PAUSED && !a->ignore_paused)
		return err_set(err, EBUSY,
			       "cannot exec in a paused container (use --ignore-paused to override)");
	if (c->status == STATUS_CREATING)
		return err_set(err, EBUSY, "cannot exec in a container that is still being created");
	return 0;
}

/* As runc reads them. *ret: the one group that a hierarchy of version 2 can have, NULL for the container's own. */
static int check_cgroups(char *const *groups, const char **ret, struct err *err)
{
	char *const *g;

	*ret = NULL;
	for (g = groups; g && *g; g++) {
		const char *colon = strchr(*g, ':');

		if (colon && strchr(colon + 1, ':'))
			return err_set(err, EINVAL, "invalid --cgroup argument: %s", *g);
		if (!colon && groups[1])
			return err_set(
				err, EINVAL,
				"invalid --cgroup argument: %s (missing <controller>: prefix)", *g);
		if (colon)
			return err_set(
				err, EINVAL,
				"unknown controller %.*s in SubCgroupPaths (the guest's cgroups are of version 2)",
				(int)(colon - *g), *g);
		*ret = *g;
	}
	return 0;
}

static json_t *exec_params(const struct rt_exec *a, const char *name, json_t *process,
			   const char *cgroup, const struct passed *passed)
{
	json_t *params = json_pack("{s:s, s:O, s:b, s:o}", "exec", name, "process", process,
				   "ignore_paused", (int)a->ignore_paused, "passed",
				   passed_describe(passed, a->preserve_fds));

	if (params && cgroup)
		json_object_set_new(params, "cgroup", json_string(cgroup));
	return params;
}

static int request(const struct rt_exec *a, struct container *c, const char *name, json_t *process,
		   const char *cgroup, const struct passed *passed, struct err *err)
{
	_json_ json_t *params = exec_params(a, name, process, cgroup, passed);
	int r = params ? add_seccomp(c->dir, params, err) : err_errno(err, ENOMEM, "exec");

	return r < 0 ? r : container_request(c, "exec", json_incref(params), EXEC_MS, NULL, err);
}

static int check_terminal(const struct rt_exec *a, bool terminal, struct err *err)
{
	if (terminal && a->detach && !a->console_socket)
		return err_set(
			err, EINVAL,
			"cannot allocate tty if moat will detach without setting console socket");
	if (a->console_socket && (!terminal || !a->detach))
		return err_set(err, EINVAL,
			       "cannot use console socket if runc will not detach or allocate tty");
	return 0;
}

static int open_console(const struct rt_exec *a, const struct oci_process *p, int *ret_slave,
			struct err *err)
{
	int master = -EBADF, r;

	if (!a->console_socket)
		return 0;
	r = console_new(p->console_size, &master, ret_slave, err);
	return r < 0 ? r : console_send(a->console_socket, master, err);
}

static int run(const struct rt_exec *a, struct container *c, json_t *tree,
	       const struct oci_process *p, struct standin_proc *standin, struct err *err)
{
	_close_ int join = -EBADF, slave = -EBADF;
	_cleanup_(moat_paths_done) struct moat_paths paths = {};
	struct standin_start start;
	struct passed passed[WIRE_PASSED_MAX];
	const char *cgroup;
	char name[33];
	int r;

	r = passed_check(a->preserve_fds, passed, err);
	if (r >= 0)
		r = check_cgroups(a->cgroups, &cgroup, err);
	if (r >= 0)
		r = moat_paths(&paths, err);
	if (r >= 0)
		r = open_console(a, p, &slave, err);
	if (r < 0)
		return r;
	join = status_open_process(&c->state, &c->state.standin);
	if (join < 0)
		return err_set(err, ESRCH, "cannot exec in a stopped container");
	exec_name(name);
	start = (struct standin_start){
		.program = paths.standin,
		.args = p->args,
		.id = c->state.id,
		.exec = name,
		.terminal = p->terminal,
		.console_fd = slave >= 0 ? slave : a->console_fd,
		.stdio = a->stdio,
		.preserve_fds = a->preserve_fds,
		.passed = passed,
		.state_fd = c->dir,
		.pidns = -EBADF,
		.join_pidfd = join,
		.join_pid = c->state.standin.pid,
	};
	r = standin_spawn(&start, standin, err);
	if (r >= 0)
		r = cgroup_join(c->state.cgroups, standin->pid, err);
	if (r >= 0)
		r = standin_setup(&start, standin, err);
	if (r >= 0)
		r = request(a, c, name, tree, cgroup, passed, err);
	if (r >= 0)
		r = standin_go(standin, err);
	if (r >= 0 && a->pid_file)
		r = pidfile_write(a->pid_file, standin->pid, err);
	return r;
}

static int rt_exec_(const struct rt *rt, const struct rt_exec *a, pid_t *ret_pid, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	struct standin_proc standin = { .pidfd = -EBADF, .setup = -EBADF };
	_cleanup_(oci_process_freep) struct oci_process *p = NULL;
	_json_ json_t *tree = NULL;
	int r;

	/* No lock: any number of execs run at a time, and a waiting one must not hold up a kill. */
	r = container_open(rt, a->id, false, &c, err);
	if (r >= 0)
		r = check_status(a, &c, err);
	if (r >= 0)
		r = make_process(a, c.dir, &tree, err);
	if (r >= 0)
		r = oci_process_from_json(tree, warn, NULL, &p, err);
	if (r >= 0)
		r = check_terminal(a, p->terminal, err);
	if (r >= 0)
		r = run(a, &c, tree, p, &standin, err);
	if (r < 0) {
		standin_cancel(&standin);
		return r;
	}
	fd_close(standin.pidfd);
	if (ret_pid)
		*ret_pid = standin.pid;
	return 0;
}

int rt_exec(const struct rt *rt, const struct rt_exec *args, pid_t *ret_pid, struct err *err)
{
	int r = rt_exec_(rt, args, ret_pid, err);

	return r < 0 ? err_wrap(err, "exec failed") : 0;
}
