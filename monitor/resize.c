/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/resize.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "hypervisor/hv.h"
#include "hypervisor/size.h"
#include "monitor/agent.h"
#include "monitor/container.h"
#include "monitor/vm.h"

#define DEMANDS_MAX 1024
#define ONLINE_MS 120000 /* the agent gives up when nothing moves any more */

/* What one container asks for. */
struct demand {
	struct demand *next;
	char *container;
	struct hv_demand own;
	struct hv_demand pod; /* of all containers that the sandbox is going to have */
	bool met; /* once, and that much: */
	struct hv_demand met_own, met_pod;
};

struct waiter {
	struct waiter *next;
	struct client *client; /* NULL: gone */
	uint32_t id;
	char *container; /* whose demand it was */
};

struct resize {
	struct demand *demands;
	struct waiter *waiters;
	bool busy; /* a step is on its way */
	uint32_t offered; /* MiB beyond the setup's memory that the hypervisor offers */
	uint32_t vcpus; /* that the hypervisor has made */
	uint32_t online_memory, online_vcpus; /* the same, in use by the guest */
};

static void take_step(struct monitor *m);

/* ---- what is wanted ---- */

static void free_demand(struct demand *d)
{
	free(d->container);
	free(d);
}

static struct demand **find_demand(struct resize *z, const char *container)
{
	struct demand **p = &z->demands;

	while (*p && strcmp((*p)->container, container) != 0)
		p = &(*p)->next;
	return p;
}

static void drop_demand(struct resize *z, const char *container)
{
	struct demand **p = find_demand(z, container), *d = *p;

	if (!d)
		return;
	*p = d->next;
	free_demand(d);
}

/* It does not get what it asks for: what it has had before it keeps. */
static void take_back(struct resize *z, const char *container)
{
	struct demand *d = *find_demand(z, container);

	if (!d)
		return;
	if (!d->met) {
		drop_demand(z, container);
		return;
	}
	d->own = d->met_own;
	d->pod = d->met_pod;
}

static void all_met(struct resize *z)
{
	for (struct demand *d = z->demands; d; d = d->next) {
		d->met = true;
		d->met_own = d->own;
		d->met_pod = d->pod;
	}
}

static int set_demand(struct resize *z, const char *container, const struct hv_demand *own,
		      const struct hv_demand *pod, struct err *err)
{
	struct demand **p = &z->demands, *d = *find_demand(z, container);
	size_t n = 0;

	if (!d) {
		for (; *p; p = &(*p)->next)
			n++;
		if (n == DEMANDS_MAX)
			return err_set(err, ENOSPC, "more than %d containers", DEMANDS_MAX);
		d = calloc(1, sizeof(*d));
		if (d)
			d->container = strdup(container);
		if (!d || !d->container) {
			free(d);
			return err_errno(err, ENOMEM, "resize");
		}
		*p = d;
	}
	d->own = *own;
	d->pod = hv_demand_max(&d->pod, pod);
	return 0;
}

static struct hv_demand wanted(const struct resize *z)
{
	struct hv_demand sum = {}, pod = {};

	for (const struct demand *d = z->demands; d; d = d->next) {
		hv_demand_add(&sum, &d->own);
		pod = hv_demand_max(&pod, &d->pod);
	}
	return hv_demand_max(&sum, &pod);
}

/* ---- the requests ---- */

void resize_size(const struct monitor *m, uint32_t *ret_memory, uint32_t *ret_vcpus)
{
	const struct resize *z = m->resize;

	*ret_memory = m->setup.memory + (z ? z->offered : 0);
	*ret_vcpus = z ? z->vcpus : m->setup.vcpus;
}

static void answer(struct monitor *m, struct waiter *w, const struct err *err)
{
	uint32_t memory, vcpus;
	_json_ json_t *result = NULL;

	if (w->client && err && err->code) {
		client_error(w->client, w->id, err);
	} else if (w->client) {
		resize_size(m, &memory, &vcpus);
		result = json_pack("{s:I, s:I}", "memory", (json_int_t)memory, "vcpus",
				   (json_int_t)vcpus);
		client_result(w->client, w->id, result);
	}
	free(w->container);
	free(w);
}

static void answer_all(struct monitor *m, const struct err *err)
{
	struct waiter *w;

	while ((w = m->resize->waiters)) {
		m->resize->waiters = w->next;
		if (err && err->code && m->phase < VM_ENDING)
			take_back(m->resize, w->container);
		answer(m, w, err);
	}
}

/* ---- the steps: one after the other until nothing is left to do ---- */

static void failed(struct monitor *m, const struct err *err)
{
	struct err e = *err;

	err_wrap(&e, "resize the virtual machine");
	log_warn("%s", e.msg);
	answer_all(m, &e);
	/* What nobody waits for any more is taken back. */
	take_step(m);
}

static void on_offered(void *data, const struct err *err)
{
	struct monitor *m = data;
	struct resize *z = m->resize;

	if (m->phase >= VM_ENDING || !z)
		return;
	z->busy = false;
	/* This may be how the VM has ended, and be news to the others. */
	if (err->code && m->phase == VM_BOOTING)
		vm_fail(m, err);
	else if (err->code)
		failed(m, err);
	else
		take_step(m);
}

static void on_vcpu(void *data, const struct err *err)
{
	struct monitor *m = data;

	if (m->resize && !err->code)
		m->resize->vcpus++;
	on_offered(data, err);
}

static void on_online(void *data, json_t *result, const struct err *err)
{
	struct monitor *m = data;
	struct resize *z = m->resize;

	(void)result;
	if (m->phase >= VM_ENDING || !z)
		return;
	z->busy = false;
	if (err->code) {
		failed(m, err);
		return;
	}
	log_info("the virtual machine has %u MiB and %u processors", m->setup.memory + z->offered,
		 z->vcpus);
	take_step(m);
}

static int tell_guest(struct monitor *m, struct err *err)
{
	struct resize *z = m->resize;
	json_t *params = json_pack("{s:I, s:I}", "more_memory", (json_int_t)z->offered, "vcpus",
				   (json_int_t)z->vcpus);

	if (!params)
		return err_errno(err, ENOMEM, "resize");
	z->online_memory = z->offered;
	z->online_vcpus = z->vcpus;
	return agent_call(m->agent, "sandbox.resize", params, ONLINE_MS, on_online, m, err);
}

static void take_step(struct monitor *m)
{
	const struct vm_setup *s = &m->setup;
	struct resize *z = m->resize;
	struct hv_demand all = wanted(z);
	uint32_t memory = hv_size_memory(s->base_memory, s->max_memory, all.memory),
		 vcpus = hv_size_vcpus(s->base_vcpus, s->max_vcpus, all.cpus);
	uint32_t more = memory > s->memory ? memory - s->memory : 0;
	struct err err = {};
	int r = 0;

	if (z->busy)
		return;
	z->busy = true;
	if (more != z->offered) {
		z->offered = more;
		if (z->online_memory > more)
			z->online_memory = more;
		r = m->hv->ops->set_memory(m->hv, more, on_offered, m, &err);
	} else if (vcpus > z->vcpus) {
		r = m->hv->ops->add_vcpu(m->hv, on_vcpu, m, &err);
	} else if (z->offered == z->online_memory && z->vcpus == z->online_vcpus) {
		z->busy = false;
		all_met(z);
		answer_all(m, NULL);
	} else if (m->phase == VM_READY) {
		r = tell_guest(m, &err);
	} else {
		z->busy = false; /* resize_vm_ready() goes on */
	}
	if (r < 0)
		on_offered(m, &err);
}

static int make(struct monitor *m, struct err *err)
{
	if (m->phase != VM_BOOTING && m->phase != VM_READY)
		return err_set(err, m->failure.code ? m->failure.code : ESRCH, "%s",
			       m->failure.code ? m->failure.msg :
						 "the virtual machine is not running");
	if (m->resize)
		return 0;
	m->resize = calloc(1, sizeof(*m->resize));
	if (!m->resize)
		return err_errno(err, ENOMEM, "resize");
	m->resize->vcpus = m->resize->online_vcpus = m->setup.vcpus;
	return 0;
}

static int take_size(const json_t *params, const char *key, uint64_t *ret, struct err *err)
{
	int64_t v = js_get_int(params, key, 0);

	if (v < 0)
		return err_set(err, EPROTO, "resize: bad %s", key);
	*ret = (uint64_t)v;
	return 0;
}

static int parse(const json_t *params, const char **container, struct hv_demand *own,
		 struct hv_demand *pod, struct err *err)
{
	int r;

	*container = js_get_str(params, "id");
	if (!*container || strlen(*container) > ID_MAX)
		return err_set(err, EPROTO, "resize without id");
	r = take_size(params, "memory", &own->memory, err);
	if (r >= 0)
		r = take_size(params, "cpus", &own->cpus, err);
	if (r >= 0)
		r = take_size(params, "pod_memory", &pod->memory, err);
	return r < 0 ? r : take_size(params, "pod_cpus", &pod->cpus, err);
}

int resize_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct hv_demand own = {}, pod = {};
	struct waiter *w, **end;
	const char *container;
	int r;

	r = parse(params, &container, &own, &pod, err);
	if (r >= 0)
		r = make(c->m, err);
	if (r >= 0)
		r = set_demand(c->m->resize, container, &own, &pod, err);
	if (r < 0)
		return r;
	w = calloc(1, sizeof(*w));
	if (w)
		w->container = strdup(container);
	if (!w || !w->container) {
		free(w);
		take_back(c->m->resize, container);
		return err_errno(err, ENOMEM, "resize");
	}
	w->client = c;
	w->id = id;
	for (end = &c->m->resize->waiters; *end; end = &(*end)->next)
		;
	*end = w;
	take_step(c->m);
	return 0;
}

void resize_forget(struct monitor *m, const char *container)
{
	if (!m->resize || !container)
		return;
	drop_demand(m->resize, container);
	if (m->phase == VM_READY)
		take_step(m);
}

void resize_vm_ready(struct monitor *m)
{
	if (m->resize)
		take_step(m);
}

void resize_vm_ended(struct monitor *m, const struct err *err)
{
	if (!m->resize)
		return;
	answer_all(m, err);
	for (struct demand *d = m->resize->demands, *next; d; d = next) {
		next = d->next;
		free_demand(d);
	}
	free(m->resize);
	m->resize = NULL;
}

void resize_client_gone(struct monitor *m, const struct client *c)
{
	for (struct waiter *w = m->resize ? m->resize->waiters : NULL; w; w = w->next)
		if (w->client == c)
			w->client = NULL;
}
