/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/fake_agent.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "hypervisor/fake_process.h"
#include "wire/conn.h"
#include "wire/message.h"

struct container {
	struct container *next;
	char *id;
	bool started, paused;
};

struct fake_agent {
	struct wire_conn *conn;
	struct container *containers;
	struct fake_process *processes;
	void (*on_shutdown)(void *data);
	void *data;
	bool shutdown;
};

/* ---- containers and processes ---- */

static struct container *find_container(struct fake_agent *a, const char *id)
{
	struct container *c = a->containers;

	while (c && strcmp(c->id, id) != 0)
		c = c->next;
	return c;
}

static struct fake_process *find_process(struct fake_agent *a, const char *id, const char *exec)
{
	struct fake_process *p = a->processes;

	while (p && (strcmp(p->id, id) != 0 || strcmp(p->exec, exec) != 0))
		p = p->next;
	return p;
}

static struct fake_process *find_stream(struct fake_agent *a, uint32_t id)
{
	struct fake_process *p = a->processes;

	while (p && id - p->stream >= 4)
		p = p->next;
	return p;
}

static void end_process(struct fake_agent *a, struct fake_process *p, int sig)
{
	struct fake_process **pp = &a->processes;

	while (*pp != p)
		pp = &(*pp)->next;
	*pp = p->next;
	fake_process_report(p, a->conn, sig);
	fake_process_free(p);
}

static void run_all(struct fake_agent *a)
{
	struct fake_process *p, *next;

	for (p = a->processes; p; p = next) {
		next = p->next;
		if (fake_process_run(p, a->conn))
			end_process(a, p, 0);
	}
}

/* Ends one process of a container (exec), or all (NULL). */
static void kill_processes(struct fake_agent *a, const char *id, const char *exec, int sig)
{
	struct fake_process *p, *next;

	for (p = a->processes; p; p = next) {
		next = p->next;
		if (strcmp(p->id, id) == 0 && (!exec || strcmp(p->exec, exec) == 0))
			end_process(a, p, sig);
	}
}

static int add_process(struct fake_agent *a, const char *id, const char *exec, const json_t *params,
		       const json_t *process, bool running, json_t **ret, struct err *err)
{
	int64_t stream = js_get_int(params, "stream", -1);
	struct fake_process *p;
	int r;

	if (stream < 0 || stream > UINT32_MAX || stream % 4 != 0 ||
	    find_stream(a, (uint32_t)stream))
		return err_set(err, EINVAL, "bad stream");
	if (find_process(a, id, exec))
		return err_set(err, EEXIST, "process '%s' exists", exec);
	r = fake_process_new(id, exec, (uint32_t)stream, process, &p, err);
	if (r < 0)
		return r;
	p->running = running;
	p->next = a->processes;
	a->processes = p;
	*ret = json_pack("{s:i}", "pid", p->pid);
	return 0;
}

/* ---- requests: params are an object; *ret may be set to the result ---- */

static const char *get_id(const json_t *params, struct err *err)
{
	const char *id = js_get_str(params, "id");

	if (!id || !*id)
		err_set(err, EINVAL, "id is missing");
	return id && *id ? id : NULL;
}

static struct container *get_container(struct fake_agent *a, const json_t *params, struct err *err)
{
	const char *id = get_id(params, err);
	struct container *c = id ? find_container(a, id) : NULL;

	if (id && !c)
		err_set(err, ENOENT, "container does not exist");
	return c;
}

static int do_nothing(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	return 0;
}

static int do_create(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	const char *id = get_id(params, err);
	struct container *c;
	int r;

	if (!id)
		return -EINVAL;
	if (find_container(a, id))
		return err_set(err, EEXIST, "container with id exists: %s", id);
	c = calloc(1, sizeof(*c));
	if (c)
		c->id = strdup(id);
	if (!c || !c->id) {
		free(c);
		return err_set(err, ENOMEM, "out of memory");
	}
	r = add_process(a, id, "", params,
			json_object_get(json_object_get(params, "config"), "process"), false, ret,
			err);
	if (r < 0) {
		free(c->id);
		free(c);
		return r;
	}
	c->next = a->containers;
	a->containers = c;
	return 0;
}

static int do_start(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(a, params, err);
	struct fake_process *p = c ? find_process(a, c->id, "") : NULL;

	if (!c)
		return -ENOENT;
	if (c->started || !p)
		return err_set(err, EINVAL, "cannot start a container that has %s",
			       p ? "started" : "stopped");
	c->started = true;
	p->running = true;
	return 0;
}

static int do_delete(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(a, params, err), **pp;

	if (!c)
		return -ENOENT;
	kill_processes(a, c->id, NULL, SIGKILL);
	for (pp = &a->containers; *pp != c; pp = &(*pp)->next)
		;
	*pp = c->next;
	free(c->id);
	free(c);
	return 0;
}

static int set_paused(struct fake_agent *a, const json_t *params, bool paused, struct err *err)
{
	struct container *c = get_container(a, params, err);

	if (!c)
		return -ENOENT;
	if (c->paused == paused)
		return err_set(err, EINVAL, "container is %s", paused ? "paused" : "not paused");
	c->paused = paused;
	for (struct fake_process *p = a->processes; p; p = p->next)
		if (strcmp(p->id, c->id) == 0)
			p->frozen = paused;
	return 0;
}

static int do_pause(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	return set_paused(a, params, true, err);
}

static int do_resume(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	return set_paused(a, params, false, err);
}

static int do_processes(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(a, params, err);
	json_t *pids;

	if (!c)
		return -ENOENT;
	pids = json_array();
	for (struct fake_process *p = a->processes; p; p = p->next)
		if (strcmp(p->id, c->id) == 0)
			json_array_append_new(pids, json_integer(p->pid));
	*ret = json_pack("{s:o}", "pids", pids);
	return 0;
}

static int do_exec(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(a, params, err);
	const char *exec = js_get_str(params, "exec");

	if (!c)
		return -ENOENT;
	if (!exec || !*exec)
		return err_set(err, EINVAL, "exec is missing");
	if (!c->started || !find_process(a, c->id, ""))
		return err_set(err, ESRCH, "cannot exec in a container that is not running");
	return add_process(a, c->id, exec, params, json_object_get(params, "process"), true, ret,
			   err);
}

static int do_kill(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(a, params, err);
	const char *exec = js_get_str(params, "exec");
	int64_t sig = js_get_int(params, "signal", -1);
	bool all = js_get_bool(params, "all", false);

	if (!c)
		return -ENOENT;
	if (sig < 0 || sig > 64)
		return err_set(err, EINVAL, "bad signal");
	if (!all && !find_process(a, c->id, exec ? exec : ""))
		return err_set(err, ESRCH, "process is not running");
	if (sig == SIGKILL || sig == SIGTERM)
		kill_processes(a, c->id, all ? NULL : exec ? exec : "", (int)sig);
	return 0;
}

static int do_resize(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(a, params, err);
	const char *exec = js_get_str(params, "exec");

	if (!c)
		return -ENOENT;
	return find_process(a, c->id, exec ? exec : "") ?
		       0 :
		       err_set(err, ESRCH, "process is not running");
}

static int do_shutdown(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err)
{
	a->shutdown = true;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct fake_agent *a, const json_t *params, json_t **ret, struct err *err);
} methods[] = {
	{ "sandbox.setup", do_nothing },   { "sandbox.shutdown", do_shutdown },
	{ "container.create", do_create }, { "container.start", do_start },
	{ "container.delete", do_delete }, { "container.pause", do_pause },
	{ "container.resume", do_resume }, { "container.processes", do_processes },
	{ "process.exec", do_exec },       { "process.kill", do_kill },
	{ "process.resize", do_resize },
};

static int on_request(struct fake_agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *params = NULL, *result = NULL;
	struct err e = { 0 };
	char method[64];
	int r;

	r = wire_parse_request(f, method, &params, err);
	if (r < 0)
		return r;
	r = err_set(&e, ENOSYS, "method '%s' is not known", method);
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].name, method) == 0)
			r = methods[i].run(a, params, &result, &e);
	return r < 0 ? wire_send_error(a->conn, f->id, &e) :
		       wire_send_result(a->conn, f->id, result);
}

/* ---- connection ---- */

static int on_hello(struct fake_agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *hello = NULL, *answer = NULL;
	_free_ char *text = NULL;
	const char *session;
	int r;

	r = wire_parse_hello(f, &hello, err);
	if (r < 0)
		return r;
	session = js_get_str(hello, "session");
	answer = json_pack("{s:i, s:s, s:s, s:s}", "version", WIRE_VERSION, "session",
			   session ? session : "", "agent", "fake", "kernel", "0.0.0-fake");
	text = js_dump(answer);
	return text ? wire_send(a->conn, WIRE_HELLO, 0, text, strlen(text)) : -ENOMEM;
}

static int on_stream(struct fake_agent *a, const struct wire_frame *f, struct err *err)
{
	struct fake_process *p = find_stream(a, f->id);

	/* On its way when the process ended. */
	return p ? fake_process_frame(p, a->conn, f, err) : 0;
}

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct fake_agent *a = data;
	int r;

	if (f->type == WIRE_HELLO)
		r = on_hello(a, f, err);
	else if (f->type == WIRE_REQUEST)
		r = on_request(a, f, err);
	else if (f->type == WIRE_REPLY || f->type == WIRE_EVENT)
		r = err_set(err, EPROTO, "the host sends no frames of type %d", f->type);
	else
		r = on_stream(a, f, err);
	if (r < 0)
		return r;
	run_all(a);
	if (a->shutdown)
		a->on_shutdown(a->data);
	return 0;
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct fake_agent *a = data;

	a->on_shutdown(a->data);
}

int fake_agent_new(struct loop *loop, int fd, void (*on_shutdown)(void *data), void *data,
		   struct fake_agent **ret, struct err *err)
{
	static const struct wire_options options = { .accept_requests = true };
	static const struct wire_handler handler = { .on_frame = on_frame, .on_closed = on_closed };
	struct fake_agent *a = calloc(1, sizeof(*a));
	int r;

	if (!a) {
		close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	a->on_shutdown = on_shutdown;
	a->data = data;
	r = wire_conn_new(loop, fd, &options, &handler, a, &a->conn, err);
	if (r < 0) {
		free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void fake_agent_free(struct fake_agent *a)
{
	if (!a)
		return;
	wire_conn_free(a->conn);
	while (a->processes) {
		struct fake_process *p = a->processes;

		a->processes = p->next;
		fake_process_free(p);
	}
	while (a->containers) {
		struct container *c = a->containers;

		a->containers = c->next;
		free(c->id);
		free(c);
	}
	free(a);
}
