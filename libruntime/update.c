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
#include "libruntime/monitor_client.h"
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

static int load_config(const struct container *c, json_t **ret, struct err *err)
{
	_free_ char *text = NULL;
	size_t len;
	int r;

	r = io_read_file(c->dir, "config.json", OCI_CONFIG_MAX_BYTES + 1, &text, &len, err);
	if (r >= 0)
		r = js_parse(text, len, NULL, ret, err);
	return r < 0 ? err_wrap(err, "container's configuration") : 0;
}

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

static int send(struct container *c, json_t *resources, struct err *err)
{
	return container_request(c, "update", json_pack("{s:O}", "resources", resources),
				 MONITOR_REQUEST_MS, NULL, err);
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
	struct err back = {};
	int r;

	r = container_open(rt, id, true, &c, err);
	if (r < 0)
		return r;
	if (c.status == STATUS_STOPPED || c.status == STATUS_CREATING)
		return err_set(err, ESRCH, "container not running");
	r = load_config(&c, &config, err);
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
	r = send(&c, given, err);
	if (r < 0) {
		json_object_del(stored, "devices");
		if (send(&c, stored, &back) < 0)
			log_warn("Setting back cgroup configs failed due to error: %s", back.msg);
		return r;
	}
	return update_merge(stored, given) < 0 ? err_errno(err, ENOMEM, "update") :
						 save_config(&c, config, err);
}
