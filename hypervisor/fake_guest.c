/* SPDX-License-Identifier: Apache-2.0 */
/* The fake agent's containers and processes, and the requests that change them. */
#include "hypervisor/fake_guest.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "hypervisor/fake_process.h"

struct container {
	struct container *next;
	char *id;
	bool started, paused;
};

static struct container *find_container(struct fake_guest *g, const char *id)
{
	struct container *c = g->containers;

	while (c && strcmp(c->id, id) != 0)
		c = c->next;
	return c;
}

static struct fake_process *find_process(struct fake_guest *g, const char *id, const char *exec)
{
	struct fake_process *p = g->processes;

	while (p && (strcmp(p->id, id) != 0 || strcmp(p->exec, exec) != 0))
		p = p->next;
	return p;
}

static struct fake_process *find_stream(struct fake_guest *g, uint32_t id)
{
	struct fake_process *p = g->processes;

	while (p && id - p->stream >= WIRE_STREAMS)
		p = p->next;
	return p;
}

static void end_process(struct fake_guest *g, struct fake_process *p, int sig)
{
	struct fake_process **pp = &g->processes;

	while (*pp != p)
		pp = &(*pp)->next;
	*pp = p->next;
	fake_process_report(p, g->conn, sig);
	fake_process_free(p);
}

void fake_guest_run(struct fake_guest *g)
{
	struct fake_process *p, *next;

	for (p = g->processes; p; p = next) {
		next = p->next;
		if (fake_process_run(p, g->conn))
			end_process(g, p, 0);
	}
}

/* Ends one process of a container (exec), or all (NULL). */
static void kill_processes(struct fake_guest *g, const char *id, const char *exec, int sig)
{
	struct fake_process *p, *next;

	for (p = g->processes; p; p = next) {
		next = p->next;
		if (strcmp(p->id, id) == 0 && (!exec || strcmp(p->exec, exec) == 0))
			end_process(g, p, sig);
	}
}

static int add_process(struct fake_guest *g, const char *id, const char *exec, const json_t *params,
		       const json_t *process, bool running, json_t **ret, struct err *err)
{
	int64_t stream = js_get_int(params, "stream", -1);
	struct fake_process *p;
	int r;

	if (stream < 0 || stream > UINT32_MAX || stream % WIRE_STREAMS != 0 ||
	    find_stream(g, (uint32_t)stream))
		return err_set(err, EINVAL, "bad stream");
	if (find_process(g, id, exec))
		return err_set(err, EEXIST, "process '%s' exists", exec);
	r = fake_process_new(id, exec, (uint32_t)stream, process, &p, err);
	if (r < 0)
		return r;
	p->running = running;
	p->next = g->processes;
	g->processes = p;
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

static struct container *get_container(struct fake_guest *g, const json_t *params, struct err *err)
{
	const char *id = get_id(params, err);
	struct container *c = id ? find_container(g, id) : NULL;

	if (id && !c)
		err_set(err, ENOENT, "container does not exist");
	return c;
}

static int do_nothing(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	return 0;
}

static int do_create(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	const char *id = get_id(params, err);
	struct container *c;
	int r;

	if (!id)
		return -EINVAL;
	if (find_container(g, id))
		return err_set(err, EEXIST, "container with id exists: %s", id);
	c = calloc(1, sizeof(*c));
	if (c)
		c->id = strdup(id);
	if (!c || !c->id) {
		free(c);
		return err_set(err, ENOMEM, "out of memory");
	}
	r = add_process(g, id, "", params,
			json_object_get(json_object_get(params, "config"), "process"), false, ret,
			err);
	if (r < 0) {
		free(c->id);
		free(c);
		return r;
	}
	c->next = g->containers;
	g->containers = c;
	return 0;
}

static int do_start(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(g, params, err);
	struct fake_process *p = c ? find_process(g, c->id, "") : NULL;

	if (!c)
		return -ENOENT;
	if (c->started || !p)
		return err_set(err, EINVAL, "cannot start a container that has %s",
			       p ? "started" : "stopped");
	c->started = true;
	p->running = true;
	return 0;
}

static int do_delete(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(g, params, err), **pp;

	if (!c)
		return -ENOENT;
	kill_processes(g, c->id, NULL, SIGKILL);
	for (pp = &g->containers; *pp != c; pp = &(*pp)->next)
		;
	*pp = c->next;
	free(c->id);
	free(c);
	return 0;
}

static int set_paused(struct fake_guest *g, const json_t *params, bool paused, struct err *err)
{
	struct container *c = get_container(g, params, err);

	if (!c)
		return -ENOENT;
	if (c->paused == paused)
		return err_set(err, EINVAL, "container is %s", paused ? "paused" : "not paused");
	c->paused = paused;
	for (struct fake_process *p = g->processes; p; p = p->next)
		if (strcmp(p->id, c->id) == 0)
			p->frozen = paused;
	return 0;
}

static int do_pause(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	return set_paused(g, params, true, err);
}

static int do_resume(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	return set_paused(g, params, false, err);
}

static int do_processes(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(g, params, err);
	json_t *pids;

	if (!c)
		return -ENOENT;
	pids = json_array();
	for (struct fake_process *p = g->processes; p; p = p->next)
		if (strcmp(p->id, c->id) == 0)
			json_array_append_new(pids, json_integer(p->pid));
	*ret = json_pack("{s:o}", "pids", pids);
	return 0;
}

static int do_exec(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(g, params, err);
	const char *exec = js_get_str(params, "exec");

	if (!c)
		return -ENOENT;
	if (!exec || !*exec)
		return err_set(err, EINVAL, "exec is missing");
	if (!c->started || !find_process(g, c->id, ""))
		return err_set(err, ESRCH, "cannot exec in a container that is not running");
	return add_process(g, c->id, exec, params, json_object_get(params, "process"), true, ret,
			   err);
}

static int do_kill(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(g, params, err);
	const char *exec = js_get_str(params, "exec");
	int64_t sig = js_get_int(params, "signal", -1);
	bool all = js_get_bool(params, "all", false);

	if (!c)
		return -ENOENT;
	if (sig < 0 || sig > 64)
		return err_set(err, EINVAL, "bad signal");
	if (!all && !find_process(g, c->id, exec ? exec : ""))
		return err_set(err, ESRCH, "process is not running");
	if (sig == SIGKILL || sig == SIGTERM)
		kill_processes(g, c->id, all ? NULL : exec ? exec : "", (int)sig);
	return 0;
}

static int do_resize(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	struct container *c = get_container(g, params, err);
	const char *exec = js_get_str(params, "exec");

	if (!c)
		return -ENOENT;
	if (!find_process(g, c->id, exec ? exec : ""))
		return err_set(err, ESRCH, "process is not running");
	return 0;
}

static int do_shutdown(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err)
{
	g->shutdown = true;
	return 0;
}

/* clang-format off */
static const struct {
	const char *name;
	int (*run)(struct fake_guest *g, const json_t *params, json_t **ret, struct err *err);
} methods[] = {
	{ "sandbox.setup", do_nothing },
	{ "sandbox.network", do_nothing },
	{ "sandbox.resize", do_nothing },
	{ "sandbox.stats", do_nothing },
	{ "sandbox.shutdown", do_shutdown },
	{ "container.create", do_create },
	{ "container.start", do_start },
	{ "container.delete", do_delete },
	{ "container.pause", do_pause },
	{ "container.resume", do_resume },
	{ "container.processes", do_processes },
	{ "process.exec", do_exec },
	{ "process.kill", do_kill },
	{ "process.resize", do_resize },
};
/* clang-format on */

int fake_guest_request(struct fake_guest *g, const char *method, const json_t *params,
		       json_t **ret_result, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].name, method) == 0)
			return methods[i].run(g, params, ret_result, err);
	return err_set(err, ENOSYS, "method '%s' is not known", method);
}

int fake_guest_stream(struct fake_guest *g, const struct wire_frame *f, struct err *err)
{
	struct fake_process *p = find_stream(g, f->id);

	/* NULL: on its way when the process ended. */
	return p ? fake_process_frame(p, g->conn, f, err) : 0;
}

void fake_guest_done(struct fake_guest *g)
{
	while (g->processes) {
		struct fake_process *p = g->processes;

		g->processes = p->next;
		fake_process_free(p);
	}
	while (g->containers) {
		struct container *c = g->containers;

		g->containers = c->next;
		free(c->id);
		free(c);
	}
}
