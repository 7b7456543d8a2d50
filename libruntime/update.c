/* SPDX-License-Identifier: Apache-2.0 */
/* update: what is given is set in the guest, and remembered beside what was set before. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "libruntime/container.h"
#include "libruntime/limits.h"
#include "libruntime/monitor_client.h"
#include "libruntime/sizing.h"
#include "libruntime/update.h"
#include "oci/config.h"
#include "oci/resources.h"

/* ---- merging ---- */

/* What callers write for "leave it": null, "", 0, {} and []. */
static bool is_unset(const char *key, const json_t *v)
{
	/* These have a zero of their own. */
	if (strcmp(key, "idle") == 0 || strcmp(key, "burst") == 0)
		return json_is_null(v);
	if (json_is_object(v) && !js_is_int(v))
		return json_object_size(v) == 0;
	return json_is_null(v) || json_is_false(v) ||
	       (json_is_integer(v) && json_integer_value(v) == 0) ||
	       (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0);
}

int update_merge(json_t *stored, const json_t *given)
{
	const char *key;
	json_t *v, *old;
	int r = 0;

	json_object_foreach((json_t *)given, key, v) {
		old = json_object_get(stored, key);
		/* Which devices may be used is fixed at create, as in runc. */
		if (is_unset(key, v) || strcmp(key, "devices") == 0)
			continue;
		if (json_is_object(v) && json_is_object(old) && !js_is_int(v) && !js_is_int(old))
			r = update_merge(old, v);
		else
			r = json_object_set_new(stored, key, json_deep_copy(v));
		if (r < 0)
			return -ENOMEM;
	}
	return 0;
}

static const json_t *member(const json_t *obj, const char *section, const char *key)
{
	const json_t *v = json_object_get(json_object_get(obj, section), key);

	return v && !is_unset(key, v) ? v : NULL;
}

/* If one of the two is given and the other is not, that one keeps the value that it had. */
static void complete(json_t *given, const json_t *stored, const char *section, const char *key,
		     const char *other)
{
	const json_t *old = member(stored, section, other);

	if (member(given, section, key) && !member(given, section, other) && old)
		json_object_set(json_object_get(given, section), other, (json_t *)old);
}

void update_complete(json_t *given, const json_t *stored)
{
	complete(given, stored, "cpu", "quota", "period");
	complete(given, stored, "cpu", "period", "quota");
	/* A swap limit counts memory too. */
	complete(given, stored, "memory", "swap", "limit");
}

/* ---- the record ---- */

static int save_config(const struct container *c, json_t *config, struct err *err)
{
	_free_ char *text = js_dump(config);

	return text ? io_write_file(c->dir, "config.json", text, strlen(text), 0600, false, err) :
		      err_errno(err, ENOMEM, "config.json");
}

/* The object linux.resources, made if it is not there. NULL without memory. */
static json_t *resources_of(json_t *config)
{
	json_t *parent = json_object_get(config, "linux"), *r;

	if (!json_is_object(parent)) {
		parent = json_object();
		json_object_set_new(config, "linux", parent);
	}
	r = json_object_get(parent, "resources");
	if (!json_is_object(r)) {
		r = json_object();
		json_object_set_new(parent, "resources", r);
	}
	return json_object_get(json_object_get(config, "linux"), "resources");
}

/* ---- the verb ---- */

/* The guest may have other numbers for the processors than the host. */
static int send(struct container *c, const json_t *resources, uint32_t vcpus, struct err *err)
{
	json_t *copy = sizing_guest_resources(resources, vcpus);

	return container_request(c, "update", copy ? json_pack("{s:o}", "resources", copy) : NULL,
				 MONITOR_REQUEST_MS, NULL, err);
}

/* ---- the size of the VM ---- */

struct size {
	struct hv_demand before, after;
	uint32_t vcpus, memory; /* that the VM has, memory in MiB; 0: of no interest */
};

static int demand_of(const json_t *resources, const struct sizing_host *host, struct hv_demand *ret,
		     struct err *err)
{
	_cleanup_(oci_resources_freep) struct oci_resources *parsed = NULL;
	int r = oci_resources_from_json(resources, "resources", &parsed, err);

	return r < 0 ? r : sizing_demand(parsed, "resources", host, ret, err);
}

static int plan_size(const json_t *stored, const json_t *merged, struct size *ret, struct err *err)
{
	struct sizing_host host;
	int r = sizing_host(&host, err);

	/* What the host had at create, it may have no more. */
	if (r >= 0 && demand_of(stored, &host, &ret->before, NULL) < 0)
		ret->before = (struct hv_demand){};
	return r < 0 ? r : demand_of(merged, &host, &ret->after, err);
}

static int resize(struct container *c, const struct hv_demand *d, struct size *s, struct err *err)
{
	static const struct hv_demand none;
	_json_ json_t *result = NULL;
	int r = container_request(c, "resize", sizing_params(c->state.id, d, &none),
				  MONITOR_RESIZE_MS, &result, err);

	if (r >= 0)
		r = sizing_result(result, &s->vcpus, &s->memory, err);
	if (r >= 0 && d->cpus > (uint64_t)s->vcpus * 1000)
		log_info("the virtual machine has %u processors and gets no more while it runs",
			 s->vcpus);
	return r;
}

/* Before the limits: there is nothing above them that is not there. */
static int grow(struct container *c, struct size *s, struct err *err)
{
	struct hv_demand most = hv_demand_max(&s->before, &s->after);

	if (most.memory == 0 && most.cpus == 0)
		return 0;
	return resize(c, &most, s, err);
}

/* After them; what the guest does not give back it keeps. */
static void shrink(struct container *c, const struct hv_demand *to, struct size *s)
{
	struct hv_demand most = hv_demand_max(&s->before, &s->after);
	struct err err = {};

	if (to->memory >= most.memory && to->cpus >= most.cpus)
		return;
	if (resize(c, to, s, &err) < 0)
		log_warn("%s", err.msg);
}

/* ---- the host's cgroup ---- */

static int limit_host(struct container *c, const json_t *resources, const struct size *s,
		      struct err *err)
{
	_cleanup_(oci_resources_freep) struct oci_resources *parsed = NULL;
	int r = oci_resources_from_json(resources, "resources", &parsed, err);

	return r < 0 ? r : limits_update(c, parsed, s->memory, err);
}

/* ---- the whole of it ---- */

/* Both sides have what they had before, as far as they can. */
static void set_back(struct container *c, json_t *stored, struct size *s)
{
	struct err err = {};

	/* It may have shrunk for the limits that could not be set. */
	if (grow(c, s, &err) < 0)
		log_warn("%s", err.msg);
	json_object_del(stored, "devices");
	if (send(c, stored, s->vcpus, &err) < 0 || limit_host(c, stored, s, &err) < 0)
		log_warn("Setting back cgroup configs failed due to error: %s", err.msg);
}

static int apply(struct container *c, json_t *stored, const json_t *given, struct err *err)
{
	_json_ json_t *merged = json_deep_copy(stored);
	struct size size = {};
	int r;

	if (!merged || update_merge(merged, given) < 0)
		return err_errno(err, ENOMEM, "update");
	r = plan_size(stored, merged, &size, err);
	if (r >= 0)
		r = grow(c, &size, err);
	if (r < 0)
		return r;
	r = send(c, given, size.vcpus, err);
	if (r >= 0)
		shrink(c, &size.after, &size);
	/* Last: the VM is as large as it is going to be, and has given back what it can. */
	if (r >= 0)
		r = limit_host(c, merged, &size, err);
	if (r < 0) {
		set_back(c, stored, &size);
		shrink(c, &size.before, &size);
	}
	return r;
}

static void warn(void *data, const char *msg)
{
	(void)data;
	log_warn("%s", msg);
}

/* Everything that can be refused without asking the guest. */
static int check(json_t *given, struct err *err)
{
	_cleanup_(oci_resources_freep) struct oci_resources *parsed = NULL;
	_cleanup_(oci_v2_plan_done) struct oci_v2_plan plan = {};
	int r;

	r = oci_resources_from_json(given, "resources", &parsed, err);
	return r < 0 ? r : oci_v2_plan(parsed, "resources", &plan, err);
}

int rt_update(const struct rt *rt, const char *id, const json_t *resources, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_json_ json_t *given = json_deep_copy(resources), *config = NULL;
	json_t *stored;
	int r;

	r = container_open(rt, id, true, &c, err);
	if (r < 0)
		return r;
	if (c.status == STATUS_STOPPED || c.status == STATUS_CREATING)
		return err_set(err, ESRCH, "container not running");
	r = container_config(c.dir, &config, err);
	if (r < 0)
		return r;
	stored = resources_of(config);
	if (!given || !stored)
		return err_errno(err, ENOMEM, "update");
	json_object_del(given, "devices");
	update_complete(given, stored);
	r = check(given, err);
	if (r < 0)
		return r;
	oci_warn_resources(given, warn, NULL);
	r = apply(&c, stored, given, err);
	if (r < 0)
		return r;
	return update_merge(stored, given) < 0 ? err_errno(err, ENOMEM, "update") :
						 save_config(&c, config, err);
}
