/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"

#define STATE_MAX_BYTES ((size_t)4 << 20)
#define UNIT_WORD "unit " /* a line of CGROUPS_FILE */

static const struct js_field process_fields[] = {
	{ .key = "pid",
	  .type = JS_I32,
	  .offset = offsetof(struct state_process, pid),
	  .flags = JS_REQUIRED },
	{ .key = "start",
	  .type = JS_U64,
	  .offset = offsetof(struct state_process, start),
	  .flags = JS_REQUIRED },
	{},
};

static const struct js_field device_fields[] = {
	{ .key = "path",
	  .type = JS_STR,
	  .offset = offsetof(struct state_device, path),
	  .flags = JS_REQUIRED },
	{ .key = "source",
	  .type = JS_STR,
	  .offset = offsetof(struct state_device, source),
	  .flags = JS_REQUIRED },
	{ .key = "kind",
	  .type = JS_STR,
	  .offset = offsetof(struct state_device, kind),
	  .flags = JS_REQUIRED },
	{ .key = "readonly", .type = JS_BOOL, .offset = offsetof(struct state_device, readonly) },
	{ .key = "fileMode", .type = JS_U32, .offset = offsetof(struct state_device, mode) },
	{ .key = "uid", .type = JS_U32, .offset = offsetof(struct state_device, uid) },
	{ .key = "gid", .type = JS_U32, .offset = offsetof(struct state_device, gid) },
	{ .key = "ready", .type = JS_BOOL, .offset = offsetof(struct state_device, ready) },
	{},
};

static const struct js_field volume_fields[] = {
	{ .key = "destination",
	  .type = JS_STR,
	  .offset = offsetof(struct state_volume, destination),
	  .flags = JS_REQUIRED },
	{ .key = "source",
	  .type = JS_STR,
	  .offset = offsetof(struct state_volume, source),
	  .flags = JS_REQUIRED },
	{ .key = "dir",
	  .type = JS_STR,
	  .offset = offsetof(struct state_volume, dir),
	  .flags = JS_REQUIRED },
	{ .key = "options", .type = JS_STRV, .offset = offsetof(struct state_volume, options) },
	{ .key = "fstype",
	  .type = JS_STR,
	  .offset = offsetof(struct state_volume, fstype),
	  .flags = JS_REQUIRED },
	{ .key = "kind",
	  .type = JS_STR,
	  .offset = offsetof(struct state_volume, kind),
	  .flags = JS_REQUIRED },
	{ .key = "readonly", .type = JS_BOOL, .offset = offsetof(struct state_volume, readonly) },
	{ .key = "index",
	  .type = JS_U32,
	  .offset = offsetof(struct state_volume, index),
	  .flags = JS_REQUIRED },
	{ .key = "ready", .type = JS_BOOL, .offset = offsetof(struct state_volume, ready) },
	{},
};

static const struct js_field fields[] = {
	{ .key = "version",
	  .type = JS_U32,
	  .offset = offsetof(struct state, version),
	  .flags = JS_REQUIRED },
	{ .key = "id", .type = JS_STR, .offset = offsetof(struct state, id), .flags = JS_REQUIRED },
	{ .key = "phase",
	  .type = JS_STR,
	  .offset = offsetof(struct state, phase),
	  .flags = JS_REQUIRED },
	{ .key = "boot_id",
	  .type = JS_STR,
	  .offset = offsetof(struct state, boot_id),
	  .flags = JS_REQUIRED },
	{ .key = "bundle",
	  .type = JS_STR,
	  .offset = offsetof(struct state, bundle),
	  .flags = JS_REQUIRED },
	{ .key = "rootfs",
	  .type = JS_STR,
	  .offset = offsetof(struct state, rootfs),
	  .flags = JS_REQUIRED },
	{ .key = "created",
	  .type = JS_STR,
	  .offset = offsetof(struct state, created),
	  .flags = JS_REQUIRED },
	{ .key = "monitor",
	  .type = JS_OBJ,
	  .offset = offsetof(struct state, monitor),
	  .sub = process_fields },
	{ .key = "standin",
	  .type = JS_OBJ,
	  .offset = offsetof(struct state, standin),
	  .sub = process_fields },
	{ .key = "overhead", .type = JS_U32, .offset = offsetof(struct state, overhead) },
	{ .key = "network", .type = JS_BOOL, .offset = offsetof(struct state, network) },
	{ .key = "macvtap", .type = JS_BOOL, .offset = offsetof(struct state, macvtap) },
	{ .key = "creator",
	  .type = JS_OBJ,
	  .offset = offsetof(struct state, creator),
	  .sub = process_fields },
	{ .key = "sandbox", .type = JS_STR, .offset = offsetof(struct state, sandbox) },
	{ .key = "netns", .type = JS_STR, .offset = offsetof(struct state, netns) },
	{ .key = "ports", .type = JS_STR, .offset = offsetof(struct state, ports) },
	{ .key = "interfaces", .type = JS_STRV, .offset = offsetof(struct state, interfaces) },
	{ .key = "given", .type = JS_ANY, .offset = offsetof(struct state, given) },
	{ .key = "devices",
	  .type = JS_ARR,
	  .offset = offsetof(struct state, devices),
	  .offset2 = offsetof(struct state, n_devices),
	  .sub = device_fields,
	  .size = sizeof(struct state_device) },
	{ .key = "volumes", .type = JS_STRV, .offset = offsetof(struct state, volumes) },
	{ .key = "added_volumes",
	  .type = JS_ARR,
	  .offset = offsetof(struct state, added),
	  .offset2 = offsetof(struct state, n_added),
	  .sub = volume_fields,
	  .size = sizeof(struct state_volume) },
	{ .key = "terminal", .type = JS_BOOL, .offset = offsetof(struct state, terminal) },
	{ .key = "annotations",
	  .type = JS_MAP,
	  .offset = offsetof(struct state, annotations),
	  .flags = JS_NULLABLE },
	{},
};

void state_done(struct state *s)
{
	js_free_fields(fields, s);
	strv_free(s->cgroups);
	s->cgroups = NULL;
	free(s->unit);
	s->unit = NULL;
}

void state_device_done(struct state_device *d)
{
	js_free_fields(device_fields, d);
}

void state_volume_done(struct state_volume *v)
{
	js_free_fields(volume_fields, v);
}

int state_save_cgroups(int dirfd, const struct state *s, struct err *err)
{
	_buf_ struct buf b = {};

	if (s->unit)
		buf_printf(&b, UNIT_WORD "%s\n", s->unit);
	for (char *const *dir = s->cgroups; dir && *dir; dir++)
		buf_printf(&b, "%s\n", *dir);
	if (!buf_ok(&b))
		return err_errno(err, ENOMEM, "%s", CGROUPS_FILE);
	return io_write_file(dirfd, CGROUPS_FILE, b.data ? b.data : "", b.len, 0600, false, err);
}

int state_load_cgroups(int dirfd, struct state *ret, struct err *err)
{
	_strv_ char **v = NULL;
	_free_ char *text = NULL, *unit = NULL;
	char *save = NULL, *line;
	int r;

	ret->cgroups = NULL;
	ret->unit = NULL;
	r = io_read_file(dirfd, CGROUPS_FILE, STATE_MAX_BYTES, &text, NULL, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!unit && str_has_prefix(line, UNIT_WORD) &&
		    !(unit = strdup(line + strlen(UNIT_WORD))))
			return err_errno(err, ENOMEM, "%s", CGROUPS_FILE);
		if (*line == '/' && (r = strv_add(&v, line)) < 0)
			return err_errno(err, -r, "%s", CGROUPS_FILE);
	}
	ret->cgroups = take_ptr(v);
	ret->unit = take_ptr(unit);
	return 0;
}

static json_t *process_json(const struct state_process *p)
{
	return json_pack("{s:i, s:o}", "pid", p->pid, "start", js_new_u64(p->start));
}

static json_t *devices_json(const struct state *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n_devices; i++) {
		const struct state_device *d = &s->devices[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:b}", "path",
						d->path, "source", d->source, "kind", d->kind,
						"readonly", (int)d->readonly, "fileMode",
						(json_int_t)d->mode, "uid", (json_int_t)d->uid,
						"gid", (json_int_t)d->gid, "ready", (int)d->ready));
	}
	return list;
}

static json_t *volumes_json(const struct state *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n_added; i++) {
		const struct state_volume *v = &s->added[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:b, s:I, s:b}",
					"destination", v->destination, "source", v->source, "dir",
					v->dir, "options", js_new_strv(v->options), "fstype",
					v->fstype, "kind", v->kind, "readonly", (int)v->readonly,
					"index", (json_int_t)v->index, "ready", (int)v->ready));
	}
	return list;
}

int state_save(int dirfd, const struct state *s, struct err *err)
{
	_json_ json_t *tree = NULL;
	_free_ char *text = NULL;

	tree = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b, s:b, s:s*, s:o, s:s*}",
			 "version", STATE_VERSION, "id", s->id, "phase", s->phase, "boot_id",
			 s->boot_id, "bundle", s->bundle, "rootfs", s->rootfs, "created", s->created,
			 "monitor", process_json(&s->monitor), "standin", process_json(&s->standin),
			 "terminal", (int)s->terminal, "network", (int)s->network, "netns",
			 s->netns, "interfaces", js_new_strv(s->interfaces), "sandbox", s->sandbox);
	if (tree && s->macvtap)
		json_object_set_new(tree, "macvtap", json_true());
	if (tree && s->overhead)
		json_object_set_new(tree, "overhead", json_integer(s->overhead));
	if (tree && s->ports)
		json_object_set_new(tree, "ports", json_string(s->ports));
	if (tree && s->given)
		json_object_set(tree, "given", s->given);
	if (tree && s->n_devices)
		json_object_set_new(tree, "devices", devices_json(s));
	if (tree && s->volumes)
		json_object_set_new(tree, "volumes", js_new_strv(s->volumes));
	if (tree && s->n_added)
		json_object_set_new(tree, "added_volumes", volumes_json(s));
	if (tree && s->creator.pid)
		json_object_set_new(tree, "creator", process_json(&s->creator));
	if (tree && s->annotations)
		json_object_set(tree, "annotations", s->annotations);
	text = tree ? js_dump(tree) : NULL;
	if (!text)
		return err_errno(err, ENOMEM, "%s", STATE_FILE);
	/* Under /run nothing survives a crash of the host anyway: no sync. */
	return io_write_file(dirfd, STATE_FILE, text, strlen(text), 0600, false, err);
}

int state_load(int dirfd, struct state *ret, struct err *err)
{
	struct js_ctx ctx = { .err = err };
	_json_ json_t *tree = NULL;
	_free_ char *text = NULL;
	size_t len;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = io_read_file(dirfd, STATE_FILE, STATE_MAX_BYTES, &text, &len, err);
	if (r >= 0)
		r = js_parse(text, len, NULL, &tree, err);
	if (r >= 0)
		r = js_decode(tree, fields, ret, "", &ctx);
	if (r >= 0 && ret->version != STATE_VERSION)
		r = err_set(err, EINVAL, "version %u is not supported", ret->version);
	if (r >= 0 && (ret->monitor.pid < 0 || ret->standin.pid < 0 || ret->creator.pid < 0))
		r = err_set(err, EINVAL, "negative pid");
	if (r >= 0)
		r = state_load_cgroups(dirfd, ret, err);
	if (r < 0) {
		state_done(ret);
		if (r != -ENOENT)
			err_wrap(err, "%s", STATE_FILE);
	}
	return r;
}

char *state_timestamp(void)
{
	struct timespec ts;
	char day[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (!gmtime_r(&ts.tv_sec, &tm) || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return NULL;
	return str_printf("%s.%09ldZ", day, ts.tv_nsec);
}
