/* SPDX-License-Identifier: Apache-2.0 */
/* What is accepted but has no effect is said, never dropped in silence. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/config_fields.h"
#include "oci/names.h"

/* Version 1 could do these. */
#define NO_V2 "the guest's cgroups (version 2) have nothing like it"
#define LABEL .never = "it is a label of the host, and the virtual machine is the boundary"

/*
 * Fields that are known and checked but not applied yet: the issue that
 * applies one deletes its row. "[]" stands for every element of an array.
 */
static const struct unapplied {
	const char *path;
	const char *member; /* only this member of it counts; NULL: all of it */
	const char *value; /* only this string counts; NULL: anything but empty */
	const char *never; /* why it will not be applied; NULL: it will */
} unapplied[] = {
	{ "process.apparmorProfile", LABEL },
	{ "process.selinuxLabel", LABEL },
	{ "linux.resources", "network", NULL, NO_V2 },
	{ "linux.resources.cpu", "realtimeRuntime", NULL, NO_V2 },
	{ "linux.resources.cpu", "realtimePeriod", NULL, NO_V2 },
	{ "linux.resources.memory", "kernel", NULL, NO_V2 },
	{ "linux.resources.memory", "kernelTCP", NULL, NO_V2 },
	{ "linux.resources.memory", "swappiness", NULL, NO_V2 },
	{ "linux.resources.memory", "disableOOMKiller", NULL, NO_V2 },
	{ "linux.resources.blockIO", "leafWeight", NULL, NO_V2 },
	{ "linux.mountLabel", LABEL },
	{ "linux.intelRdt", NULL, NULL },
};

/* Callers write zeros for "unset" (docker: "cpu": {"shares": 0}), so a tree of nothing but zeros asks for nothing. */
static bool is_given(const json_t *v, const char *value)
{
	json_t *e;
	const char *key;
	size_t i;

	if (value)
		return json_is_string(v) && !strcmp(json_string_value(v), value);
	json_object_foreach((json_t *)v, key, e)
		if (is_given(e, NULL))
			return true;
	json_array_foreach(v, i, e)
		if (is_given(e, NULL))
			return true;
	return json_is_true(v) || (json_is_string(v) && json_string_length(v)) ||
	       json_integer_value(v) || json_real_value(v) < 0 || json_real_value(v) > 0;
}

static bool is_member_given(const json_t *v, const char *member)
{
	const json_t *e = json_object_get(v, member);

	/* Its unset is "absent" or -1: zero turns swapping off. */
	return e && (is_given(e, NULL) || (!strcmp(member, "swappiness") && json_is_integer(e)));
}

/* Follows the rest of a path below v. */
static bool is_given_at(const json_t *v, const char *path, const struct unapplied *u)
{
	char key[64];
	size_t n = strcspn(path, ".[");
	const json_t *e;
	size_t i;

	snprintf(key, sizeof(key), "%.*s", (int)n, path);
	if (n)
		v = json_object_get(v, key);
	path += n;
	if (!*path)
		return u->member ? is_member_given(v, u->member) : is_given(v, u->value);
	if (*path == '.')
		return is_given_at(v, path + 1, u);
	path += strlen("[]");
	json_array_foreach(v, i, e)
		if (is_given_at(e, *path == '.' ? path + 1 : path, u))
			return true;
	return false;
}

static char *unapplied_text(const struct unapplied *u)
{
	if (u->never)
		return str_printf("%s%s%s has no effect: %s", u->path, u->member ? "." : "",
				  u->member ? u->member : "", u->never);
	return u->value ? str_printf("%s \"%s\" is not applied yet", u->path, u->value) :
			  str_printf("%s is not applied yet", u->path);
}

static void warn_unapplied(const json_t *tree, const char *prefix, oci_warn_fn warn, void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(unapplied); i++) {
		const struct unapplied *u = &unapplied[i];
		_free_ char *msg = NULL;

		if (!str_has_prefix(u->path, prefix) ||
		    !is_given_at(tree, u->path + strlen(prefix), u))
			continue;
		msg = unapplied_text(u);
		warn(data, msg ? msg : "out of memory");
	}
}

static void warn_caps(char *const *names, const char *set, oci_warn_fn warn, void *data)
{
	for (size_t i = 0; names && names[i]; i++) {
		_free_ char *msg = NULL;

		if (oci_cap_number(names[i]) >= 0)
			continue;
		msg = str_printf("process.capabilities.%s: unknown capability \"%s\" is ignored",
				 set, names[i]);
		warn(data, msg ? msg : "out of memory");
	}
}

static void warn_process(const struct oci_process *p, oci_warn_fn warn, void *data)
{
	const struct oci_caps *caps = p->capabilities;

	if (!caps)
		return;
	warn_caps(caps->bounding, "bounding", warn, data);
	warn_caps(caps->effective, "effective", warn, data);
	warn_caps(caps->inheritable, "inheritable", warn, data);
	warn_caps(caps->permitted, "permitted", warn, data);
	warn_caps(caps->ambient, "ambient", warn, data);
}

/* In the tree: the struct has them cleaned. */
static void warn_destinations(const json_t *mounts, oci_warn_fn warn, void *data)
{
	const json_t *m;
	size_t i;

	json_array_foreach(mounts, i, m) {
		const char *path = js_get_str(m, "destination");
		_free_ char *msg = NULL;

		if (!path || path[0] == '/')
			continue;
		msg = str_printf(
			"mounts[%zu].destination: relative path \"%s\" is taken as relative to /",
			i, path);
		warn(data, msg ? msg : "out of memory");
	}
}

void oci_warn_process(const json_t *tree, const struct oci_process *p, oci_warn_fn warn, void *data)
{
	if (!warn)
		return;
	warn_unapplied(tree, "process.", warn, data);
	warn_process(p, warn, data);
}

void oci_warn_config(const struct oci_config *c, oci_warn_fn warn, void *data)
{
	if (!warn)
		return;
	warn_unapplied(c->tree, "", warn, data);
	warn_destinations(json_object_get(c->tree, "mounts"), warn, data);
	if (c->process)
		warn_process(c->process, warn, data);
}

void oci_warn_resources(const json_t *resources, oci_warn_fn warn, void *data)
{
	if (warn)
		warn_unapplied(resources, "linux.resources", warn, data);
}

bool oci_is_applied(const char *path, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(unapplied); i++) {
		const struct unapplied *u = &unapplied[i];

		if (!strcmp(u->path, path) && !u->member &&
		    (!u->value || (value && !strcmp(u->value, value))))
			return false;
	}
	return true;
}
