/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of the field tables, found in tests/data/full.json, gets a value
 * of each other JSON type, and every integer the numbers at the edges.
 */
#include <inttypes.h>

#include "base/str.h"
#include "oci/config_fields.h"
#include "tests/unit/test_oci.h"

static json_t *doc; /* full.json; a mutation is undone before the next */
static unsigned int n_keys, n_mutations;

static const char *const others[] = { "null",  "true", "7",  "1.5",
				      "\"x\"", "[]",   "{}", "18446744073709551615" };

enum kind { KIND_STRING, KIND_BOOL, KIND_INT, KIND_ARRAY, KIND_OBJECT };

static enum kind kind_of(const struct js_field *f)
{
	switch (f->type) {
	case JS_STR:
		return KIND_STRING;
	case JS_BOOL:
		return KIND_BOOL;
	case JS_STRV:
	case JS_U32ARR:
	case JS_ARR:
		return KIND_ARRAY;
	case JS_OBJ:
	case JS_OBJP:
	case JS_MAP:
	case JS_ANY: /* all of ours are objects */
		return KIND_OBJECT;
	default:
		return KIND_INT;
	}
}

static bool is_kind(const json_t *v, enum kind kind)
{
	switch (kind) {
	case KIND_STRING:
		return json_is_string(v);
	case KIND_BOOL:
		return json_is_boolean(v);
	case KIND_INT:
		return js_is_int(v);
	case KIND_ARRAY:
		return json_is_array(v);
	default:
		return json_is_object(v) && !js_is_int(v);
	}
}

/* Parses the document as it is now. Accepted: 0. Refused: the message must name the path. */
static int check_doc(const char *path, const char *value)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	struct err err = { 0 };
	int r = oci_config_from_json(doc, NULL, NULL, &c, &err);

	n_mutations++;
	if (r < 0) {
		ck_assert_msg(strstr(err.msg, path) != NULL,
			      "%s = %s: message \"%s\" does not name it", path, value, err.msg);
		ck_assert_int_eq(r, -err.code);
		ck_assert_ptr_null(c);
	}
	return r;
}

static void set(json_t *parent, const char *key, size_t index, json_t *v)
{
	if (key)
		json_object_set(parent, key, v);
	else
		json_array_set(parent, index, v);
}

/* Puts values of every other type at one place. */
static void mutate(json_t *parent, const char *key, size_t index, enum kind kind, bool nullable,
		   const char *path)
{
	json_t *old = json_incref(key ? json_object_get(parent, key) :
					json_array_get(parent, index));

	ck_assert_msg(is_kind(old, kind), "%s in full.json", path);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_json_ json_t *v = text_json(others[i]);
		int r;

		if (is_kind(v, kind))
			continue;
		set(parent, key, index, v);
		r = check_doc(path, others[i]);
		ck_assert_msg(r < 0 || (nullable && json_is_null(v)), "%s = %s was accepted", path,
			      others[i]);
	}
	set(parent, key, index, old);
	json_decref(old);
	ck_assert_int_eq(check_doc("full.json", "restored"), 0);
}

static void walk(const struct js_field *fields, json_t *object, const char *prefix);

static void walk_elements(const struct js_field *f, json_t *array, const char *path)
{
	enum kind kind = f->type == JS_STRV   ? KIND_STRING :
			 f->type == JS_U32ARR ? KIND_INT :
						KIND_OBJECT;

	if (f->flags & JS_REFUSE)
		return;
	ck_assert_msg(json_array_size(array) > 0, "%s is empty in full.json", path);
	for (size_t i = 0; i < json_array_size(array); i++) {
		_free_ char *element = str_printf("%s[%zu]", path, i);

		mutate(array, NULL, i, kind, false, element);
		if (f->type == JS_ARR)
			walk(f->sub, json_array_get(array, i), element);
	}
}

static void walk_map(json_t *map, const char *path)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(map, next, key, value) {
		_free_ char *member = str_printf("%s.%s", path, key);

		mutate(map, key, 0, KIND_STRING, false, member);
	}
}

/* In later elements of an array optional keys may be missing: the first one has them all. */
static void walk(const struct js_field *fields, json_t *object, const char *prefix)
{
	for (const struct js_field *f = fields; f->key; f++) {
		_free_ char *path = str_printf("%s%s%s", prefix, *prefix ? "." : "", f->key);
		json_t *v = json_object_get(object, f->key);

		if (!v && strchr(prefix, '[') && !strstr(prefix, "[0]"))
			continue;
		if (!v && strstr(prefix, "mounts[0]")) /* its mappings are in mounts[1] */
			continue;
		ck_assert_msg(v != NULL, "full.json lacks %s", path);
		n_keys++;
		mutate(object, f->key, 0, kind_of(f), f->flags & JS_NULLABLE, path);
		if (f->type == JS_OBJ || f->type == JS_OBJP)
			walk(f->sub, v, path);
		else if (f->type == JS_MAP)
			walk_map(v, path);
		else if (kind_of(f) == KIND_ARRAY)
			walk_elements(f, v, path);
	}
}

START_TEST(wrong_types)
{
	doc = data_json("full.json");
	n_keys = n_mutations = 0;
	/* Without a process the message has runc's words. */
	walk(oci_config_fields, doc, "");
	json_decref(doc);
	printf("%u keys, %u documents\n", n_keys, n_mutations);
	ck_assert_uint_gt(n_keys, 120);
	ck_assert_uint_gt(n_mutations, 900);
}
END_TEST

START_TEST(missing_keys)
{
	static const struct {
		const char *object, *key, *message;
	} cases[] = {
		{ NULL, "ociVersion", "ociVersion is required" },
		{ NULL, "root", "root is required" },
		{ NULL, "process", "process property must not be empty" },
		{ NULL, "linux", "linux.namespaces: " },
		{ "root", "path", "root.path is required" },
		{ "process", "args", "process.args is required" },
		{ "process", "cwd", "process.cwd is required" },
		{ "linux", "namespaces", "linux.namespaces: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ json_t *d = minimal(NULL);
		struct oci_config *c = NULL;
		struct err err = { 0 };

		json_object_del(cases[i].object ? json_object_get(d, cases[i].object) : d,
				cases[i].key);
		unit_fails(oci_config_from_json(d, NULL, NULL, &c, &err), EINVAL, &err,
			   cases[i].message);
	}
}
END_TEST

/* ---- numbers ---- */

#define PLACE "\"@here@\""

static const struct number {
	const char *text;
	bool integer; /* and then its value: */
	__int128 value;
} numbers[] = {
	{ "0", true, 0 },
	{ "-0", true, 0 },
	{ "-1", true, -1 },
	{ "65535", true, 65535 },
	{ "65536", true, 65536 },
	{ "2147483647", true, INT32_MAX },
	{ "2147483648", true, (__int128)INT32_MAX + 1 },
	{ "-2147483648", true, INT32_MIN },
	{ "-2147483649", true, (__int128)INT32_MIN - 1 },
	{ "4294967295", true, UINT32_MAX },
	{ "4294967296", true, (__int128)UINT32_MAX + 1 },
	{ "9223372036854775807", true, INT64_MAX },
	{ "9223372036854775808", true, (__int128)INT64_MAX + 1 },
	{ "-9223372036854775808", true, INT64_MIN },
	{ "-9223372036854775809", true, (__int128)INT64_MIN - 1 },
	{ "18446744073709551615", true, UINT64_MAX },
	{ "18446744073709551616", true, (__int128)UINT64_MAX + 1 },
	{ "99999999999999999999999999999999999999", true, ((__int128)1 << 100) },
	{ "1.5", false, 0 },
	{ "1.0", false, 0 },
	{ "1e2", false, 0 },
	{ "1e400", false, 0 },
	{ "-1e400", false, 0 },
};

static bool fits(enum js_type type, __int128 v)
{
	switch (type) {
	case JS_I64:
		return v >= INT64_MIN && v <= INT64_MAX;
	case JS_U64:
		return v >= 0 && v <= UINT64_MAX;
	case JS_I32:
		return v >= INT32_MIN && v <= INT32_MAX;
	case JS_U32:
		return v >= 0 && v <= UINT32_MAX;
	default:
		return v >= 0 && v <= UINT16_MAX;
	}
}

static __int128 read_member(enum js_type type, const char *p)
{
	switch (type) {
	case JS_I64:
		return *(const int64_t *)p;
	case JS_U64:
		return *(const uint64_t *)p;
	case JS_I32:
		return *(const int32_t *)p;
	case JS_U32:
		return *(const uint32_t *)p;
	default:
		return *(const uint16_t *)p;
	}
}

/* The whole document as text with the number in place of the marker. */
static void try_number(const char *text, const struct number *n, enum js_type type, const char *path)
{
	const char *at = strstr(text, PLACE);
	_free_ char *parent = strndup(path, (size_t)(strrchr(path, '.') - path));
	_free_ char *with = str_printf("%.*s%s%s", (int)(at - text), text, n->text,
				       at + strlen(PLACE));
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	struct err err = { 0 };
	int r = oci_config_parse(with, strlen(with), NULL, NULL, &c, &err);

	n_mutations++;
	ck_assert_msg(r < 0 || (n->integer && fits(type, n->value)), "%s = %s was accepted", path,
		      n->text);
	/* The parser refuses what no type holds, by place; validation may refuse what fits, also by its parent's name. */
	ck_assert_msg(r == 0 || strstr(err.msg, path) ||
			      strstr(err.msg, "config.json: line 1, column") ||
			      (n->integer && fits(type, n->value) && strstr(err.msg, parent)),
		      "%s = %s: message \"%s\"", path, n->text, err.msg);
}

/* The row alone decodes to exactly this value. */
static void try_exact(const struct js_field *f, const struct number *n)
{
	struct js_field one[2] = { *f, { .key = NULL } };
	_free_ char *text = str_printf("{\"%s\":%s}", f->key, n->text);
	char out[sizeof(struct oci_config) + sizeof(struct oci_process)]
		__attribute__((aligned(16))) = { 0 };
	struct err err = { 0 };
	struct js_ctx ctx = { .err = &err };
	_json_ json_t *v = text_json(text);

	one[0].check = NULL; /* of the meaning, which is narrower than the type */
	unit_ok(js_decode(v, one, out, "", &ctx), &err);
	ck_assert_msg(read_member(f->type, out + f->offset) == n->value, "%s = %s", f->key, n->text);
}

static void numbers_at(json_t *parent, const struct js_field *f, const char *path)
{
	json_t *old = json_incref(json_object_get(parent, f->key));
	_free_ char *text = NULL;

	json_object_set_new(parent, f->key, json_string("@here@"));
	text = js_dump(doc);
	json_object_set_new(parent, f->key, old);
	n_keys++;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		try_number(text, &numbers[i], f->type, path);
		if (numbers[i].integer && fits(f->type, numbers[i].value))
			try_exact(f, &numbers[i]);
	}
}

static void walk_numbers(const struct js_field *fields, json_t *object, const char *prefix)
{
	for (const struct js_field *f = fields; f->key; f++) {
		_free_ char *path = str_printf("%s%s%s", prefix, *prefix ? "." : "", f->key);
		json_t *v = json_object_get(object, f->key);

		if (!v)
			continue;
		if (kind_of(f) == KIND_INT)
			numbers_at(object, f, path);
		if (f->type == JS_OBJ || f->type == JS_OBJP)
			walk_numbers(f->sub, v, path);
		for (size_t i = 0; f->type == JS_ARR && i < json_array_size(v); i++) {
			_free_ char *element = str_printf("%s[%zu]", path, i);

			walk_numbers(f->sub, json_array_get(v, i), element);
		}
	}
}

START_TEST(edge_numbers)
{
	doc = data_json("full.json");
	n_keys = n_mutations = 0;
	walk_numbers(oci_config_fields, doc, "");
	json_decref(doc);
	printf("%u integers, %u documents\n", n_keys, n_mutations);
	ck_assert_uint_gt(n_keys, 35);
}
END_TEST

START_TEST(edge_numbers_in_gids)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		_free_ char *patch = str_printf(
			"{\"process\":{\"user\":{\"additionalGids\":[0,%s]}}}", numbers[i].text);
		_cleanup_(oci_config_freep) struct oci_config *c = NULL;
		_json_ json_t *p = NULL, *d = minimal(NULL);
		struct err err = { 0 };
		int r = js_parse(patch, strlen(patch), NULL, &p, &err);

		if (r < 0)
			continue; /* as no type holds it */
		json_object_update_recursive(d, p);
		r = oci_config_from_json(d, NULL, NULL, &c, &err);
		if (r < 0)
			ck_assert_ptr_nonnull(strstr(err.msg, "process.user.additionalGids[1]"));
		else
			ck_assert(c->process->user.additional_gids[1] == numbers[i].value);
		ck_assert(r < 0 || fits(JS_U32, numbers[i].value));
	}
}
END_TEST

UNIT_MAIN("oci_mutate", wrong_types, missing_keys, edge_numbers, edge_numbers_in_gids)
