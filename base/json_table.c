/* SPDX-License-Identifier: Apache-2.0 */
/*
 * js_decode(): a JSON object into a C struct by a table of fields. The way to
 * a value is a chain of places on the stack; its text is made only for a message.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

struct place {
	const struct place *parent;
	const char *key; /* NULL: an element */
	size_t index;
};

struct path_text {
	char s[512];
};

static size_t path_append(const struct place *at, char *buf, size_t size)
{
	size_t n = at->parent ? path_append(at->parent, buf, size) : 0;
	int m;

	if (at->key)
		m = snprintf(buf + n, size - n, "%s%s", n && *at->key ? "." : "", at->key);
	else
		m = snprintf(buf + n, size - n, "[%zu]", at->index);
	n += m < 0 ? 0 : (size_t)m;
	return n < size ? n : str_cut(buf, size - 1);
}

static struct path_text path_text(const struct place *at)
{
	struct path_text t;

	t.s[path_append(at, t.s, sizeof(t.s))] = '\0';
	if (t.s[0] == '\0')
		snprintf(t.s, sizeof(t.s), "the document");
	return t;
}

static const char *type_name(const json_t *v)
{
	if (js_is_int(v))
		return "an integer";
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_REAL:
		return "a number with a fraction or exponent";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	default:
		return "null";
	}
}

static int type_error(struct js_ctx *ctx, const struct place *at, const char *wanted,
		      const json_t *v)
{
	return err_set(ctx->err, EINVAL, "%s must be %s, not %s", path_text(at).s, wanted,
		       type_name(v));
}

static int no_memory(struct js_ctx *ctx, const struct place *at)
{
	return err_set(ctx->err, ENOMEM, "%s: out of memory", path_text(at).s);
}

/* A wrapped integer is an object to jansson only. */
static bool is_object(const json_t *v)
{
	return json_is_object(v) && !js_is_int(v);
}

/* What Go's omitempty leaves out. */
static bool is_empty(const json_t *v)
{
	if (js_is_int(v))
		return json_is_integer(v) && json_integer_value(v) == 0;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return json_object_size(v) == 0;
	case JSON_ARRAY:
		return json_array_size(v) == 0;
	case JSON_STRING:
		return json_string_length(v) == 0;
	case JSON_REAL:
		return json_real_value(v) == 0;
	case JSON_TRUE:
		return false;
	default:
		return true;
	}
}

/* ---- one value ---- */

static int decode_object(const json_t *obj, const struct js_field *fields, void *out,
			 const struct place *at, struct js_ctx *ctx);

static int decode_string(const json_t *v, char **ret, const struct place *at, struct js_ctx *ctx)
{
	if (!json_is_string(v))
		return type_error(ctx, at, "a string", v);
	*ret = strdup(json_string_value(v));
	return *ret ? 0 : no_memory(ctx, at);
}

static int decode_signed(const json_t *v, int64_t min, int64_t max, int64_t *ret,
			 const struct place *at, struct js_ctx *ctx)
{
	int64_t n;
	int r = js_i64(v, &n);

	if (r == -EINVAL)
		return type_error(ctx, at, "an integer", v);
	if (r < 0 || n < min || n > max)
		return err_set(ctx->err, ERANGE, "%s must be from %" PRId64 " to %" PRId64,
			       path_text(at).s, min, max);
	*ret = n;
	return 0;
}

static int decode_unsigned(const json_t *v, uint64_t max, uint64_t *ret, const struct place *at,
			   struct js_ctx *ctx)
{
	uint64_t n;
	int r = js_u64(v, &n);

	if (r == -EINVAL)
		return type_error(ctx, at, "an integer", v);
	if (r < 0 || n > max)
		return err_set(ctx->err, ERANGE, "%s must be from 0 to %" PRIu64, path_text(at).s,
			       max);
	*ret = n;
	return 0;
}

static int decode_number(const json_t *v, const struct js_field *f, void *member,
			 const struct place *at, struct js_ctx *ctx)
{
	int64_t i = 0;
	uint64_t u = 0;
	int r;

	switch (f->type) {
	case JS_I64:
		return decode_signed(v, INT64_MIN, INT64_MAX, member, at, ctx);
	case JS_U64:
		return decode_unsigned(v, UINT64_MAX, member, at, ctx);
	case JS_I32:
		r = decode_signed(v, INT32_MIN, INT32_MAX, &i, at, ctx);
		if (r == 0)
			*(int32_t *)member = (int32_t)i;
		return r;
	case JS_U32:
		r = decode_unsigned(v, UINT32_MAX, &u, at, ctx);
		if (r == 0)
			*(uint32_t *)member = (uint32_t)u;
		return r;
	default: /* JS_U16 */
		r = decode_unsigned(v, UINT16_MAX, &u, at, ctx);
		if (r == 0)
			*(uint16_t *)member = (uint16_t)u;
		return r;
	}
}

static int decode_real(const json_t *v, double *ret, const struct place *at, struct js_ctx *ctx)
{
	uint64_t u;

	if (json_is_number(v))
		*ret = json_number_value(v);
	else if (js_u64(v, &u) == 0)
		*ret = (double)u;
	else
		return type_error(ctx, at, "a number", v);
	return 0;
}

static int decode_strv(const json_t *v, char ***ret, const struct place *at, struct js_ctx *ctx)
{
	struct place item = { .parent = at };

	if (!json_is_array(v))
		return type_error(ctx, at, "an array of strings", v);
	size_t n = json_array_size(v);
	char **list = calloc(n + 1, sizeof(*list));
	if (!list)
		return no_memory(ctx, at);
	*ret = list; /* freed with the struct when an element is wrong */
	for (item.index = 0; item.index < n; item.index++) {
		int r = decode_string(json_array_get(v, item.index), &list[item.index], &item, ctx);

		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_u32_array(const json_t *v, uint32_t **ret, size_t *ret_n, const struct place *at,
			    struct js_ctx *ctx)
{
	struct place item = { .parent = at };

	if (!json_is_array(v))
		return type_error(ctx, at, "an array of integers", v);
	size_t n = json_array_size(v);
	if (n == 0)
		return 0;
	uint32_t *list = calloc(n, sizeof(*list));
	if (!list)
		return no_memory(ctx, at);
	*ret = list;
	*ret_n = n;
	for (item.index = 0; item.index < n; item.index++) {
		uint64_t u = 0;
		int r = decode_unsigned(json_array_get(v, item.index), UINT32_MAX, &u, &item, ctx);

		if (r < 0)
			return r;
		list[item.index] = (uint32_t)u;
	}
	return 0;
}

static int decode_array(const json_t *v, const struct js_field *f, void **ret, size_t *ret_n,
			const struct place *at, struct js_ctx *ctx)
{
	struct place item = { .parent = at };

	if (!json_is_array(v))
		return type_error(ctx, at, "an array of objects", v);
	size_t n = json_array_size(v);
	if (n == 0)
		return 0;
	char *list = calloc(n, f->size);
	if (!list)
		return no_memory(ctx, at);
	*ret = list; /* with all its elements: those not reached are zero, which can be freed */
	*ret_n = n;
	for (item.index = 0; item.index < n; item.index++) {
		int r = decode_object(json_array_get(v, item.index), f->sub,
				      list + item.index * f->size, &item, ctx);

		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_map(json_t *v, json_t **ret, const struct place *at, struct js_ctx *ctx)
{
	struct place item = { .parent = at };
	json_t *value;

	if (!is_object(v))
		return type_error(ctx, at, "an object of strings", v);
	json_object_foreach(v, item.key, value) {
		if (!json_is_string(value))
			return type_error(ctx, &item, "a string", value);
	}
	*ret = json_incref(v);
	return 0;
}

static int decode_value(json_t *v, const struct js_field *f, char *out, const struct place *at,
			struct js_ctx *ctx)
{
	void *member = out + f->offset;

	switch (f->type) {
	case JS_STR:
		return decode_string(v, member, at, ctx);
	case JS_BOOL:
		if (!json_is_boolean(v))
			return type_error(ctx, at, "a boolean", v);
		*(bool *)member = json_boolean_value(v);
		return 0;
	case JS_I64:
	case JS_U64:
	case JS_I32:
	case JS_U32:
	case JS_U16:
		return decode_number(v, f, member, at, ctx);
	case JS_REAL:
		return decode_real(v, member, at, ctx);
	case JS_STRV:
		return decode_strv(v, member, at, ctx);
	case JS_OBJ:
		return decode_object(v, f->sub, member, at, ctx);
	case JS_OBJP:
		if (!is_object(v))
			return type_error(ctx, at, "an object", v);
		*(void **)member = calloc(1, f->size);
		if (!*(void **)member)
			return no_memory(ctx, at);
		return decode_object(v, f->sub, *(void **)member, at, ctx);
	case JS_ARR:
		return decode_array(v, f, member, (size_t *)(out + f->offset2), at, ctx);
	case JS_U32ARR:
		return decode_u32_array(v, member, (size_t *)(out + f->offset2), at, ctx);
	case JS_MAP:
		return decode_map(v, member, at, ctx);
	case JS_ANY:
		*(json_t **)member = json_incref(v);
		return 0;
	}
	return err_set(ctx->err, EIO, "%s: unknown type %d in the field table", path_text(at).s,
		       (int)f->type);
}

/* ---- one object ---- */

static int decode_field(json_t *v, const struct js_field *f, char *out, const struct place *at,
			struct js_ctx *ctx)
{
	bool absent = !v || (json_is_null(v) && (f->flags & (JS_NULLABLE | JS_REFUSE)));
	int r;

	if (absent)
		return f->flags & JS_REQUIRED ?
			       err_set(ctx->err, EINVAL, "%s is required", path_text(at).s) :
			       0;
	if ((f->flags & JS_REFUSE) && !is_empty(v))
		return err_set(ctx->err, ENOTSUP, "%s: %s", path_text(at).s,
			       f->why ? f->why : "not supported");
	r = decode_value(v, f, out, at, ctx);
	if (r < 0)
		return r;
	if ((f->flags & JS_NONEMPTY) &&
	    (json_is_string(v) || json_is_array(v) || json_is_object(v)) && is_empty(v))
		return err_set(ctx->err, EINVAL, "%s must not be empty", path_text(at).s);
	if (f->offset_set)
		*(bool *)(out + f->offset_set - 1) = true;
	if (f->check) {
		r = f->check(out + f->offset, path_text(at).s, ctx->err);
		if (r < 0)
			return r;
	}
	if ((f->flags & JS_WARN) && ctx->on_warn)
		ctx->on_warn(ctx->data, path_text(at).s, f->why ? f->why : "not applied");
	return 0;
}

static int check_unknown(const json_t *obj, const struct js_field *fields, const struct place *at,
			 struct js_ctx *ctx)
{
	struct place item = { .parent = at };
	json_t *value;

	if (!ctx->strict && !ctx->on_unknown)
		return 0;
	json_object_foreach((json_t *)obj, item.key, value) {
		const struct js_field *f = fields;

		while (f->key && strcmp(f->key, item.key) != 0)
			f++;
		if (f->key)
			continue;
		if (ctx->strict)
			return err_set(ctx->err, EINVAL, "%s is unknown", path_text(&item).s);
		ctx->on_unknown(ctx->data, path_text(&item).s);
	}
	return 0;
}

static int decode_object(const json_t *obj, const struct js_field *fields, void *out,
			 const struct place *at, struct js_ctx *ctx)
{
	int r;

	if (!is_object(obj))
		return type_error(ctx, at, "an object", obj);
	r = check_unknown(obj, fields, at, ctx);
	if (r < 0)
		return r;
	for (const struct js_field *f = fields; f->key; f++) {
		struct place member = { .parent = at, .key = f->key };

		r = decode_field(json_object_get(obj, f->key), f, out, &member, ctx);
		if (r < 0)
			return r;
	}
	return 0;
}

int js_decode(const json_t *obj, const struct js_field *fields, void *out, const char *path,
	      struct js_ctx *ctx)
{
	struct place top = { .key = path ? path : "" };

	if (!obj)
		return err_set(ctx->err, EINVAL, "%s is missing", path_text(&top).s);
	return decode_object(obj, fields, out, &top, ctx);
}

/* ---- freeing ---- */

static void free_array(const struct js_field *f, void **items, size_t *count)
{
	for (size_t i = 0; f->type == JS_ARR && *items && i < *count; i++)
		js_free_fields(f->sub, (char *)*items + i * f->size);
	free(*items);
	*items = NULL;
	*count = 0;
}

void js_free_fields(const struct js_field *fields, void *out)
{
	for (const struct js_field *f = fields; f->key; f++) {
		void *member = (char *)out + f->offset;
		void **pointer = member;

		switch (f->type) {
		case JS_STR:
			free(*pointer);
			break;
		case JS_STRV:
			strv_free(*pointer);
			break;
		case JS_OBJ:
			js_free_fields(f->sub, member);
			continue;
		case JS_OBJP:
			if (*pointer)
				js_free_fields(f->sub, *pointer);
			free(*pointer);
			break;
		case JS_ARR:
		case JS_U32ARR:
			free_array(f, pointer, (size_t *)((char *)out + f->offset2));
			continue;
		case JS_MAP:
		case JS_ANY:
			json_decref(*pointer);
			break;
		default:
			continue; /* a number or boolean, nothing allocated */
		}
		*pointer = NULL;
	}
}
