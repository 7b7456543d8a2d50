/* SPDX-License-Identifier: Apache-2.0 */
/* The order of create, and its undoing: docs/ARCHITECTURE.md "create, step by step". */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "devices/mounted.h"
#include "devices/privileged.h"
#include "libruntime/cgroup.h"
#include "libruntime/console.h"
#include "libruntime/creation.h"
#include "libruntime/hooks.h"
#include "libruntime/pidfile.h"
#include "libruntime/scope.h"
#include "libruntime/spare.h"
#include "libruntime/store.h"
#include "oci/validate.h"
#include "wire/message.h"

#define CREATE_MS 60000 /* beyond the VM's own boot timeout, which the container has again */

void creation_stop(struct creation *c)
{
	struct err err = {};

	standin_cancel(&c->standin);
	/* Without commit the monitor ends the VM when this closes; the wait has a deadline, then the kernel does it. */
	c->monitor.control = fd_close(c->monitor.control);
	if (c->pod.sandbox)
		creation_leave(c);
	if (c->monitor.pid > 0) {
		if (c->committed || proc_wait_end(c->monitor.pidfd, 3000) < 0)
			proc_signal(c->monitor.pidfd, SIGKILL);
		(void)proc_reap(c->monitor.pid, NULL);
	}
	creation_release_holder(c);
	if (c->in_cgroups)
		cgroup_kill(c->state.cgroups, 2000);
	/* Whoever tries again needs the name. */
	if (c->in_scope && scope_stop(&sdbus_system, c->state.unit, &err) < 0)
		log_warn("%s", err.msg);
	c->in_scope = false;
	creation_leave_volumes(c);
	network_detach(&c->network);
	for (size_t i = 0; i < c->network.n; i++)
		c->network.v[i].redirected = false;
}

static void creation_undo(struct creation *c)
{
	creation_stop(c);
	/* A guest that has had the disk may have written anything there: it is not the host's kernel that looks. */
	if (!c->began)
		root_disk_restore(&c->root_disk);
	if (c->in_cgroups)
		(void)cgroup_remove(c->state.cgroups, NULL);
	if (c->claimed)
		(void)store_remove(c->root_fd, c->args->id, NULL);
	if (c->hooks_ran)
		hooks_poststop(&c->state, c->config);
}

void creation_done(struct creation *c)
{
	fd_close(c->console_slave);
	fd_close(c->monitor.control);
	fd_close(c->monitor.pidfd);
	fd_close(c->standin.setup);
	fd_close(c->standin.pidfd);
	fd_close(c->dir);
	fd_close(c->root_fd);
	fd_close(c->bundle_fd);
	template_use_done(&c->template);
	trees_done(&c->trees);
	pod_done(&c->pod);
	network_done(&c->network);
	dev_plan_done(&c->devices);
	volume_plan_done(&c->volumes);
	root_disk_done(&c->root_disk);
	vm_config_done(&c->vm);
	state_done(&c->state);
	free(c->unit_path);
	json_decref(c->seccomp);
	oci_config_free(c->config);
}

static void warn(void *data, const char *msg)
{
	(void)data;
	log_warn("config.json: %s", msg);
}

static int open_bundle(struct creation *c, struct err *err)
{
	json_t *config = c->args->config;
	const char *bundle = c->args->bundle ? c->args->bundle : config ? "/" : ".";

	if (!realpath(bundle, c->bundle))
		return err_errno(err, errno, "chdir %s", bundle);
	c->bundle_fd = open(c->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->bundle_fd < 0)
		return err_errno(err, errno, "chdir %s", bundle);
	return config ? oci_config_from_json(config, warn, NULL, &c->config, err) :
			oci_config_load(c->bundle_fd, warn, NULL, &c->config, err);
}

int creation_check(struct creation *c, struct err *err)
{
	const struct rt_create *a = c->args;
	int r;

	r = oci_id_validate(a->id, err);
	if (r >= 0)
		r = open_bundle(c, err);
	if (r < 0)
		return r;
	if (c->config->process->terminal && a->detach && !a->console_socket)
		return err_set(
			err, EINVAL,
			"cannot allocate tty if moat will detach without setting console socket");
	if (a->console_socket && (!c->config->process->terminal || !a->detach))
		return err_set(err, EINVAL,
			       "cannot use console socket if runc will not detach or allocate tty");
	r = passed_check(a->preserve_fds, c->passed, err);
	if (r >= 0)
		r = pod_find(c->rt, a->id, a->sandbox, c->config, &c->pod, err);
	if (r >= 0)
		r = vm_config_load(c->rt, a->id, &c->vm, err);
	if (r >= 0)
		r = dev_leave_out_hosts(c->config, &c->vm.devices, err);
	if (r >= 0)
		r = dev_take_mounted(&c->config, c->bundle_fd, err);
	if (r >= 0)
		r = creation_plan_size(c, err);
	if (r >= 0)
		r = volume_plan(c->config, c->vm.volumes, &c->vm.devices, &c->volumes, err);
	if (r >= 0)
		r = creation_open_trees(c, err);
	if (r < 0)
		return r;
	return c->pod.sandbox ? creation_plan_joining(c, err) : creation_plan_devices(c, err);
}

/* A container without one has a config.json all the same, with its state. */
static char *bundle_of(const struct creation *c)
{
	char root[PATH_MAX];

	if (c->args->bundle || !c->args->config)
		return strdup(c->bundle);
	return store_path(c->root_fd, root, NULL) < 0 ? NULL : path_join(root, c->args->id);
}

static int claim_id(struct creation *c, struct err *err)
{
	int r = store_open(c->rt->root, true, err);

	if (r < 0)
		return r;
	c->root_fd = r;
	c->dir = store_claim(c->root_fd, c->args->id, err);
	if (c->dir < 0)
		return c->dir;
	c->claimed = true;
	if (c->args->own_root && mkdirat(c->dir, CREATION_ROOT, 0755) < 0)
		return err_errno(err, errno, "root file system");
	return 0;
}

/* The intent: from here on `delete --force` knows what may exist. */
static int claim(struct creation *c, struct err *err)
{
	char boot_id[37];
	int r = c->claimed ? 0 : claim_id(c, err);

	if (r < 0)
		return r;
	r = proc_boot_id(boot_id);
	if (r < 0)
		return err_errno(err, -r, "boot id");
	r = creation_plan_cgroups(c, err);
	if (r < 0)
		return r;
	c->state.id = strdup(c->args->id);
	c->state.phase = strdup("creating");
	c->state.boot_id = strdup(boot_id);
	c->state.bundle = bundle_of(c);
	c->state.rootfs = strdup(c->trees.rootfs);
	c->state.created = state_timestamp();
	c->state.terminal = c->config->process->terminal;
	c->state.annotations = json_incref(c->config->annotations);
	c->state.overhead = c->vm.overhead;
	if (!c->state.id || !c->state.phase || !c->state.boot_id || !c->state.bundle ||
	    !c->state.rootfs || !c->state.created)
		return err_errno(err, ENOMEM, "state");
	r = c->pod.sandbox ? creation_note_joining(c, err) : creation_note_network(c, err);
	if (r >= 0)
		r = creation_note_volumes(c, err);
	if (r < 0)
		return r;
	r = state_save_cgroups(c->dir, &c->state, err);
	return r < 0 ? r : state_save(c->dir, &c->state, err);
}

static int save_config(struct creation *c, struct err *err)
{
	_free_ char *text = js_dump(c->config->tree);

	return text ? io_write_file(c->dir, "config.json", text, strlen(text), 0600, false, err) :
		      err_errno(err, ENOMEM, "config.json");
}

/* From here on the record tells which process to end. */
static int note_monitor(struct creation *c, struct err *err)
{
	int r;

	c->state.monitor.pid = c->monitor.pid;
	r = proc_start_time(c->monitor.pid, &c->state.monitor.start);
	if (r < 0)
		return err_errno(err, -r, "the monitor died");
	r = cgroup_join(c->state.cgroups, c->monitor.pid, err);
	/* A spare in the making has no record: it ends with its maker. */
	return r < 0 || !c->claimed ? r : state_save(c->dir, &c->state, err);
}

static int start_monitor(struct creation *c, struct err *err)
{
	int fds[MONITOR_DEVICES_MAX], r;
	struct vm_setup setup;

	r = creation_make_cgroups(c, err);
	if (r < 0)
		return r;
	c->in_cgroups = true;
	r = creation_limit(c, false, err);
	if (r < 0)
		return r;
	if (c->pod.sandbox)
		return creation_join(c, err);
	if (c->claimed && spare_take(&c->vm, c->args->id, c->dir, c->state.cgroups, &c->monitor))
		return note_monitor(c, err);
	r = creation_open_devices(c, fds, err);
	if (r >= 0)
		r = monitor_spawn(c->vm.monitor, c->dir,
				  (const int[]){ c->template.memory, c->template.devices }, fds,
				  c->vm.setup.n_devices, &c->monitor, err);
	creation_close_devices(c);
	if (r >= 0)
		r = note_monitor(c, err);
	c->began |= r >= 0;
	creation_boot_setup(c, &setup);
	return r < 0 ? r : monitor_setup(&c->monitor, &setup, err);
}

static int fill_share(struct creation *c, struct err *err)
{
	if (strcmp(c->vm.setup.hypervisor, "fake") == 0 || !c->vm.share)
		return 0;
	const struct monitor_ref own = { c->monitor.pid, c->monitor.pidfd };
	const struct monitor_ref joined = { c->pod.monitor.pid, c->pod.monitor_pidfd };

	return trees_fill_share(&c->trees, c->pod.sandbox ? &joined : &own, MONITOR_SHARE,
				c->args->id, err);
}

static int make_console(struct creation *c, struct err *err)
{
	int master = -EBADF, r;

	/* A second attempt keeps the terminal that the caller has got by then. */
	if (!c->args->console_socket || c->console_slave >= 0)
		return 0;
	r = console_new(c->config->process->console_size, &master, &c->console_slave, err);
	return r < 0 ? r : console_send(c->args->console_socket, master, err);
}

static int start_standin(struct creation *c, struct err *err)
{
	int r;

	r = make_console(c, err);
	if (r < 0)
		return r;
	c->start = (struct standin_start){
		.program = c->vm.standin,
		.args = c->config->process->args,
		.id = c->args->id,
		.exec = "",
		.terminal = c->config->process->terminal,
		.console_fd = c->console_slave >= 0 ? c->console_slave : c->args->console_fd,
		.stdio = c->args->stdio,
		.preserve_fds = c->args->preserve_fds,
		.passed = c->passed,
		.state_fd = c->dir,
		.config = c->config,
		.trees = &c->trees,
		.resolver = c->state.network,
		.pidns = c->pod.pidns,
		.join_pidfd = -EBADF,
	};
	r = standin_spawn(&c->start, &c->standin, err);
	if (r < 0)
		return r;
	c->state.standin.pid = c->standin.pid;
	r = proc_start_time(c->standin.pid, &c->state.standin.start);
	if (r < 0)
		return err_errno(err, -r, "the stand-in died");
	r = cgroup_join(c->state.cgroups, c->standin.pid, err);
	creation_release_holder(c);
	return r < 0 ? r : standin_setup(&c->start, &c->standin, err);
}

/* With namespaces and pid for them to work on; the record lets them ask for the state. */
static int run_hooks(struct creation *c, struct err *err)
{
	int r;

	if (!c->config->hooks)
		return 0;
	r = state_save(c->dir, &c->state, err);
	return r < 0 ? r : hooks_create(&c->state, c->config, c->standin.pidfd, &c->hooks_ran, err);
}

static int create_in_guest(struct creation *c, struct err *err)
{
	_json_ json_t *params = creation_params(c);
	int timeout = 2 * (int)c->vm.setup.boot_timeout * 1000 + CREATE_MS;

	if (!params)
		return err_errno(err, ENOMEM, "create");
	return wire_call(c->monitor.control, "create", params, timeout, NULL, err);
}

static int set_phase(struct state *s, const char *phase, struct err *err)
{
	char *copy = strdup(phase);

	if (!copy)
		return err_errno(err, ENOMEM, "state");
	free(s->phase);
	s->phase = copy;
	return 0;
}

/* The container exists: record it, let go of monitor and stand-in, and tell the caller by the pid file, last of all. */
static int commit(struct creation *c, struct err *err)
{
	int r;

	r = set_phase(&c->state, "created", err);
	c->state.creator.pid = 0;
	if (r >= 0)
		r = state_save(c->dir, &c->state, err);
	if (r >= 0 && !c->pod.sandbox)
		r = wire_call(c->monitor.control, "commit", NULL, MONITOR_REQUEST_MS, NULL, err);
	c->committed = r >= 0;
	if (r >= 0)
		r = standin_go(&c->standin, err);
	if (r >= 0 && c->args->pid_file)
		r = pidfile_write(c->args->pid_file, c->standin.pid, err);
	return r;
}

static int prepare(struct creation *c, struct err *err)
{
	int r;

	/* Its directory is there to be looked at then. */
	r = c->args->own_root ? claim_id(c, err) : 0;
	if (r >= 0)
		r = creation_check(c, err);
	if (r >= 0)
		r = claim(c, err);
	if (r >= 0)
		r = save_config(c, err);
	if (r >= 0 && !c->pod.sandbox)
		template_use(&c->vm, &c->template);
	return r;
}

int creation_attempt(struct creation *c, struct err *err)
{
	int r;

	r = start_monitor(c, err);
	if (r >= 0)
		r = creation_seccomp(c, err);
	if (r >= 0)
		r = fill_share(c, err);
	if (r >= 0)
		r = start_standin(c, err);
	if (r >= 0)
		r = run_hooks(c, err);
	if (r >= 0)
		r = creation_late_network(c, err);
	if (r >= 0)
		r = creation_grow(c, err);
	if (r >= 0)
		r = create_in_guest(c, err);
	if (r >= 0)
		r = creation_limit(c, true, err);
	return r;
}

/* The VM did not come up from the template: everything but the claim and the terminal is made anew, and it boots. */
static int attempt_cold(struct creation *c, const struct err *why, struct err *err)
{
	/* The next monitor makes them and wants no others. */
	static const char *const files[] = { MONITOR_SOCKET, "monitor.log", "console.log" };

	creation_stop(c);
	/* The namespaces that they prepared are gone. */
	if (c->hooks_ran)
		hooks_poststop(&c->state, c->config);
	c->hooks_ran = false;
	creation_forget_late_network(c);
	c->monitor.pid = 0;
	c->monitor.pidfd = fd_close(c->monitor.pidfd);
	c->standin.setup = fd_close(c->standin.setup);
	c->standin.pidfd = fd_close(c->standin.pidfd);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		(void)unlinkat(c->dir, files[i], 0);
	template_use_done(&c->template);
	template_reject(&c->vm, why);
	c->template.missing = true;
	/* Those of the first attempt have moved into its share. */
	trees_done(&c->trees);
	int r = creation_open_trees(c, err);

	return r < 0 ? r : creation_attempt(c, err);
}

int rt_create(const struct rt *rt, const struct rt_create *args, pid_t *ret_pid, struct err *err)
{
	struct creation c = CREATION_INIT;
	struct err failure = {};
	int r;

	c.rt = rt;
	c.args = args;
	r = prepare(&c, &failure);
	if (r >= 0)
		r = creation_attempt(&c, &failure);
	if ((r == -VM_TEMPLATE_FAILED || r == -VM_TEMPLATE_DAMAGED) && c.template.memory >= 0) {
		struct err why = failure;

		r = attempt_cold(&c, &why, &failure);
	}
	if (r >= 0)
		r = commit(&c, &failure);
	if (r >= 0 && ret_pid)
		*ret_pid = c.standin.pid;
	if (r >= 0 && c.template.missing)
		template_make_in_background(rt, &c.vm);
	else if (r >= 0 && !c.pod.sandbox)
		spare_fill_in_background(rt, &c.vm);
	if (r < 0)
		creation_undo(&c);
	if (r < 0 && err)
		*err = failure;
	creation_done(&c);
	return r < 0 ? r : 0;
}
