/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/container.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "devices/device.h"
#include "monitor/agent.h"
#include "monitor/client.h"
#include "monitor/resize.h"
#include "monitor/vm.h"

#define START_TIMEOUT_MS 60000 /* the agent builds a container; TCG on a busy host is slow */
#define KILL_TIMEOUT_MS 5000 /* from SIGKILL to the report of the end */
#define REQUEST_TIMEOUT_MS 20000

static const char *const status_names[] = { "creating", "created", "running", "paused", "stopped" };

const char *container_status_name(enum container_status s)
{
	return status_names[s];
}

struct container *container_find(struct monitor *m, const char *id)
{
	struct container *c;

	for (c = m->containers; c && (c->deleted || strcmp(c->id, id) != 0); c = c->next)
		;
	return c;
}

struct process *process_find(struct container *c, const char *exec)
{
	struct process *p;

	for (p = c->processes; p && strcmp(p->exec, exec) != 0; p = p->next)
		;
	return p;
}

struct process *process_by_stream(struct monitor *m, uint32_t stream)
{
	struct container *c;
	struct process *p;

	for (c = m->containers; c; c = c->next)
		for (p = c->processes; p; p = p->next)
			if (p->stream == stream - stream % WIRE_STREAMS)
				return p;
	return NULL;
}

bool process_has_stream(const struct process *p, uint32_t number)
{
	return wire_stream_exists(number, p->n_passed) ||
	       (p->resolver && (number == WIRE_ANSWERS || number == WIRE_QUESTIONS));
}

static struct container *container_new(struct monitor *m, const char *id)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->m = m;
	c->id = strdup(id);
	if (!c->id) {
		free(c);
		return NULL;
	}
	c->next = m->containers;
	m->containers = c;
	return c;
}

static void process_free(struct process *p)
{
	loop_remove(p->kill_timer);
	json_decref(p->params);
	free(p->exec);
	free(p);
}

static void container_free(struct container *c)
{
	struct container **cp;

	for (cp = &c->m->containers; *cp; cp = &(*cp)->next)
		if (*cp == c) {
			*cp = c->next;
			break;
		}
	resize_forget(c->m, c->id);
	free(c->id);
	free(c);
}

struct process *process_get(struct monitor *m, const char *id, const char *exec, struct err *err)
{
	struct container *c = container_find(m, id);
	struct process *p, **pp;
	size_t n = 0;

	if (!c && *exec) {
		err_set(err, ENOENT, "container does not exist");
		return NULL;
	}
	if (!c)
		c = container_new(m, id);
	if (!c) {
		err_errno(err, ENOMEM, "container");
		return NULL;
	}
	p = process_find(c, exec);
	if (p)
		return p;
	for (pp = &c->processes; *pp; pp = &(*pp)->next)
		n++;
	if (n >= PROCESSES_MAX) {
		err_set(err, EAGAIN, "too many processes in the container");
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (p)
		p->exec = strdup(exec);
	if (!p || !p->exec) {
		free(p);
		err_errno(err, ENOMEM, "process");
		return NULL;
	}
	p->container = c;
	/* Ids are not used again before 2^26 processes: a late frame never meets another process's stream. */
	p->stream = m->next_stream;
	m->next_stream += WIRE_STREAMS;
	for (n = 0; n < ARRAY_SIZE(p->streams); n++)
		wire_window_init(&p->streams[n].window);
	*pp = p;
	return p;
}

/* Frees a process that nobody refers to any more; its container too when that never came to life, or was deleted. */
static void process_release(struct process *p)
{
	struct container *c = p->container;
	struct process **pp;

	if (p->phase != PROCESS_ENDED || p->standin || p->pending || p->wanted_by)
		return;
	if (!*p->exec && c->status != CONTAINER_CREATING && !c->deleted)
		return; /* init's record is the container's */
	for (pp = &c->processes; *pp; pp = &(*pp)->next)
		if (*pp == p) {
			*pp = p->next;
			break;
		}
	process_free(p);
	if (!c->processes && (c->status == CONTAINER_CREATING || c->deleted))
		container_free(c);
}

void container_forget(struct container *c)
{
	struct process *p, *next;

	c->deleted = true;
	/* The last one takes the container with it. */
	for (p = c->processes; p; p = next) {
		next = p->next;
		process_release(p);
	}
}

/* The command's answer; its connection may be gone by now. */
static void answer(struct process *p, json_t *result, const struct err *err)
{
	struct client *c = p->wanted_by;

	p->wanted_by = NULL;
	if (!c)
		return;
	if (err && err->code)
		client_error(c, p->request, err);
	else
		client_result(c, p->request, result);
}

static void ignore_late(void *data, json_t *result, const struct err *err)
{
	(void)data;
	(void)result;
	(void)err;
}

/* A process that did not come to life. */
static void fail(struct process *p, const struct err *err)
{
	struct client *standin = p->standin;

	p->phase = PROCESS_ENDED;
	answer(p, NULL, err);
	p->standin = NULL;
	if (standin)
		client_let_go(standin);
	process_release(p);
}

/*
 * The program may yet be executed, in a container that was paused at that time: it is not to run behind the back of
 * who has been told that it does not. Its record stays, so that a late report of its end is known.
 */
static void give_up(struct process *p)
{
	_json_ json_t *params = json_pack("{s:s, s:s, s:i, s:b}", "id", p->container->id, "exec",
					  p->exec, "signal", SIGKILL, "all", 0);

	p->pending++;
	if (params)
		agent_call(p->container->m->agent, "process.kill", json_incref(params),
			   REQUEST_TIMEOUT_MS, ignore_late, NULL, NULL);
}

static void on_started(void *data, json_t *result, const struct err *err)
{
	struct process *p = data;

	p->pending--;
	if (err->code == ETIMEDOUT && *p->exec)
		give_up(p);
	if (err->code) {
		fail(p, err);
		return;
	}
	/* A short-lived program's exit may have overtaken nothing: events and replies keep their order. */
	if (p->phase == PROCESS_STARTING)
		p->phase = PROCESS_ALIVE;
	if (!*p->exec && p->container->status == CONTAINER_CREATING) {
		p->container->status = CONTAINER_CREATED;
		log_debug("container created");
	}
	answer(p, result, NULL);
	if (!p->standin)
		process_standin_gone(p); /* it died meanwhile */
	else
		process_release(p);
}

/* The command counts the devices of the setup; the guest finds one by its place. */
static void name_devices(const struct monitor *m, json_t *list)
{
	json_t *d;
	size_t i;

	json_array_foreach(list, i, d) {
		int64_t n = js_get_int(d, "device", -1);

		if (n >= 0 && (uint64_t)n < m->setup.n_devices && m->setup_devices &&
		    m->setup_devices[n])
			json_object_set_new(d, "port",
					    json_string(m->setup_devices[n]->port_address));
	}
}

void process_try_start(struct process *p)
{
	struct monitor *m = p->container->m;
	const char *method = *p->exec ? "process.exec" : "container.create";
	struct err err = {};
	json_t *params;

	if (p->phase != PROCESS_NEW || !p->standin || !p->params)
		return;
	if (m->phase >= VM_ENDING) {
		err_set(&err, m->failure.code ? m->failure.code : ESRCH, "%s",
			m->failure.code ? m->failure.msg : "the virtual machine is ending");
		fail(p, &err);
		return;
	}
	if (m->phase != VM_READY)
		return;
	params = take_ptr(p->params);
	json_object_set_new(params, "stream", json_integer(p->stream));
	name_devices(m, json_object_get(params, "devices"));
	name_devices(m, json_object_get(params, "volumes"));
	name_devices(m, json_object_get(json_object_get(params, "network"), "interfaces"));
	p->n_passed = json_array_size(json_object_get(params, "passed"));
	p->phase = PROCESS_STARTING;
	p->pending++;
	if (agent_call(m->agent, method, params, agent_patience(m, START_TIMEOUT_MS), on_started, p,
		       &err) < 0) {
		p->pending--;
		fail(p, &err);
	}
}

void containers_vm_ready(struct monitor *m)
{
	struct container *c, *next_c;
	struct process *p, *next;

	for (c = m->containers; c; c = next_c) {
		next_c = c->next;
		for (p = c->processes; p; p = next) {
			next = p->next;
			process_try_start(p);
		}
	}
}

void containers_vm_ended(struct monitor *m, const struct err *err)
{
	struct container *c, *next_c;
	struct process *p, *next;
	struct client *standin;

	for (c = m->containers; c; c = next_c) {
		next_c = c->next;
		clients_ended(m, c->id);
		if (c->status != CONTAINER_CREATING)
			c->status = CONTAINER_STOPPED;
		/* The last process may take the container with it. */
		for (p = c->processes; p; p = next) {
			next = p->next;
			if (p->phase == PROCESS_NEW && !p->params && !p->wanted_by && p->standin &&
			    err->code)
				continue; /* its command has yet to ask, and will get the reason then */
			if (p->phase != PROCESS_ENDED && (p->params || p->wanted_by)) {
				fail(p, err);
				continue;
			}
			p->phase = PROCESS_ENDED;
			standin = p->standin;
			p->standin = NULL;
			if (standin)
				client_let_go(standin);
			process_release(p);
		}
	}
}

static void ignore_reply(void *data, json_t *result, const struct err *err)
{
	struct process *p = data;

	(void)result;
	(void)err;
	p->pending--;
	process_release(p);
}

int process_request(struct process *p, const char *method, json_t *params)
{
	p->pending++;
	if (agent_call(p->container->m->agent, method, json_incref(params), REQUEST_TIMEOUT_MS,
		       ignore_reply, p, NULL) < 0)
		p->pending--;
	return 0;
}

void process_standin_gone(struct process *p)
{
	_json_ json_t *params = NULL;

	p->standin = NULL;
	if (p->phase == PROCESS_NEW) {
		struct err err = {};

		err_set(&err, ESRCH, "the process's stand-in has died");
		fail(p, &err);
		return;
	}
	if (p->phase == PROCESS_ENDED || p->phase == PROCESS_STARTING) {
		process_release(p); /* STARTING: on_started() looks again */
		return;
	}
	/* Whoever kills the stand-in means the process: nobody is left to take its output either. */
	params = json_pack("{s:s, s:s, s:i, s:b, s:b}", "id", p->container->id, "exec", p->exec,
			   "signal", SIGKILL, "all", 0, "drop", 1);
	if (params)
		process_request(p, "process.kill", params);
	process_expect_death(p);
}

void process_requester_gone(struct monitor *m, struct client *c)
{
	struct container *k, *next_k;
	struct process *p, *next;

	for (k = m->containers; k; k = next_k) {
		next_k = k->next;
		for (p = k->processes; p; p = next) {
			next = p->next;
			if (p->wanted_by != c)
				continue;
			p->wanted_by = NULL;
			/* Nobody knows of it any more, neither a command nor a stand-in. */
			if (p->phase == PROCESS_NEW && !p->standin) {
				p->phase = PROCESS_ENDED;
				process_release(p);
			}
		}
	}
}

static void on_kill_timeout(struct loop_source *src, void *data)
{
	struct process *p = data;

	(void)src;
	log_warn("container %s: the guest did not report the end of a killed process: ending the virtual machine",
		 p->container->id);
	vm_end_now(p->container->m);
}

void process_expect_death(struct process *p)
{
	if (p->phase == PROCESS_ENDED || p->kill_timer)
		return;
	p->kill_timer = loop_add_timer(p->container->m->loop, KILL_TIMEOUT_MS, on_kill_timeout, p,
				       NULL);
	if (!p->kill_timer)
		vm_end_now(p->container->m);
}

bool container_is_sandbox(const struct container *c)
{
	return strcmp(c->id, c->m->setup.id) == 0;
}

/* What the guest may say about an end: a code or a signal within their ranges. */
static int check_exit(const json_t *event, int64_t *code, int64_t *sig, struct err *err)
{
	*code = js_get_int(event, "code", -1);
	*sig = js_get_int(event, "signal", -1);
	if ((*code >= 0) == (*sig >= 0) || *code > 255 || *sig == 0 || *sig > 64)
		return err_set(err, EPROTO, "bad exit event");
	return 0;
}

int container_on_exit(struct monitor *m, json_t *event, struct err *err)
{
	const char *id = js_get_str(event, "id"), *exec = js_get_str(event, "exec");
	struct client *standin;
	struct container *c;
	struct process *p;
	int64_t code, sig;
	json_t *msg;
	int r;

	r = check_exit(event, &code, &sig, err);
	if (r < 0)
		return r;
	c = id ? container_find(m, id) : NULL;
	p = c && exec ? process_find(c, exec) : NULL;
	if (!p || p->phase == PROCESS_NEW)
		return err_set(err, EPROTO, "exit of a process that does not exist");
	if (p->phase == PROCESS_ENDED)
		return 0;
	p->phase = PROCESS_ENDED;
	p->kill_timer = loop_remove(p->kill_timer);
	standin = p->standin;
	p->standin = NULL;
	if (standin) {
		msg = sig > 0 ? json_pack("{s:s, s:I}", "event", "exit", "signal", sig) :
				json_pack("{s:s, s:I}", "event", "exit", "code", code);
		if (msg && js_get_bool(event, "drop", false))
			json_object_set_new(msg, "drop", json_true());
		client_event(standin, msg);
		client_let_go(standin);
	}
	if (!*p->exec) {
		c->status = CONTAINER_STOPPED;
		clients_ended(m, c->id);
		log_debug("container ended");
		if (container_is_sandbox(c) && !m->setup.keep)
			vm_end(m);
	}
	process_release(p);
	return 0;
}

int container_on_oom(struct monitor *m, json_t *event, struct err *err)
{
	const char *id = js_get_str(event, "id");
	struct container *c = id ? container_find(m, id) : NULL;

	if (!c)
		return err_set(err, EPROTO, "oom of a container that does not exist");
	log_info("container %s: out of memory", c->id);
	clients_event(m, c->id, json_pack("{s:s, s:s}", "event", "oom", "id", c->id));
	return 0;
}
