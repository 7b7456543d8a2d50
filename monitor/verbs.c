/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/verbs.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "monitor/boot.h"
#include "monitor/container.h"
#include "monitor/forward.h"
#include "monitor/jail.h"
#include "monitor/journal.h"
#include "monitor/plug.h"
#include "monitor/relay.h"
#include "monitor/resolver.h"
#include "monitor/resize.h"
#include "monitor/template.h"
#include "monitor/vm.h"
#include "monitor/volume.h"
#include "wire/message.h"

#define GUEST_STATS_MS 2000
#define NETWORK_TIMEOUT_MS 20000 /* the guest waits for its interfaces */
#define DEVICE_TIMEOUT_MS 25000 /* it gives up on a disk after 20 s */

void verbs_client_gone(struct monitor *m, struct client *c)
{
	calls_client_gone(m, c);
	if (m->saver == c)
		m->saver = NULL;
	plugs_client_gone(m, c);
	resize_client_gone(m, c);
}

/* The usual request about a container. */
static int ask(struct client *c, uint32_t id, const char *method, struct container *k,
	       json_t *params, struct err *err)
{
	return forward(c, id, method, k, json_incref(params), FORWARD_MS, NULL, err);
}

/* The same, and what the container is then. */
static int change(struct client *c, uint32_t id, const char *method, struct container *k,
		  json_t *params, enum container_status on_success, int timeout_ms, struct err *err)
{
	struct call *call;
	int r = forward(c, id, method, k, json_incref(params), timeout_ms, &call, err);

	if (r >= 0)
		call->on_success = on_success;
	return r;
}

/* ---- the requests: each answers with client_result() itself when it returns 1, later, or fails ---- */

#define LATER 0
#define DONE 1

static int do_setup(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct monitor *m = c->m;
	int r;

	if (!c->creator || m->phase != VM_IDLE)
		return err_set(err, EPERM, "the virtual machine is set up already");
	r = vm_setup_from_json(params, &m->setup, err);
	if (r >= 0)
		r = relays_start(m, err);
	if (r >= 0)
		r = jail_enter(&m->setup, err);
	if (r >= 0)
		r = relays_enter_jail(m, err);
	if (r < 0)
		return r;
	log_debug("jail entered");
	journal_limit(m->log, (size_t)m->setup.monitor_log_limit * 1024);
	journal_limit(m->console, (size_t)m->setup.console_log_limit * 1024);
	/* The command fills the share while the machine boots. */
	client_result(c, id, NULL);
	vm_boot(m);
	return LATER;
}

static int do_commit(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	(void)id;
	(void)params;
	if (!c->creator)
		return err_set(err, EPERM, "not the creator");
	c->m->committed = true;
	return DONE;
}

static int do_attach(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	const char *cid = js_get_str(params, "id"), *exec = js_get_str(params, "exec");
	struct process *p;

	if (!cid || !exec || strlen(cid) > ID_MAX || strlen(exec) > EXEC_MAX || c->process)
		return err_set(err, EPROTO, "bad attach");
	p = process_get(c->m, cid, exec, err);
	if (!p)
		return err ? -err->code : -ENOMEM;
	if (p->standin || p->phase != PROCESS_NEW)
		return err_set(err, EEXIST, "the process has a stand-in already");
	p->standin = c;
	c->process = p;
	client_result(c, id, NULL);
	process_try_start(p);
	return LATER;
}

static int want_process(struct client *c, uint32_t id, const char *cid, const char *exec,
			json_t *params, struct err *err)
{
	struct process *p = process_get(c->m, cid, exec, err);

	if (!p)
		return err ? -err->code : -ENOMEM;
	if (p->params || p->phase != PROCESS_NEW)
		return err_set(err, EEXIST,
			       *exec ? "the exec exists already" :
				       "container with given ID already exists");
	p->params = json_incref(params);
	p->wanted_by = c;
	p->request = id;
	process_try_start(p);
	return LATER;
}

static int do_create(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	const char *cid = js_get_str(params, "id");

	if (!cid || strlen(cid) > ID_MAX)
		return err_set(err, EPROTO, "create without id");
	return want_process(c, id, cid, "", params, err);
}

static int do_exec(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	const char *exec = js_get_str(params, "exec");
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (!exec || !*exec || strlen(exec) > EXEC_MAX)
		return err_set(err, EPROTO, "exec without name");
	if (k->status == CONTAINER_STOPPED)
		return err_set(err, ESRCH, "cannot exec in a stopped container");
	if (k->status == CONTAINER_PAUSED && !js_get_bool(params, "ignore_paused", false))
		return err_set(err, EBUSY,
			       "cannot exec in a paused container (use --ignore-paused to override)");
	return want_process(c, id, k->id, exec, params, err);
}

static int do_start(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);
	int64_t hooks = js_get_int(params, "hooks_ms", 0);

	if (!k)
		return -ENOENT;
	if (k->status == CONTAINER_STOPPED)
		return err_set(err, ESRCH, "cannot start a container that has stopped");
	if (k->status != CONTAINER_CREATED)
		return err_set(err, EBUSY, "cannot start an already running container");
	/* A hook without a timeout has as long as it likes; who does not want to wait kills the container. */
	if (hooks < 0 || hooks > INT_MAX - FORWARD_MS)
		hooks = INT_MAX - FORWARD_MS;
	return change(c, id, "container.start", k, params, CONTAINER_RUNNING,
		      FORWARD_MS + (int)hooks, err);
}

static int do_kill(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	int64_t sig = js_get_int(params, "signal", 0);
	struct process *init;
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (sig < 0 || sig > 64)
		return err_set(err, EINVAL, "signal %lld is out of range", (long long)sig);
	if (k->status == CONTAINER_STOPPED)
		return js_get_bool(params, "all", false) ?
			       DONE :
			       err_set(err, ESRCH, "container not running");
	init = process_find(k, "");
	if (sig == SIGKILL && init)
		process_expect_death(init);
	if (sig == SIGKILL && c->m->phase != VM_READY) {
		vm_end_now(c->m);
		return DONE;
	}
	json_object_set_new(params, "exec", json_string(""));
	return ask(c, id, "process.kill", k, params, err);
}

static int do_pause(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (k->status != CONTAINER_RUNNING)
		return err_set(err, EBUSY, "container not running");
	return change(c, id, "container.pause", k, params, CONTAINER_PAUSED, FORWARD_MS, err);
}

static int do_resume(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (k->status != CONTAINER_PAUSED)
		return err_set(err, EBUSY, "container not paused");
	return change(c, id, "container.resume", k, params, CONTAINER_RUNNING, FORWARD_MS, err);
}

static int do_update(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (k->status == CONTAINER_STOPPED)
		return err_set(err, ESRCH, "container not running");
	return ask(c, id, "container.update", k, params, err);
}

static int do_stats(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return ask(c, id, "container.stats", k, params, err);
}

/* Of the guest as a whole; a guest that hangs is an answer, too. */
static int do_guest_stats(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return forward(c, id, "sandbox.stats", k, json_incref(params), GUEST_STATS_MS, NULL, err);
}

/* From now on the connection gets the container's events; it is closed when the container has ended. */
static int do_events(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	(void)id;
	if (!k)
		return -ENOENT;
	if (k->status == CONTAINER_STOPPED)
		return err_set(err, ESRCH, "container with id %s is not running", k->id);
	if (c->process || c->watching)
		return err_set(err, EPROTO, "the connection is in use");
	c->watching = strdup(k->id);
	return c->watching ? DONE : err_errno(err, ENOMEM, "events");
}

static int do_processes(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return ask(c, id, "container.processes", k, params, err);
}

static int do_state(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	static const char *const phases[] = { "idle", "booting", "ready", "ending", "ended" };
	_json_ json_t *result = NULL;
	json_t *list = json_array();
	uint32_t memory, vcpus;
	struct container *k;

	(void)params;
	(void)err;
	for (k = c->m->containers; k; k = k->next)
		if (!k->deleted)
			json_array_append_new(list, json_pack("{s:s, s:s}", "id", k->id, "status",
							      container_status_name(k->status)));
	resize_size(c->m, &memory, &vcpus);
	result = json_pack("{s:s, s:I, s:I, s:o}", "vm", phases[c->m->phase], "memory",
			   (json_int_t)memory, "vcpus", (json_int_t)vcpus, "containers", list);
	client_result(c, id, result);
	return LATER;
}

/* The VM stays: only this container goes. */
static int delete_one(struct client *c, uint32_t id, struct container *k, json_t *params,
		      struct err *err)
{
	struct call *call;
	int r = forward(c, id, "container.delete", k, json_incref(params), FORWARD_MS, &call, err);

	if (r >= 0)
		call->forget = true;
	return r;
}

/* From now on this VM is the client's, as if he had created it: see `commit`. */
static int do_adopt(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	const char *name = js_get_str(params, "id");
	struct monitor *m = c->m;
	char *copy;

	(void)id;
	if (!m->setup.keep || !m->committed || m->phase != VM_READY || m->containers)
		return err_set(err, EBUSY, "the virtual machine is in use");
	copy = name && strlen(name) <= ID_MAX ? strdup(name) : NULL;
	if (!copy)
		return err_set(err, EPROTO, "bad adopt");
	free(m->setup.id);
	m->setup.id = copy;
	m->setup.keep = false;
	m->committed = false;
	c->creator = true;
	log_info("adopted as %s", copy);
	return DONE;
}

static int do_delete(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);
	struct monitor *m;

	if (!k) {
		/* It may have asked for room before it was made. */
		resize_forget(c->m, js_get_str(params, "id"));
		return -ENOENT;
	}
	if ((k->status == CONTAINER_RUNNING || k->status == CONTAINER_PAUSED) &&
	    !js_get_bool(params, "force", false))
		return err_set(err, EBUSY, "cannot delete container %s that is not stopped: %s",
			       k->id, container_status_name(k->status));
	m = c->m;
	if (!container_is_sandbox(k) && m->phase >= VM_ENDING)
		return DONE;
	if (!container_is_sandbox(k) || (m->setup.keep && k->status == CONTAINER_STOPPED))
		return delete_one(c, id, k, params, err);
	client_result(c, id, NULL);
	if (js_get_bool(params, "force", false))
		vm_kill(m);
	else
		vm_end(m); /* which may be going on: what the guest still holds is written back */
	return LATER;
}

static int do_save(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	(void)params;
	return template_save(c, id, err);
}

static int do_plug(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	return plug_request(c, id, params, wire_conn_take_fd(c->conn), err);
}

/* Of the guest as a whole: interfaces that were plugged in. */
static int do_network(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return forward(c, id, "sandbox.network", k, json_incref(params), NETWORK_TIMEOUT_MS, NULL,
		       err);
}

/* The guest waits for the disk. */
static int do_device_add(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return forward(c, id, "device.add", k, json_incref(params), DEVICE_TIMEOUT_MS, NULL, err);
}

static int do_device_remove(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return ask(c, id, "device.remove", k, params, err);
}

static int do_guest_network(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return ask(c, id, "container.network", k, params, err);
}

static const struct {
	const char *method;
	int (*fn)(struct client *c, uint32_t id, json_t *params, struct err *err);
} verbs[] = {
	{ "setup", do_setup },
	{ "commit", do_commit },
	{ "attach", do_attach },
	{ "create", do_create },
	{ "exec", do_exec },
	{ "start", do_start },
	{ "kill", do_kill },
	{ "pause", do_pause },
	{ "resume", do_resume },
	{ "state", do_state },
	{ "delete", do_delete },
	{ "processes", do_processes },
	{ "update", do_update },
	{ "stats", do_stats },
	{ "guest.stats", do_guest_stats },
	{ "events", do_events },
	{ "save", do_save },
	{ "adopt", do_adopt },
	{ "plug", do_plug },
	{ "log", relay_log_request },
	{ "unplug", unplug_request },
	{ "network", do_network },
	{ "guest.network", do_guest_network },
	{ "device.add", do_device_add },
	{ "device.remove", do_device_remove },
	{ "resolver", resolver_request },
	{ "volume.add", volume_add_request },
	{ "volume.remove", volume_remove_request },
	{ "volume.stats", volume_stats_request },
	{ "volume.resize", volume_resize_request },
	{ "resize", resize_request },
};

int verbs_request(struct client *c, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *params = NULL;
	struct err failure = {};
	uint32_t id = f->id;
	char method[64];
	size_t i;
	int r;

	r = wire_parse_request(f, method, &params, err);
	if (r < 0)
		return r;
	for (i = 0; i < ARRAY_SIZE(verbs) && strcmp(verbs[i].method, method) != 0; i++)
		;
	if (i == ARRAY_SIZE(verbs))
		r = err_set(&failure, ENOSYS, "unknown request '%s'", method);
	else
		r = verbs[i].fn(c, id, params, &failure);
	/* With LATER the verb has answered or will, and the client may be gone. */
	if (r < 0)
		client_error(c, id, &failure);
	else if (r == DONE)
		client_result(c, id, NULL);
	return 0;
}

int verbs_standin_event(struct process *p, const char *name, json_t *event, struct err *err)
{
	const char *method = NULL;

	if (p->phase != PROCESS_ALIVE)
		return 0;
	if (strcmp(name, "signal") == 0)
		method = "process.kill";
	else if (strcmp(name, "winsize") == 0)
		method = "process.resize";
	if (!method)
		return err_set(err, EPROTO, "unknown event '%s'", name);
	json_object_set_new(event, "id", json_string(p->container->id));
	json_object_set_new(event, "exec", json_string(p->exec));
	json_object_del(event, "event");
	return process_request(p, method, event);
}
