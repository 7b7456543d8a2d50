/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/verbs.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "devices/device.h"
#include "hypervisor/hv.h"
#include "monitor/agent.h"
#include "monitor/boot.h"
#include "monitor/container.h"
#include "monitor/jail.h"
#include "monitor/journal.h"
#include "monitor/plug.h"
#include "monitor/resize.h"
#include "monitor/template.h"
#include "monitor/vm.h"
#include "wire/message.h"

#define REQUEST_TIMEOUT_MS 10000
#define NETWORK_TIMEOUT_MS 20000 /* the guest waits for its interfaces */
#define VOLUME_TIMEOUT_MS 60000 /* a file system that grows */

/* A command's request that waits for the agent. */
struct call {
	struct call *next;
	struct monitor *m;
	struct client *client; /* NULL: gone */
	uint32_t id;
	char *container;
	json_t *params; /* for the agent, when something else has to be done first */
	enum container_status on_success; /* CONTAINER_CREATING: no change */
	bool forget; /* the container, on success */
};

void verbs_client_gone(struct monitor *m, struct client *c)
{
	struct call *k;

	for (k = m->calls; k; k = k->next)
		if (k->client == c)
			k->client = NULL;
	if (m->saver == c)
		m->saver = NULL;
	plugs_client_gone(m, c);
	resize_client_gone(m, c);
}

static void on_reply(void *data, json_t *result, const struct err *err)
{
	struct call *k = data, **kp;
	struct container *c = container_find(k->m, k->container);

	for (kp = &k->m->calls; *kp; kp = &(*kp)->next)
		if (*kp == k) {
			*kp = k->next;
			break;
		}
	if (c && !err->code && k->forget) {
		container_forget(c);
	} else if (c && !err->code && k->on_success != CONTAINER_CREATING &&
		   c->status != CONTAINER_STOPPED) {
		c->status = k->on_success;
		log_debug("container %s", container_status_name(c->status));
	}
	if (k->client && err->code)
		client_error(k->client, k->id, err);
	else if (k->client)
		client_result(k->client, k->id, result);
	json_decref(k->params);
	free(k->container);
	free(k);
}

/* Hands a request on to the agent; its reply goes back to the client. */
static int forward_for(struct client *c, uint32_t id, const char *method, struct container *k,
		       json_t *params, enum container_status on_success, int timeout_ms,
		       struct err *err)
{
	struct call *call = calloc(1, sizeof(*call));
	int r;

	if (call)
		call->container = strdup(k->id);
	if (!call || !call->container || !params) {
		json_decref(params);
		free(call);
		return err_errno(err, ENOMEM, "%s", method);
	}
	call->m = c->m;
	call->client = c;
	call->id = id;
	call->on_success = on_success;
	r = agent_call(c->m->agent, method, params, timeout_ms, on_reply, call, err);
	if (r < 0) {
		free(call->container);
		free(call);
		return r;
	}
	call->next = c->m->calls;
	c->m->calls = call;
	return 0;
}

static int forward(struct client *c, uint32_t id, const char *method, struct container *k,
		   json_t *params, enum container_status on_success, struct err *err)
{
	return forward_for(c, id, method, k, params, on_success, REQUEST_TIMEOUT_MS, err);
}

/* NULL with err set: no such container. */
static struct container *need_container(struct client *c, const json_t *params, struct err *err)
{
	const char *id = js_get_str(params, "id");
	struct container *k = id ? container_find(c->m, id) : NULL;

	if (!k)
		err_set(err, ENOENT, id ? "container does not exist" : "request without id");
	return k;
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
		r = jail_enter(&m->setup, err);
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
	if (hooks < 0 || hooks > INT_MAX - REQUEST_TIMEOUT_MS)
		hooks = INT_MAX - REQUEST_TIMEOUT_MS;
	return forward_for(c, id, "container.start", k, json_incref(params), CONTAINER_RUNNING,
			   REQUEST_TIMEOUT_MS + (int)hooks, err);
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
	return forward(c, id, "process.kill", k, json_incref(params), CONTAINER_CREATING, err);
}

static int do_pause(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (k->status != CONTAINER_RUNNING)
		return err_set(err, EBUSY, "container not running");
	return forward(c, id, "container.pause", k, json_incref(params), CONTAINER_PAUSED, err);
}

static int do_resume(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (k->status != CONTAINER_PAUSED)
		return err_set(err, EBUSY, "container not paused");
	return forward(c, id, "container.resume", k, json_incref(params), CONTAINER_RUNNING, err);
}

static int do_update(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	if (k->status == CONTAINER_STOPPED)
		return err_set(err, ESRCH, "container not running");
	return forward(c, id, "container.update", k, json_incref(params), CONTAINER_CREATING, err);
}

static int do_stats(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return forward(c, id, "container.stats", k, json_incref(params), CONTAINER_CREATING, err);
}

static int do_volume_stats(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return forward(c, id, "volume.stats", k, json_incref(params), CONTAINER_CREATING, err);
}

/* The disk has its new size, the file system on it is next. */
static void on_grown(void *data, const struct err *err)
{
	struct call *k = data;
	struct err e = *err;

	if (!e.code && k->m->phase != VM_READY)
		err_set(&e, ESRCH, "the virtual machine is ending");
	if (!e.code && agent_call(k->m->agent, "volume.resize", json_incref(k->params),
				  VOLUME_TIMEOUT_MS, on_reply, k, &e) >= 0)
		return;
	on_reply(k, NULL, &e);
}

static int do_volume_resize(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);
	int64_t n = js_get_int(params, "device", -1), size = js_get_int(params, "size", 0);
	struct monitor *m = c->m;
	struct device *dev;
	struct call *call;
	int r;

	if (!k)
		return -ENOENT;
	if (m->phase != VM_READY || !m->setup_devices)
		return err_set(err, EBUSY, "the virtual machine is not ready");
	if (n < 0 || (uint64_t)n >= m->setup.n_devices || size <= 0)
		return err_set(err, EPROTO, "bad volume.resize");
	dev = m->setup_devices[n];
	/* What a vhost-user target serves is its own business: the guest sees it grow by itself. */
	if (dev->kind != DEVICE_BLK)
		return forward_for(c, id, "volume.resize", k, json_incref(params),
				   CONTAINER_CREATING, VOLUME_TIMEOUT_MS, err);
	call = calloc(1, sizeof(*call));
	if (call)
		call->container = strdup(k->id);
	if (!call || !call->container) {
		free(call);
		return err_errno(err, ENOMEM, "volume.resize");
	}
	call->m = m;
	call->client = c;
	call->id = id;
	call->params = json_incref(params);
	dev->blk.size = (uint64_t)size;
	r = m->hv->ops->grow(m->hv, dev, on_grown, call, err);
	if (r < 0) {
		json_decref(call->params);
		free(call->container);
		free(call);
		return r;
	}
	call->next = m->calls;
	m->calls = call;
	return LATER;
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
	return forward(c, id, "container.processes", k, json_incref(params), CONTAINER_CREATING,
		       err);
}

static int do_state(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	static const char *const phases[] = { "idle", "booting", "ready", "ending", "ended" };
	_json_ json_t *result = NULL;
	json_t *list = json_array();
	struct container *k;

	(void)params;
	(void)err;
	for (k = c->m->containers; k; k = k->next)
		if (!k->deleted)
			json_array_append_new(list, json_pack("{s:s, s:s}", "id", k->id, "status",
							      container_status_name(k->status)));
	result = json_pack("{s:s, s:o}", "vm", phases[c->m->phase], "containers", list);
	client_result(c, id, result);
	return LATER;
}

/* The VM stays: only this container goes. */
static int delete_one(struct client *c, uint32_t id, struct container *k, json_t *params,
		      struct err *err)
{
	int r = forward(c, id, "container.delete", k, json_incref(params), CONTAINER_CREATING, err);

	if (r >= 0)
		c->m->calls->forget = true;
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

static int do_unplug(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	return unplug_request(c, id, params, err);
}

static int do_resize(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	return resize_request(c, id, params, err);
}

/* Of the guest as a whole: interfaces that were plugged in. */
static int do_network(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	if (!k)
		return -ENOENT;
	return forward_for(c, id, "sandbox.network", k, json_incref(params), CONTAINER_CREATING,
			   NETWORK_TIMEOUT_MS, err);
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
	{ "events", do_events },
	{ "save", do_save },
	{ "adopt", do_adopt },
	{ "plug", do_plug },
	{ "unplug", do_unplug },
	{ "network", do_network },
	{ "volume.stats", do_volume_stats },
	{ "volume.resize", do_volume_resize },
	{ "resize", do_resize },
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
