/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a container. */
#include "agent/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cgroup.h"
#include "agent/memory.h"
#include "agent/resolver.h"
#include "agent/server.h"
#include "agent/trim.h"
#include "agent/volume.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"

struct container *container_find(const struct agent *a, const char *id)
{
	for (struct container *c = a->containers; c; c = c->next)
		if (!strcmp(c->id, id))
			return c;
	return NULL;
}

void container_free(struct container *c)
{
	for (struct container **p = &c->agent->containers; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			break;
		}
	}
	while (c->processes)
		process_free(c->processes);
	resolver_free(c->resolver);
	memory_release(c);
	loop_remove(c->events_src);
	loop_remove(c->memory_src);
	fd_close(c->events);
	fd_close(c->memory_events);
	fd_close(c->cgroup);
	fd_close(c->netns);
	volumes_free(c->volumes);
	container_forget_devices(c);
	strv_free(c->binds);
	free(c->cgroup_name);
	free(c->uid_map);
	free(c->error);
	free(c->id);
	free(c);
}

struct container *container_new(struct agent *a, const char *id)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct container){ .agent = a,
				 .cgroup = -EBADF,
				 .netns = -EBADF,
				 .device_filter = -EBADF,
				 .events = -EBADF,
				 .memory_events = -EBADF };
	c->next = a->containers;
	a->containers = c;
	c->id = strdup(id);
	if (!c->id) {
		container_free(c);
		return NULL;
	}
	return c;
}

void container_kill_all(struct agent *a)
{
	for (struct container *c = a->containers; c; c = c->next)
		container_kill_processes(c);
}

void container_child_reaped(struct agent *a, pid_t pid, int code, int status)
{
	for (struct container *c = a->containers; c; c = c->next)
		for (struct process *p = c->processes; p; p = p->next)
			if (p->pid == pid && p->state != PROCESS_EXITED) {
				process_reaped(p, code, status);
				return;
			}
}

/* ---- the end ---- */

/*
 * The host is about to take the container's trees away, and may bring others under the same names: no file of them is to
 * be kept open or remembered. 2: dentries and inodes (Documentation/admin-guide/sysctl/vm.rst).
 */
static void forget_files(const struct agent *a)
{
	struct err err;

	if (!a->test && io_write_string(a->proc_fd, "sys/vm/drop_caches", "2", &err) < 0)
		log_warn("%s", err.msg);
}

/* Ends it if nothing is left of it. May free it. */
static void try_end(struct container *c)
{
	struct agent *a = c->agent;
	int r;

	if (!c->deleting || c->processes || !container_is_empty(c))
		return;
	r = c->cgroup >= 0 ? cgroup_remove(a->cgroup_fd, c->cgroup_name) : 0;
	if (r == -EBUSY)
		return; /* the next event of the cgroup tells more */
	if (r < 0)
		log_warn("remove cgroup %s: %s", c->cgroup_name, err_str(-r));
	forget_files(a);
	/* Before the answer, after which their disks may be taken away. */
	volumes_free(take_ptr(c->volumes));
	if (c->error)
		server_error(a, &c->ending, c->error);
	else
		server_result(a, &c->ending, json_object());
	container_free(c);
}

/* Kills what is left and forgets output that nobody has taken. May free the container. */
static void begin_end(struct container *c)
{
	struct process *p = c->processes;

	container_kill_processes(c);
	while (p) {
		if (p->state == PROCESS_EXITED && !p->flushed) {
			/* Frees it, and perhaps others: from the start again. */
			stdio_drop(&p->io);
			p = c->processes;
		} else {
			p->killed = true;
			p = p->next;
		}
	}
	c->deleting = true;
	try_end(c);
}

static void send_exit(const struct process *p)
{
	json_t *event = json_pack("{s:s, s:s, s:s, s:i}", "event", "exit", "id", p->container->id,
				  "exec", p->exec, p->wait_code == CLD_EXITED ? "code" : "signal",
				  p->wait_status);

	server_event(p->agent, event);
}

/* Init's end is told last. */
static void try_report_init(struct container *c)
{
	struct process *init = c->init;

	if (!init || !init->flushed || c->processes != init || init->next)
		return;
	send_exit(init);
	c->init = NULL;
	process_free(init);
}

void container_on_flushed(struct process *p)
{
	struct container *c = p->container;

	if (p != c->init) {
		send_exit(p);
		process_free(p);
	}
	try_report_init(c);
	try_end(c);
}

void container_on_reaped(struct process *p)
{
	struct container *c = p->container;
	struct err err;

	/* A hook failed between start and program. */
	if (p->error)
		server_error(c->agent, &p->asked, p->error);
	if (p == c->init) {
		c->state = CONTAINER_STOPPED;
		resolver_free(take_ptr(c->resolver));
		/* Without a pid namespace its other processes do not end by themselves. */
		container_kill_processes(c);
		for (struct process *q = c->processes; q; q = q->next)
			if (q != p)
				process_set_killed(q);
		err_set(&err, ESRCH, "container not running");
		server_error(c->agent, &c->freezing, &err);
	} else if (c->state == CONTAINER_STOPPED) {
		p->killed = true;
	}
	/* Nobody waits for the reader of a container that is to go. */
	if (c->deleting)
		stdio_drop(&p->io);
	else if (p->killed)
		process_set_killed(p);
	stdio_exited(&p->io);
}

void container_on_failed(struct process *p)
{
	struct container *c = p->container;
	struct agent *a = c->agent;

	if (p != c->init) {
		server_error(a, &p->asked, p->error);
		process_free(p);
		try_report_init(c);
		try_end(c);
		return;
	}
	/* The container never was. The reply waits until nothing is left of it. */
	c->state = CONTAINER_STOPPED;
	if (c->deleting) {
		server_error(a, &p->asked, p->error);
	} else {
		c->ending = p->asked;
		c->error = take_ptr(p->error);
	}
	c->init = NULL;
	process_free(p);
	begin_end(c);
}

void container_on_ready(struct container *c)
{
	c->state = CONTAINER_CREATED;
	server_result(c->agent, &c->init->asked, json_pack("{s:i}", "pid", (int)c->init->pid));
	/* The request, the configuration and their trees are gone by now; give their memory back. */
	trim_memory();
}

void container_on_running(struct process *p)
{
	struct container *c = p->container;

	if (p == c->init) {
		c->state = CONTAINER_RUNNING;
		server_result(p->agent, &p->asked, json_object());
		/* What create and start went through is not needed again for this container. */
		trim_memory();
	} else {
		server_result(p->agent, &p->asked, json_pack("{s:i}", "pid", (int)p->pid));
	}
}

void container_on_cgroup_event(struct container *c)
{
	bool frozen = cgroup_event(c->events, "frozen");

	if (c->freezing.session && frozen == c->paused)
		server_result(c->agent, &c->freezing, json_object());
	try_end(c);
}

/* ---- requests ---- */

int container_stream_params(const struct agent *a, const json_t *params, struct stream_params *ret,
			    struct err *err)
{
	const json_t *passed = json_object_get(params, "passed"), *o;
	int r = server_u32(params, "stream", UINT32_MAX - WIRE_STREAMS + 1, &ret->stream, err);
	size_t i;

	if (r < 0)
		return r;
	if (ret->stream % WIRE_STREAMS != 0 || !mux_id_free(&a->mux, ret->stream))
		return err_set(err, EINVAL, "stream: %u is not a free multiple of %d", ret->stream,
			       WIRE_STREAMS);
	ret->n_passed = json_array_size(passed);
	if (ret->n_passed > WIRE_PASSED_MAX)
		return err_set(err, EINVAL, "passed: more than %d", WIRE_PASSED_MAX);
	json_array_foreach(passed, i, o) {
		ret->passed[i] = (struct passed){ .in = js_get_bool(o, "in", false),
						  .out = js_get_bool(o, "out", false),
						  .child = -EBADF };
		if (!ret->passed[i].in && !ret->passed[i].out)
			return err_set(err, EINVAL, "passed[%zu]: neither in nor out", i);
	}
	return 0;
}

int container_seccomp_param(const json_t *params, struct oci_seccomp_program *ret, struct err *err)
{
	const json_t *seccomp = json_object_get(params, "seccomp");

	return seccomp ? oci_seccomp_program_from_json(seccomp, ret, err) : 0;
}

struct container *container_param(const struct agent *a, const json_t *params, struct err *err)
{
	const char *id = server_name(params, "id", false, err);
	struct container *c = id ? container_find(a, id) : NULL;

	if (id && (!c || c->error)) {
		err_set(err, ENOENT, "container does not exist");
		return NULL;
	}
	return c;
}

/*
 * What the caller has written since create (podman 5: /etc/hosts and resolv.conf) is seen: for a second after a look at a file the kernel takes
 * its size for known, and reads no more of it. The files are the same as in the container.
 */
static void refresh_binds(const struct container *c)
{
	for (char **path = c->agent->share_dir ? c->binds : NULL; path && *path; path++) {
		_free_ char *file = path_join(c->agent->share_dir, *path);
		struct statx st;

		if (file)
			(void)statx(AT_FDCWD, file,
				    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC,
				    STATX_SIZE | STATX_MTIME, &st);
	}
}

CONTAINER_REQUEST(container_start)
{
	struct container *c = container_param(a, params, err);
	int r;

	if (!c)
		return -ENOENT;
	if (c->state == CONTAINER_STOPPED)
		return err_set(err, ESRCH, "cannot start a container that has stopped");
	if (c->state != CONTAINER_CREATED || c->init->asked.session)
		return err_set(err, EBUSY, "cannot start an already running container");
	if (c->paused)
		return err_set(err, EBUSY, "cannot start a paused container");
	refresh_binds(c);
	r = process_start(c->init, err);
	if (r < 0)
		return r;
	c->init->asked = *asked;
	return SERVER_LATER;
}

CONTAINER_REQUEST(container_delete)
{
	struct container *c = container_param(a, params, err);

	if (!c)
		return -ENOENT;
	if (c->deleting)
		return err_set(err, EBUSY, "container is being deleted");
	c->ending = *asked;
	begin_end(c);
	return SERVER_LATER;
}

static int freeze(struct agent *a, const struct pending *asked, const json_t *params, bool on,
		  struct err *err)
{
	struct container *c = container_param(a, params, err);
	int r;

	if (!c)
		return -ENOENT;
	if (c->cgroup < 0)
		return err_set(err, ENOTSUP, "there are no control groups");
	if (c->state == CONTAINER_CREATING || c->state == CONTAINER_STOPPED || c->deleting)
		return err_set(err, ESRCH, "container not running");
	if (c->freezing.session == a->session)
		return err_set(err, EBUSY, "container is being paused or resumed");
	if (!on && !c->paused)
		return err_set(err, EINVAL, "container not paused");
	r = cgroup_freeze(c->cgroup, on);
	if (r < 0)
		return err_errno(err, -r, on ? "pause" : "resume");
	c->paused = on;
	c->freezing = *asked;
	container_on_cgroup_event(c);
	return SERVER_LATER;
}

CONTAINER_REQUEST(container_pause)
{
	return freeze(a, asked, params, true, err);
}

CONTAINER_REQUEST(container_resume)
{
	return freeze(a, asked, params, false, err);
}
