/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: volumes, templates, and what there is. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "config/config.h"
#include "libruntime/api.h"
#include "libruntime/check.h"
#include "libruntime/spare.h"
#include "libruntime/template.h"
#include "libruntime/volume.h"
#include "oci/features.h"
#include "oci/spec.h"
#include "version.h"

/* ---- direct volumes ---- */

/* A volume's functions need one. */
static int need(const struct moat *m, const char *text, const char *what, struct err *err)
{
	int r = api_ready(m, err);

	return r < 0 || text ? r : err_set(err, EINVAL, "volume: %s is required", what);
}

int moat_volume_add(const struct moat *m, const char *path, const char *info, struct moat_error *err)
{
	int r = need(m, path, "path", api_err(err));

	if (r >= 0)
		r = need(m, info, "info", api_err(err));
	return r < 0 ? r : rt_volume_add(&m->rt, path, info, api_err(err));
}

int moat_volume_remove(const struct moat *m, const char *path, struct moat_error *err)
{
	int r = need(m, path, "path", api_err(err));

	return r < 0 ? r : rt_volume_remove(&m->rt, path, api_err(err));
}

int moat_volume_list(const struct moat *m, char **ret, struct moat_error *err)
{
	json_t *v = NULL;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_volume_list(&m->rt, &v, api_err(err));
	return r < 0 ? r : api_json(v, 2, ret, "volume", api_err(err));
}

int moat_volume_stats(const struct moat *m, const char *path, char **ret, struct moat_error *err)
{
	json_t *v = NULL;
	int r = need(m, path, "path", api_err(err));

	if (r >= 0)
		r = rt_volume_stats(&m->rt, path, &v, api_err(err));
	return r < 0 ? r : api_json(v, 2, ret, "volume", api_err(err));
}

int moat_volume_resize(const struct moat *m, const char *path, uint64_t bytes,
		       struct moat_error *err)
{
	int r = need(m, path, "path", api_err(err));

	return r < 0 ? r : rt_volume_resize(&m->rt, path, bytes, api_err(err));
}

/* ---- templates ---- */

int moat_template_create(const struct moat *m, uint32_t vcpus, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_template_create(&m->rt, vcpus, api_err(err));
}

static json_t *template_json(const struct rt_template *t)
{
	const struct template_meta *meta = &t->meta;
	json_t *obj = json_pack("{s:s, s:s, s:b, s:I, s:s}", "key", t->key, "state",
				rt_template_state_name(t->state), "current", (int)t->current,
				"bytes", (json_int_t)t->bytes, "why", t->why);

	if (obj && meta->kernel)
		json_object_update_new(
			obj, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "created",
				       meta->created, "hypervisor", meta->path, "kernel",
				       meta->kernel, "initrd", meta->initrd, "machine",
				       meta->machine, "accelerator", meta->accel, "memory",
				       (json_int_t)meta->memory, "vcpus", (json_int_t)meta->vcpus));
	return obj;
}

int moat_template_list(const struct moat *m, char **ret, struct moat_error *err)
{
	struct rt_template *list = NULL;
	json_t *arr = NULL;
	size_t n = 0;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = rt_template_list(&m->rt, &list, &n, api_err(err));
	if (r < 0)
		return r;
	arr = json_array();
	for (size_t i = 0; arr && i < n; i++)
		if (json_array_append_new(arr, template_json(&list[i])) < 0) {
			json_decref(arr);
			arr = NULL;
		}
	rt_template_list_free(list, n);
	return api_json(arr, 2, ret, "template", api_err(err));
}

int moat_template_remove(const struct moat *m, struct moat_error *err)
{
	int r = api_ready(m, api_err(err)), spares, templates;

	if (r < 0)
		return r;
	spares = rt_spare_remove(&m->rt, api_err(err));
	templates = spares < 0 ? 0 : rt_template_remove(&m->rt, api_err(err));
	return spares < 0 ? spares : templates < 0 ? templates : spares + templates;
}

int moat_template_fill(const struct moat *m, struct moat_error *err)
{
	int r = api_ready(m, api_err(err));

	return r < 0 ? r : rt_spare_fill(&m->rt, api_err(err));
}

/* ---- what there is ---- */

int moat_check(const struct moat *m, char **ret, struct moat_error *err)
{
	_cleanup_(check_report_done) struct check_report report = {};
	json_t *arr;
	int r = api_ready(m, api_err(err));

	if (r >= 0)
		r = check_run(&m->rt, NULL, &report, api_err(err));
	if (r < 0)
		return r;
	arr = json_array();
	for (size_t i = 0; arr && i < report.n; i++) {
		const struct check_row *row = &report.rows[i];

		if (json_array_append_new(arr, json_pack("{s:s, s:s, s:s, s:s}", "name", row->name,
							 "status", check_status_name(row->status),
							 "detail", row->detail, "next",
							 row->next)) < 0) {
			json_decref(arr);
			arr = NULL;
		}
	}
	r = api_json(arr, 2, ret, "check", api_err(err));
	return r < 0 ? r : !check_report_ok(&report);
}

int moat_features(char **ret, struct moat_error *err)
{
	return api_json(oci_features(json_pack("{s:s, s:s}", "io.moat.version", MOAT_VERSION,
					       "io.moat.commit", MOAT_COMMIT)),
			4, ret, "features", api_err(err));
}

int moat_oci_template(char **ret, struct moat_error *err)
{
	return api_json(oci_spec_template(), 4, ret, "spec", api_err(err));
}

static int document(void (*write)(struct buf *b), char **ret, struct err *err)
{
	_buf_ struct buf b = {};

	write(&b);
	return api_text(buf_ok(&b) ? buf_steal(&b) : NULL, ret, "document", err);
}

int moat_configuration_sample(char **ret, struct moat_error *err)
{
	return document(config_write_sample, ret, api_err(err));
}

int moat_configuration_keys(char **ret, struct moat_error *err)
{
	return document(config_write_man_keys, ret, api_err(err));
}
