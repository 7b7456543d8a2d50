// SPDX-License-Identifier: Apache-2.0
#include "standin/setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "wire/message.h"
#include "wire/setup_msg.h"

#define MAX_WARNINGS 64

static const char *const kind_names[] = {
	[KIND_BIND] = "bind",   [KIND_PROC] = "proc",     [KIND_SYSFS] = "sysfs",
	[KIND_TMPFS] = "tmpfs", [KIND_DEVPTS] = "devpts", [KIND_MQUEUE] = "mqueue",
	[KIND_DEV] = "dev",     [KIND_CGROUP] = "cgroup", [KIND_SKIP] = "skip",
};

static const struct js_field mount_fields[] = {
	{ .key = "destination",
	  .type = JS_STR,
	  .offset = offsetof(struct setup_mount, destination),
	  .flags = JS_REQUIRED | JS_NONEMPTY },
	{ .key = "kind",
	  .type = JS_STR,
	  .offset = offsetof(struct setup_mount, kind_name),
	  .flags = JS_REQUIRED },
	{ .key = "options", .type = JS_STR, .offset = offsetof(struct setup_mount, options) },
	{ .key = "fd",
	  .type = JS_I32,
	  .offset = offsetof(struct setup_mount, fd),
	  .offset_set = offsetof(struct setup_mount, has_fd) + 1 },
	{ .key = "file", .type = JS_BOOL, .offset = offsetof(struct setup_mount, file) },
	{ .key = "readonly", .type = JS_BOOL, .offset = offsetof(struct setup_mount, readonly) },
	{ .key = NULL },
};

static const struct js_field root_fields[] = {
	{ .key = "fd",
	  .type = JS_I32,
	  .offset = offsetof(struct setup, root.fd) - offsetof(struct setup, root),
	  .flags = JS_REQUIRED },
	{ .key = "readonly",
	  .type = JS_BOOL,
	  .offset = offsetof(struct setup, root.readonly) - offsetof(struct setup, root) },
	{ .key = NULL },
};

static const struct js_field passed_fields[] = {
	{ .key = "in", .type = JS_BOOL, .offset = offsetof(struct setup_passed, in) },
	{ .key = "out", .type = JS_BOOL, .offset = offsetof(struct setup_passed, out) },
	{ .key = NULL },
};

#define JOIN(name)                                                                         \
	{                                                                                  \
		.key = #name, .type = JS_I32,                                              \
		.offset = offsetof(struct setup, join.name) - offsetof(struct setup, join) \
	}
static const struct js_field join_fields[] = {
	JOIN(mnt), JOIN(uts), JOIN(ipc), JOIN(net), { .key = NULL },
};

static const struct js_field setup_fields[] = {
	{ .key = "id",
	  .type = JS_STR,
	  .offset = offsetof(struct setup, id),
	  .flags = JS_REQUIRED | JS_NONEMPTY },
	{ .key = "exec", .type = JS_STR, .offset = offsetof(struct setup, exec) },
	{ .key = "terminal", .type = JS_BOOL, .offset = offsetof(struct setup, terminal) },
	{ .key = "resolver", .type = JS_BOOL, .offset = offsetof(struct setup, resolver) },
	{ .key = "hostname", .type = JS_STR, .offset = offsetof(struct setup, hostname) },
	{ .key = "domainname", .type = JS_STR, .offset = offsetof(struct setup, domainname) },
	{ .key = "root",
	  .type = JS_OBJ,
	  .offset = offsetof(struct setup, root),
	  .sub = root_fields,
	  .offset_set = offsetof(struct setup, has_root) + 1 },
	{ .key = "mounts",
	  .type = JS_ARR,
	  .offset = offsetof(struct setup, mounts),
	  .offset2 = offsetof(struct setup, n_mounts),
	  .sub = mount_fields,
	  .size = sizeof(struct setup_mount) },
	{ .key = "passed",
	  .type = JS_ARR,
	  .offset = offsetof(struct setup, passed),
	  .offset2 = offsetof(struct setup, n_passed),
	  .sub = passed_fields,
	  .size = sizeof(struct setup_passed) },
	{ .key = "netns", .type = JS_I32, .offset = offsetof(struct setup, netns) },
	{ .key = "ipcns", .type = JS_I32, .offset = offsetof(struct setup, ipcns) },
	{ .key = "utsns", .type = JS_I32, .offset = offsetof(struct setup, utsns) },
	{ .key = "join",
	  .type = JS_OBJ,
	  .offset = offsetof(struct setup, join),
	  .sub = join_fields,
	  .offset_set = offsetof(struct setup, has_join) + 1 },
	{ .key = "n_fds", .type = JS_U32, .offset = offsetof(struct setup, n_fds_sent) },
	{ .key = NULL },
};

static int check_index(const struct setup *s, int32_t index, int32_t min, const char *what,
		       struct err *err)
{
	if (index < min || (index >= 0 && (size_t)index >= s->n_fds))
		return err_set(err, EINVAL, "set-up message: %s: no descriptor %d", what, index);
	return 0;
}

static int check_mount(const struct setup *s, struct setup_mount *m, struct err *err)
{
	size_t kind = 0;

	while (kind < ARRAY_SIZE(kind_names) && strcmp(m->kind_name, kind_names[kind]) != 0)
		kind++;
	if (kind == ARRAY_SIZE(kind_names))
		return err_set(err, EINVAL, "set-up message: mount of unknown kind '%s'",
			       m->kind_name);
	m->kind = (enum mount_kind)kind;
	if (!m->has_fd)
		m->fd = -1;
	return check_index(s, m->fd, m->kind == KIND_BIND ? 0 : -1, m->destination, err);
}

static int check(struct setup *s, struct err *err)
{
	const struct {
		const char *what;
		int32_t index, min;
	} rows[] = {
		{ "root", s->has_root ? s->root.fd : -1, s->has_root ? 0 : -1 },
		{ "netns", s->netns, -1 },
		{ "ipcns", s->ipcns, -1 },
		{ "utsns", s->utsns, -1 },
		{ "join.mnt", s->join.mnt, s->has_join ? 0 : -1 },
		{ "join.uts", s->join.uts, -1 },
		{ "join.ipc", s->join.ipc, -1 },
		{ "join.net", s->join.net, -1 },
	};
	int r;

	if (s->has_root == s->has_join)
		return err_set(err, EINVAL, "set-up message: needs either root or join");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		r = check_index(s, rows[i].index, rows[i].min, rows[i].what, err);
		if (r < 0)
			return r;
	}
	if (s->n_passed > WIRE_PASSED_MAX)
		return err_set(err, EINVAL, "set-up message: %zu passed descriptors", s->n_passed);
	for (size_t i = 0; i < s->n_mounts; i++) {
		r = check_mount(s, &s->mounts[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Takes json and fds, also on failure. */
static int decode(json_t *json, int *fds, size_t n_fds, struct setup *ret, struct err *err)
{
	struct js_ctx ctx = { .strict = true, .err = err };
	int r;

	*ret = (struct setup){
		.netns = -1,
		.ipcns = -1,
		.utsns = -1,
		.join = { -1, -1, -1, -1 },
	};
	ret->fds = fds;
	ret->n_fds = n_fds;
	ret->warnings = json_array();
	r = ret->warnings ? js_decode(json, setup_fields, ret, "", &ctx) :
			    err_errno(err, ENOMEM, "set-up message");
	json_decref(json);
	return r < 0 ? err_wrap(err, "set-up message") : check(ret, err);
}

int setup_recv(int sock, struct setup *ret, struct err *err)
{
	const struct setup_limits limits = { .max_fds = SETUP_MAX_FDS };
	json_t *json;
	size_t n_fds;
	int *fds, r;

	*ret = (struct setup){ 0 };
	r = setup_msg_recv(sock, &limits, &json, &fds, &n_fds, err);
	return r < 0 ? r : decode(json, fds, n_fds, ret, err);
}

void setup_done(struct setup *s)
{
	js_free_fields(setup_fields, s);
	setup_msg_close(s->fds, s->n_fds);
	json_decref(s->warnings);
	*s = (struct setup){ 0 };
}

int setup_fd(const struct setup *s, int32_t index)
{
	return index < 0 ? -EBADF : s->fds[index];
}

void setup_warn(struct setup *s, const char *fmt, ...)
{
	char text[1024], clean[1024];
	va_list ap;

	if (json_array_size(s->warnings) >= MAX_WARNINGS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	wire_clean_text(clean, sizeof(clean), text);
	json_array_append_new(s->warnings, json_string(clean));
}

int setup_reply(int sock, const struct setup *s, const struct err *failure, struct err *err)
{
	_json_ json_t *reply = NULL;
	char clean[sizeof(failure->msg)];

	if (failure) {
		wire_clean_text(clean, sizeof(clean), failure->msg);
		reply = json_pack("{s:{s:i,s:s}}", "error", "code",
				  failure->code > 0 ? failure->code : EIO, "message", clean);
	} else {
		reply = json_pack("{s:b,s:O}", "ok", 1, "warnings", s->warnings);
	}
	if (!reply)
		return err_errno(err, ENOMEM, "reply");
	return setup_msg_send(sock, reply, NULL, 0, err);
}
