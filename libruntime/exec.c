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
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/cgroup.h"
#include "libruntime/console.h"
#include "libruntime/container.h"
#include "libruntime/monitor_client.h"
#include "libruntime/pidfile.h"
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
	_free_ char *text = NULL;
	size_t len;
	int r;

	r = io_read_file(dir, "config.json", OCI_CONFIG_MAX_BYTES + 1, &text, &len, err);
	if (r >= 0)
		r = js_parse(text, len, NULL, &config, err);
	if (r < 0)
		return err_wrap(err, "container's configuration");
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

static json_t *strings(char *const *v)
{
	json_t *arr = json_array();

	for (; arr && v && *v; v++)
		json_array_append_new(arr, json_string(*v));
	return arr;
}

/* "uid", "uid:gid": numbers; without a gid the container's group stays, as in runc. */
static int set_user(json_t *process, const char *user, struct err *err)
{
	json_t *obj = json_object_get(process, "user");
	_free_ char *copy = strdup(user);
	char *colon;
	uint32_t id;

	if (!copy)
		return err_errno(err, ENOMEM, "--user");
	if (!obj) {
		obj = json_object();
		json_object_set_new(process, "user", obj);
	}
	colon = strchr(copy, ':');
	if (colon)
		*colon++ = '\0';
	if (num_u32(copy, 0, UINT32_MAX - 1, &id) < 0)
		return err_set(err, EINVAL, "--user '%s': want UID[:GID] in numbers", user);
	json_object_set_new(obj, "uid", json_integer(id));
	if (!colon)
		return 0;
	if (num_u32(colon, 0, UINT32_MAX - 1, &id) < 0)
		return err_set(err, EINVAL, "--user '%s': want UID[:GID] in numbers", user);
	json_object_set_new(obj, "gid", json_integer(id));
	return 0;
}

static int add_gids(json_t *process, char *const *gids, struct err *err)
{
	json_t *obj = json_object_get(process, "user"), *list;
	uint32_t gid;

	if (!gids || !*gids)
		return 0;
	list = json_object_get(obj, "additionalGids");
	if (!list) {
		list = json_array();
		json_object_set_new(obj, "additionalGids", list);
	}
	for (; *gids; gids++) {
		if (num_u32(*gids, 0, UINT32_MAX - 1, &gid) < 0)
			return err_set(err, EINVAL, "--additional-gids '%s': not a group id", *gids);
		json_array_append_new(list, json_integer(gid));
	}
	return 0;
}

static void add_caps(json_t *process, char *const *caps)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	json_t *obj = json_object_get(process, "capabilities"), *set;
	size_t i;

	if (!caps || !*caps)
		return;
	if (!json_is_object(obj)) {
		obj = json_object();
		json_object_set_new(process, "capabilities", obj);
	}
	for (; *caps; caps++)
		for (i = 0; i < ARRAY_SIZE(sets); i++) {
			set = json_object_get(obj, sets[i]);
			if (!json_is_array(set)) {
				set = json_array();
				json_object_set_new(obj, sets[i], set);
			}
			json_array_append_new(set, json_string(*caps));
		}
}

static int make_process(const struct rt_exec *a, int dir, json_t **ret, struct err *err)
{
	_json_ json_t *p = NULL;
	json_t *env;
	char *const *e;
	int r;

	if (a->process) {
		*ret = json_deep_copy(a->process);
		return *ret ? 0 : err_errno(err, ENOMEM, "process");
	}
	r = load_container_process(dir, &p, err);
	if (r < 0)
		return r;
	json_object_set_new(p, "args", strings(a->args));
	env = json_object_get(p, "env");
	if (!json_is_array(env)) {
		env = json_array();
		json_object_set_new(p, "env", env);
	}
	for (e = a->env; e && *e; e++)
		json_array_append_new(env, json_string(*e));
	if (a->cwd)
		json_object_set_new(p, "cwd", json_string(a->cwd));
	if (a->user) {
		r = set_user(p, a->user, err);
		if (r < 0)
			return r;
	}
	r = add_gids(p, a->additional_gids, err);
	if (r < 0)
		return r;
	add_caps(p, a->caps);
	json_object_set_new(p, "terminal", json_boolean(a->tty == 1));
	if (a->apparmor)
		json_object_set_new(p, "apparmorProfile", json_string(a->apparmor));
	if (a->label)
		json_object_set_new(p, "selinuxLabel", json_string(a->label));
	if (a->no_new_privs)
		json_object_set_new(p, "noNewPrivileges", json_true());
	*ret = take_ptr(p);
	return 0;
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
	if (r >= 0 && a->tty >= 0 && a->process && a->tty)
		json_object_set_new(tree, "terminal", json_true());
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
