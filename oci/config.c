/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "oci/config_fields.h"
#include "oci/validate.h"

static const struct js_field root_fields[] = {
	{ FIELD("path", JS_STR, oci_root, path), .flags = JS_REQUIRED | JS_NONEMPTY },
	{ FIELD("readonly", JS_BOOL, oci_root, readonly) },
	{ .key = NULL },
};

/* "solaris", "windows", "vm" and "zos" belong to other platforms; they are unknown keys here. */
const struct js_field oci_config_fields[] = {
	{ FIELD("ociVersion", JS_STR, oci_config, oci_version), .flags = JS_REQUIRED },
	{ FIELD("root", JS_OBJ, oci_config, root), HAS(oci_config, has_root), .sub = root_fields,
	  .flags = JS_REQUIRED },
	{ OBJECT("process", oci_config, process, oci_process, oci_process_fields),
	  .flags = JS_NULLABLE },
	{ FIELD("hostname", JS_STR, oci_config, hostname) },
	{ FIELD("domainname", JS_STR, oci_config, domainname) },
	{ LIST("mounts", oci_config, mounts, oci_mount, oci_mount_fields), .flags = JS_NULLABLE },
	{ OBJECT("hooks", oci_config, hooks, oci_hooks, oci_hooks_fields), .flags = JS_NULLABLE },
	{ FIELD("annotations", JS_MAP, oci_config, annotations), .flags = JS_NULLABLE },
	{ OBJECT("linux", oci_config, linux_, oci_linux, oci_linux_fields), .flags = JS_NULLABLE },
	{ .key = NULL },
};

static void log_unknown(void *data, const char *path)
{
	(void)data;
	log_debug("config.json: unknown key '%s' is ignored", path);
}

void oci_config_free(struct oci_config *c)
{
	if (!c)
		return;
	js_free_fields(oci_config_fields, c);
	json_decref(c->tree);
	free(c);
}

void oci_config_freep(struct oci_config **c)
{
	oci_config_free(*c);
	*c = NULL;
}

/* Makes every optional thing look the same whether it was absent, null or empty. */
static int normalise(struct oci_config *c, struct err *err)
{
	if (!c->linux_)
		c->linux_ = calloc(1, sizeof(*c->linux_));
	if (!c->linux_)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < c->linux_->n_namespaces; i++) {
		struct oci_namespace *ns = &c->linux_->namespaces[i];

		if (ns->path && !*ns->path) {
			free(ns->path);
			ns->path = NULL;
		}
	}
	return oci_mounts_normalise(c, err);
}

int oci_config_from_json(json_t *tree, oci_warn_fn warn, void *data, struct oci_config **ret,
			 struct err *err)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	struct js_ctx ctx = { .on_unknown = log_unknown, .err = err };
	const json_t *process;
	int r;

	if (!json_is_object(tree))
		return err_set(err, EINVAL, "config.json must be an object");
	/* The one missing member that has words of its own in runc, whatever else is missing. */
	process = json_object_get(tree, "process");
	if (!process || json_is_null(process))
		return err_set(err, EINVAL, "process property must not be empty");

	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	c->tree = json_incref(tree);
	r = js_decode(tree, oci_config_fields, c, "", &ctx);
	if (r < 0)
		return r;
	r = normalise(c, err);
	if (r < 0)
		return r;
	r = oci_config_validate(c, err);
	if (r < 0)
		return r;
	oci_warn_config(c, warn, data);
	*ret = take_ptr(c);
	return 0;
}

static int parse(const char *text, size_t len, json_t **ret, struct err *err)
{
	static const struct js_limits limits = { .max_bytes = OCI_CONFIG_MAX_BYTES };
	int r;

	if (!len)
		return err_set(err, EINVAL, "unexpected EOF");
	r = js_parse(text, len, &limits, ret, err);
	return r < 0 ? err_wrap(err, "config.json") : r;
}

int oci_config_parse(const char *text, size_t len, oci_warn_fn warn, void *data,
		     struct oci_config **ret, struct err *err)
{
	_json_ json_t *tree = NULL;
	int r = parse(text, len, &tree, err);

	return r < 0 ? r : oci_config_from_json(tree, warn, data, ret, err);
}

int oci_config_read(int bundle_fd, json_t **ret, struct err *err)
{
	_free_ char *text = NULL;
	size_t len = 0;
	int r;

	r = io_read_file(bundle_fd, "config.json", OCI_CONFIG_MAX_BYTES, &text, &len, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "JSON specification file config.json not found");
	if (r == -EFBIG)
		return err_set(err, EFBIG, "config.json is larger than %zu MiB",
			       OCI_CONFIG_MAX_BYTES >> 20);
	return r < 0 ? r : parse(text, len, ret, err);
}

int oci_config_load(int bundle_fd, oci_warn_fn warn, void *data, struct oci_config **ret,
		    struct err *err)
{
	_json_ json_t *tree = NULL;
	int r = oci_config_read(bundle_fd, &tree, err);

	return r < 0 ? r : oci_config_from_json(tree, warn, data, ret, err);
}

const struct oci_namespace *oci_namespace_find(const struct oci_config *c, const char *type)
{
	for (size_t i = 0; i < c->linux_->n_namespaces; i++)
		if (!strcmp(c->linux_->namespaces[i].type, type))
			return &c->linux_->namespaces[i];
	return NULL;
}
