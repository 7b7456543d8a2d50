/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "tests/unit/unit.h"

struct item {
	char *name;
	int32_t n;
};

struct sub {
	char *s;
	struct item *items;
	size_t n_items;
};

struct all {
	char *str;
	bool flag, flag_set;
	int64_t i64;
	uint64_t u64;
	int32_t i32;
	uint32_t u32;
	uint16_t u16;
	double real;
	char **strv;
	struct sub obj;
	struct sub *objp;
	struct item *arr;
	size_t n_arr;
	uint32_t *u32arr;
	size_t n_u32arr;
	json_t *map;
	json_t *any;
};

#define AT(type, member) offsetof(struct type, member)

static const struct js_field item_fields[] = {
	{ "name", JS_STR, AT(item, name), .flags = JS_REQUIRED | JS_NONEMPTY },
	{ "n", JS_I32, AT(item, n) },
	{ 0 },
};

static const struct js_field sub_fields[] = {
	{ "s", JS_STR, AT(sub, s), .flags = JS_NONEMPTY },
	{ "items", JS_ARR, AT(sub, items), AT(sub, n_items), .sub = item_fields,
	  .size = sizeof(struct item) },
	{ 0 },
};

static const struct js_field fields[] = {
	{ "str", JS_STR, AT(all, str) },
	{ "flag", JS_BOOL, AT(all, flag), .offset_set = AT(all, flag_set) + 1 },
	{ "i64", JS_I64, AT(all, i64) },
	{ "u64", JS_U64, AT(all, u64) },
	{ "i32", JS_I32, AT(all, i32) },
	{ "u32", JS_U32, AT(all, u32) },
	{ "u16", JS_U16, AT(all, u16) },
	{ "real", JS_REAL, AT(all, real) },
	{ "strv", JS_STRV, AT(all, strv) },
	{ "obj", JS_OBJ, AT(all, obj), .sub = sub_fields },
	{ "objp", JS_OBJP, AT(all, objp), .sub = sub_fields, .size = sizeof(struct sub) },
	{ "arr", JS_ARR, AT(all, arr), AT(all, n_arr), .sub = item_fields,
	  .size = sizeof(struct item) },
	{ "u32arr", JS_U32ARR, AT(all, u32arr), AT(all, n_u32arr) },
	{ "map", JS_MAP, AT(all, map) },
	{ "any", JS_ANY, AT(all, any) },
	{ 0 },
};

static struct err err;
static struct js_ctx ctx = { .err = &err };

static int decode(const char *text, const struct js_field *table, void *out, const char *path)
{
	_json_ json_t *v = NULL;
	struct err parse_err = { 0 };

	unit_ok(js_parse(text, strlen(text), NULL, &v, &parse_err), &parse_err);
	memset(&err, 0, sizeof(err));
	return js_decode(v, table, out, path, &ctx);
}

static void fails(const char *text, int code, const char *message)
{
	struct all a = { 0 }, zero;
	int r = decode(text, fields, &a, "");

	ck_assert_msg(r == -code, "%d for %s: %s", r, text, err.msg);
	ck_assert_str_eq(err.msg, message);
	/* Half filled: everything can be freed and is NULL then. */
	js_free_fields(fields, &a);
	memset(&zero, 0, sizeof(zero));
	ck_assert_ptr_null(a.str);
	ck_assert_ptr_null(a.strv);
	ck_assert_ptr_null(a.objp);
	ck_assert_ptr_null(a.arr);
	ck_assert_ptr_null(a.map);
	ck_assert_mem_eq(&a.obj, &zero.obj, sizeof(a.obj));
	js_free_fields(fields, &a);
	ck_assert_int_eq(decode(text, fields, &zero, ""), -code);
	js_free_fields(fields, &zero);
}

START_TEST(every_type)
{
	struct all a = { 0 };

	unit_ok(decode("{\"str\":\"x\",\"flag\":false,\"i64\":-9223372036854775808,\"u64\":18446744073709551615,"
		       "\"i32\":-2147483648,\"u32\":4294967295,\"u16\":65535,\"real\":1.5,\"strv\":[\"a\",\"\"],"
		       "\"obj\":{\"s\":\"in\",\"items\":[{\"name\":\"i0\",\"n\":1},{\"name\":\"i1\"}]},"
		       "\"objp\":{\"items\":[]},\"arr\":[{\"name\":\"e\",\"n\":-1}],\"u32arr\":[0,4294967295],"
		       "\"map\":{\"k\":\"v\"},\"any\":[1,{}]}",
		       fields, &a, ""),
		&err);
	ck_assert_str_eq(a.str, "x");
	ck_assert(!a.flag && a.flag_set);
	ck_assert(a.i64 == INT64_MIN && a.u64 == UINT64_MAX && a.i32 == INT32_MIN &&
		  a.u32 == UINT32_MAX);
	ck_assert(a.u16 == UINT16_MAX && a.real == 1.5);
	ck_assert_uint_eq(strv_len(a.strv), 2);
	ck_assert_str_eq(a.strv[0], "a");
	ck_assert_str_eq(a.obj.s, "in");
	ck_assert_uint_eq(a.obj.n_items, 2);
	ck_assert_str_eq(a.obj.items[1].name, "i1");
	ck_assert_int_eq(a.obj.items[0].n, 1);
	ck_assert_ptr_nonnull(a.objp);
	ck_assert_ptr_null(a.objp->s);
	ck_assert_uint_eq(a.objp->n_items, 0);
	ck_assert_ptr_null(a.objp->items);
	ck_assert_uint_eq(a.n_arr, 1);
	ck_assert_int_eq(a.arr[0].n, -1);
	ck_assert_uint_eq(a.n_u32arr, 2);
	ck_assert_uint_eq(a.u32arr[1], UINT32_MAX);
	ck_assert_str_eq(js_get_str(a.map, "k"), "v"); /* lives on without the document */
	ck_assert_uint_eq(json_array_size(a.any), 2);
	js_free_fields(fields, &a);
}
END_TEST

START_TEST(absent_and_lenient)
{
	struct all a, zero;

	memset(&a, 0, sizeof(a)); /* padding too */
	memset(&zero, 0, sizeof(zero));
	unit_ok(decode("{}", fields, &a, ""), &err);
	ck_assert_mem_eq(&a, &zero, sizeof(a));
	/* An integer is good enough for a real, of any size. */
	unit_ok(decode("{\"real\":3}", fields, &a, ""), &err);
	ck_assert(a.real == 3);
	unit_ok(decode("{\"real\":18446744073709551615}", fields, &a, ""), &err);
	ck_assert(a.real == 18446744073709551615.0);
	unit_ok(decode("{\"any\":18446744073709551615}", fields, &a, ""), &err);
	ck_assert(js_is_int(a.any));
	js_free_fields(fields, &a);
	unit_ok(decode("{\"any\":null,\"strv\":[]}", fields, &a, ""), &err);
	ck_assert(json_is_null(a.any));
	ck_assert_ptr_nonnull(a.strv);
	ck_assert_ptr_null(a.strv[0]);
	js_free_fields(fields, &a);
}
END_TEST

START_TEST(type_errors)
{
	fails("[]", EINVAL, "the document must be an object, not an array");
	fails("18446744073709551615", EINVAL, "the document must be an object, not an integer");
	fails("{\"str\":1}", EINVAL, "str must be a string, not an integer");
	fails("{\"str\":18446744073709551615}", EINVAL, "str must be a string, not an integer");
	fails("{\"str\":null}", EINVAL, "str must be a string, not null");
	fails("{\"flag\":\"true\"}", EINVAL, "flag must be a boolean, not a string");
	fails("{\"flag\":0}", EINVAL, "flag must be a boolean, not an integer");
	fails("{\"i64\":true}", EINVAL, "i64 must be an integer, not a boolean");
	fails("{\"i64\":1.0}", EINVAL,
	      "i64 must be an integer, not a number with a fraction or exponent");
	fails("{\"u64\":{}}", EINVAL, "u64 must be an integer, not an object");
	fails("{\"real\":\"1\"}", EINVAL, "real must be a number, not a string");
	fails("{\"strv\":\"a\"}", EINVAL, "strv must be an array of strings, not a string");
	fails("{\"strv\":[\"a\",5,\"b\"]}", EINVAL, "strv[1] must be a string, not an integer");
	fails("{\"obj\":[]}", EINVAL, "obj must be an object, not an array");
	fails("{\"obj\":18446744073709551615}", EINVAL, "obj must be an object, not an integer");
	fails("{\"obj\":{\"s\":5}}", EINVAL, "obj.s must be a string, not an integer");
	fails("{\"objp\":18446744073709551615}", EINVAL, "objp must be an object, not an integer");
	fails("{\"objp\":{\"s\":\"x\",\"items\":{}}}", EINVAL,
	      "objp.items must be an array of objects, not an object");
	fails("{\"arr\":{}}", EINVAL, "arr must be an array of objects, not an object");
	fails("{\"arr\":[{\"name\":\"a\"},null]}", EINVAL, "arr[1] must be an object, not null");
	fails("{\"arr\":[{\"name\":\"a\"},{\"name\":\"b\",\"n\":\"\"},{}]}", EINVAL,
	      "arr[1].n must be an integer, not a string");
	fails("{\"u32arr\":7}", EINVAL, "u32arr must be an array of integers, not an integer");
	fails("{\"u32arr\":[1,\"2\"]}", EINVAL, "u32arr[1] must be an integer, not a string");
	fails("{\"map\":[]}", EINVAL, "map must be an object of strings, not an array");
	fails("{\"map\":18446744073709551615}", EINVAL,
	      "map must be an object of strings, not an integer");
	fails("{\"map\":{\"a\":\"x\",\"b\":1}}", EINVAL, "map.b must be a string, not an integer");
	fails("{\"str\":\"s\",\"obj\":{\"items\":[{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":5}]}}",
	      EINVAL, "obj.items[2].name must be a string, not an integer");
}
END_TEST

START_TEST(ranges)
{
	fails("{\"i64\":9223372036854775808}", ERANGE,
	      "i64 must be from -9223372036854775808 to 9223372036854775807");
	fails("{\"u64\":-1}", ERANGE, "u64 must be from 0 to 18446744073709551615");
	fails("{\"i32\":2147483648}", ERANGE, "i32 must be from -2147483648 to 2147483647");
	fails("{\"i32\":-2147483649}", ERANGE, "i32 must be from -2147483648 to 2147483647");
	fails("{\"i32\":18446744073709551615}", ERANGE,
	      "i32 must be from -2147483648 to 2147483647");
	fails("{\"u32\":4294967296}", ERANGE, "u32 must be from 0 to 4294967295");
	fails("{\"u16\":65536}", ERANGE, "u16 must be from 0 to 65535");
	fails("{\"u16\":-1}", ERANGE, "u16 must be from 0 to 65535");
	fails("{\"u32arr\":[0,-1]}", ERANGE, "u32arr[1] must be from 0 to 4294967295");
}
END_TEST

/* ---- flags ---- */

struct flagged {
	char *req, *nonempty, *nullable, *warn;
	char **list;
	json_t *refused;
	json_t *map;
	bool nullable_set;
	int32_t number;
};

static int check_number(const void *field, const char *path, struct err *e)
{
	return *(const int32_t *)field == 13 ? err_set(e, EDOM, "%s brings bad luck", path) : 0;
}

static const struct js_field flagged_fields[] = {
	{ "req", JS_STR, AT(flagged, req), .flags = JS_REQUIRED },
	{ "nonempty", JS_STR, AT(flagged, nonempty), .flags = JS_NONEMPTY },
	{ "list", JS_STRV, AT(flagged, list), .flags = JS_NONEMPTY | JS_NULLABLE },
	{ "map", JS_MAP, AT(flagged, map), .flags = JS_NULLABLE },
	{ "nullable", JS_STR, AT(flagged, nullable), .flags = JS_NULLABLE,
	  .offset_set = AT(flagged, nullable_set) + 1 },
	{ "warn", JS_STR, AT(flagged, warn), .flags = JS_WARN, .why = "is the kernel's business" },
	{ "refused", JS_ANY, AT(flagged, refused), .flags = JS_REFUSE,
	  .why = "there is no such thing in a VM" },
	{ "plain", JS_ANY, AT(flagged, refused), .flags = JS_REFUSE },
	{ "number", JS_I32, AT(flagged, number), .check = check_number },
	{ 0 },
};

static void flagged_fails(const char *text, int code, const char *message)
{
	struct flagged f = { 0 };

	ck_assert_int_eq(decode(text, flagged_fields, &f, "top"), -code);
	ck_assert_str_eq(err.msg, message);
	js_free_fields(flagged_fields, &f);
}

START_TEST(flags)
{
	struct flagged f = { 0 };

	flagged_fails("{}", EINVAL, "top.req is required");
	flagged_fails("{\"req\":null}", EINVAL, "top.req must be a string, not null");
	flagged_fails("{\"req\":\"\",\"nonempty\":\"\"}", EINVAL, "top.nonempty must not be empty");
	flagged_fails("{\"req\":\"\",\"list\":[]}", EINVAL, "top.list must not be empty");
	flagged_fails("{\"req\":\"\",\"number\":13}", EDOM, "top.number brings bad luck");
	unit_ok(decode("{\"req\":\"\",\"list\":null,\"map\":null,\"nullable\":null,\"number\":12}",
		       flagged_fields, &f, "top"),
		&err);
	ck_assert_ptr_null(f.list);
	ck_assert_ptr_null(f.map);
	ck_assert(!f.nullable_set);
	js_free_fields(flagged_fields, &f);
	unit_ok(decode("{\"req\":\"\",\"nullable\":\"\"}", flagged_fields, &f, "top"), &err);
	ck_assert(f.nullable_set);
	js_free_fields(flagged_fields, &f);
}
END_TEST

START_TEST(refusal)
{
	static const char *const empty[] = { "null", "\"\"", "[]", "{}", "false", "0", "0.0" };
	static const char *const given[] = { "\"x\"", "[null]", "{\"a\":0}",           "true",
					     "1",     "0.5",    "18446744073709551615" };
	char text[128];

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
		struct flagged f = { 0 };

		snprintf(text, sizeof(text), "{\"req\":\"\",\"refused\":%s}", empty[i]);
		unit_ok(decode(text, flagged_fields, &f, ""), &err);
		js_free_fields(flagged_fields, &f);
	}
	for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
		snprintf(text, sizeof(text), "{\"req\":\"\",\"refused\":%s}", given[i]);
		flagged_fails(text, ENOTSUP, "top.refused: there is no such thing in a VM");
	}
	flagged_fails("{\"req\":\"\",\"plain\":true}", ENOTSUP, "top.plain: not supported");
}
END_TEST

static int n_warnings, n_unknown;
static char last_warning[256], last_unknown[256];

static void on_warn(void *data, const char *path, const char *why)
{
	ck_assert_ptr_eq(data, &n_warnings);
	n_warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s %s", path, why);
}

static void on_unknown(void *data, const char *path)
{
	n_unknown++;
	snprintf(last_unknown, sizeof(last_unknown), "%s", path);
}

START_TEST(callbacks)
{
	struct flagged f = { 0 };
	struct all a = { 0 };

	ctx.on_warn = on_warn;
	ctx.on_unknown = on_unknown;
	ctx.data = &n_warnings;
	unit_ok(decode("{\"req\":\"\",\"warn\":\"x\"}", flagged_fields, &f, "linux"), &err);
	ck_assert_int_eq(n_warnings, 1);
	ck_assert_str_eq(last_warning, "linux.warn is the kernel's business");
	ck_assert_str_eq(f.warn, "x");
	js_free_fields(flagged_fields, &f);
	/* The type is checked all the same. */
	flagged_fails("{\"req\":\"\",\"warn\":1}", EINVAL,
		      "top.warn must be a string, not an integer");
	ck_assert_int_eq(n_warnings, 1);
	unit_ok(decode("{\"arr\":[{\"name\":\"x\",\"extra\":{\"y\":1}}]}", fields, &a, ""), &err);
	ck_assert_int_eq(n_unknown, 1);
	ck_assert_str_eq(last_unknown, "arr[0].extra");
	js_free_fields(fields, &a);
	ctx.strict = true;
	ck_assert_int_eq(decode("{\"obj\":{\"x\":1}}", fields, &a, ""), -EINVAL);
	ck_assert_str_eq(err.msg, "obj.x is unknown");
	ck_assert_int_eq(n_unknown, 1);
	js_free_fields(fields, &a);
	ctx = (struct js_ctx){ .err = &err };
	unit_ok(decode("{\"obj\":{\"x\":1}}", fields, &a, ""), &err);
	js_free_fields(fields, &a);
}
END_TEST

START_TEST(paths)
{
	struct item item = { 0 };

	ck_assert_int_eq(decode("{}", item_fields, &item, "process.rlimits[2]"), -EINVAL);
	ck_assert_str_eq(err.msg, "process.rlimits[2].name is required");
	ck_assert_int_eq(decode("{}", item_fields, &item, NULL), -EINVAL);
	ck_assert_str_eq(err.msg, "name is required");
	ck_assert_int_eq(decode("{\"name\":\"\"}", item_fields, &item, ""), -EINVAL);
	ck_assert_str_eq(err.msg, "name must not be empty");
	js_free_fields(item_fields, &item);
	ck_assert_int_eq(js_decode(NULL, item_fields, &item, "x", &ctx), -EINVAL);
	ck_assert_str_eq(err.msg, "x is missing");
	/* A path longer than any message */
	_buf_ struct buf b = { 0 };
	buf_puts(&b, "{\"map\":{\"");
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "\xe2\x82\xac");
	buf_puts(&b, "\":1}}");
	struct all a = { 0 };
	ck_assert_int_eq(decode(b.data, fields, &a, ""), -EINVAL);
	ck_assert(str_has_suffix(err.msg, " must be a string, not an integer"));
	ck_assert(str_is_utf8(err.msg, strlen(err.msg)));
	/* Without a place for the error */
	ctx.err = NULL;
	ck_assert_int_eq(decode(b.data, fields, &a, ""), -EINVAL);
	ctx.err = &err;
}
END_TEST

UNIT_MAIN("json_table", every_type, absent_and_lenient, type_errors, ranges, flags, refusal,
	  callbacks, paths)
