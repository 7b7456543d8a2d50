/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/time.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static struct err err;

static json_t *parse(const char *text)
{
	json_t *v = NULL;

	unit_ok(js_parse(text, strlen(text), NULL, &v, &err), &err);
	return v;
}

/* Text -> tree -> text */
static void round_trip(const char *text, const char *want)
{
	_json_ json_t *v = parse(text);
	_free_ char *out = js_dump(v);

	ck_assert_str_eq(out, want);
}

static void refused(const char *text, size_t len, int code, const char *part)
{
	json_t *untouched = (json_t *)&err, *v = untouched;
	/* Of exactly its size on the heap, for the address sanitizer. */
	char *copy = malloc(len + !len);

	memcpy(copy, text, len);
	memset(&err, 0, sizeof(err));
	int r = js_parse(copy, len, NULL, &v, &err);
	free(copy);
	ck_assert_msg(r == -code, "%d for %.60s: %s", r, text, err.msg);
	ck_assert_int_eq(err.code, code);
	ck_assert_msg(strstr(err.msg, part) != NULL, "\"%s\" lacks \"%s\" (%.60s)", err.msg, part,
		      text);
	ck_assert_ptr_eq(v, untouched);
	ck_assert_int_eq(js_parse(text, len, NULL, &v, NULL), -code);
}

START_TEST(values)
{
	round_trip("null", "null");
	round_trip(" true\n", "true");
	round_trip("[false]", "[false]");
	round_trip("\"\"", "\"\"");
	round_trip("{}", "{}");
	round_trip("[]", "[]");
	round_trip("[[],{},[{}]]", "[[],{},[{}]]");
	round_trip("{\"b\":1,\"a\":[1,\"x\",null]}",
		   "{\"b\":1,\"a\":[1,\"x\",null]}"); /* order is kept */
	round_trip("{\"\":0}", "{\"\":0}");
	round_trip("\t[ 1 ,\r\n2 ] ", "[1,2]");
}
END_TEST

START_TEST(strings)
{
	round_trip("\"\\u0041\\u00e9\\u20ac\"", "\"A\xc3\xa9\xe2\x82\xac\"");
	round_trip("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
	round_trip("\"\\uDBFF\\uDFFF\"", "\"\xf4\x8f\xbf\xbf\"");
	round_trip("\"\xf0\x9f\x98\x80\x7f\"", "\"\xf0\x9f\x98\x80\x7f\"");
	round_trip("\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t\"", "\"\\\" \\\\ / \\b\\f\\n\\r\\t\"");
	round_trip("\"\\u001f\"", "\"\\u001F\"");
	/* Not escapes: the backslash itself is escaped */
	round_trip("\"\\\\ud800\"", "\"\\\\ud800\"");
	round_trip("\"\\\\u0000\"", "\"\\\\u0000\"");
	round_trip("\"\\\\\\\\ud800 \\\\u0000\"", "\"\\\\\\\\ud800 \\\\u0000\"");
	round_trip("{\"\\u00e9\":1}", "{\"\xc3\xa9\":1}");
}
END_TEST

static const struct {
	const char *text;
	const char *part;
} bad_strings[] = {
	{ "\"\\u0000\"", "line 1, column 2: NUL" },
	{ "[\"x\",\n \"a\\u0000b\"]", "line 2, column 4: NUL" },
	{ "\"\\ud800\"", "column 2: half a surrogate pair" },
	{ "\"\\udfff\"", "half a surrogate" },
	{ "\"\\ud800\\ud800\"", "half a surrogate" },
	{ "\"\\ud800\\u0041\"", "half a surrogate" },
	{ "\"\\ud800x\"", "half a surrogate" },
	{ "\"\\ud800\\\\udc00\"", "half a surrogate" },
	{ "\"\\udc00\\ud800\"", "half a surrogate" },
	{ "\"\\ud83d\\ude00\\ude00\"", "half a surrogate" },
	{ "\"\\\\\\ud800\"", "half a surrogate" },
	{ "\"\\ud800\\u", "half a surrogate" },
	{ "\"\\uDC0", "lexical error" },
	{ "\"\\u12\"", "lexical error" },
	{ "\"\\x41\"", "lexical error" },
	{ "\"\\", "lexical error" },
	{ "\"\n\"", "lexical error" },
	{ "\"\x01\"", "lexical error" },
	{ "\"abc", "EOF" },
	{ "'abc'", "lexical error" },
	{ "\"\xff\"", "column 2: invalid UTF-8" },
	{ "\"\xed\xa0\x80\"", "invalid UTF-8" },
	{ "\"\xc0\x80\"", "invalid UTF-8" },
	{ "\"\xe2\x82", "invalid UTF-8" },
	{ "{\"a\\u0001\":1}", "control character in a key" },
	{ "{\"\x7f\":1}", "control character in a key" },
	{ "{\"\\u0001u64\":\"5\"}", "control character in a key" }, /* our wrapper cannot be forged */
};

START_TEST(strings_refused)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_strings); i++)
		refused(bad_strings[i].text, strlen(bad_strings[i].text), EINVAL,
			bad_strings[i].part);
	refused("\"a\0b\"", 5, EINVAL, "lexical error");
}
END_TEST

static const struct {
	const char *text;
	const char *part;
} malformed[] = {
	{ "", "line 1, column 1: parse error: premature EOF" },
	{ "  \n ", "premature EOF" },
	{ "[", "premature EOF" },
	{ "{\"a\":", "premature EOF" },
	{ "[1,]", "column 4: parse error" },
	{ "[1 2]", "parse error" },
	{ "{\"a\":1,}", "parse error" },
	{ "{\"a\" 1}", "parse error" },
	{ "{1:2}", "parse error" },
	{ "{a:2}", "lexical error" },
	{ "]", "parse error" },
	{ "[1}", "parse error" },
	{ "{} {}", "trailing garbage" },
	{ "{}x", "trailing garbage" },
	{ "1 2", "trailing garbage" },
	{ "nul", "lexical error" },
	{ "nulll", "error" },
	{ "True", "lexical error" },
	{ "NaN", "lexical error" },
	{ "Infinity", "lexical error" },
	{ "[01]", "error" },
	{ "01", "trailing garbage" },
	{ "+1", "lexical error" },
	{ "-", "error" },
	{ "- 1", "error" },
	{ "[1.]", "error" },
	{ "[.5]", "error" },
	{ "[1e]", "error" },
	{ "[1e+]", "error" },
	{ "0x10", "trailing garbage" },
	{ "/* c */ 1", "lexical error" },
	{ "[1] // c", "trailing garbage" },
	{ "\xef\xbb\xbf{}", "line 1, column 1: byte order mark" },
	{ "[\xc2\xa0]", "lexical error" }, /* no-break space */
};

START_TEST(syntax)
{
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++)
		refused(malformed[i].text, strlen(malformed[i].text), EINVAL, malformed[i].part);
	refused("{}\0", 3, EINVAL, "trailing garbage");
	refused("\0", 1, EINVAL, "lexical error");
	/* Every beginning of a document is refused or complete, never read past. */
	const char *doc =
		"{\"a\":[1,-2.5e3,\"\\u20ac\\ud83d\\ude00x\",true,null,18446744073709551615],\"b\":{}}";
	for (size_t n = 0; n < strlen(doc); n++)
		refused(doc, n, EINVAL, "");
}
END_TEST

START_TEST(positions)
{
	refused("{\n  \"a\": 1,\n  \"b\": x\n}", 22, EINVAL, "line 3, column 8: lexical error");
	refused("[\"\xe2\x82\xac\xe2\x82\xac\", x]", 13, EINVAL,
		"line 1, column 8:"); /* characters, not bytes */
	refused("{\"a\":1,\n\"b\":2,\n\"a\":3}", 21, EINVAL,
		"line 3, column 3: key \"a\" occurs twice");
	refused("[\n[\n99999999999999999999]]", 26, ERANGE,
		"line 3, column 20: integer is out of range");
}
END_TEST

START_TEST(integers)
{
	uint64_t u = 0;
	int64_t i = 0;

	round_trip("[0,-0,1,-1]", "[0,0,1,-1]");
	round_trip("[9223372036854775807,-9223372036854775808]",
		   "[9223372036854775807,-9223372036854775808]");
	round_trip("[9223372036854775808,18446744073709551615]",
		   "[9223372036854775808,18446744073709551615]");
	round_trip("18446744073709551615", "18446744073709551615");
	refused("18446744073709551616", 20, ERANGE, "integer is out of range");
	refused("-9223372036854775809", 20, ERANGE, "integer is out of range");
	refused("-18446744073709551616", 21, ERANGE, "integer is out of range");
	refused("100000000000000000000000000000000000000000", 42, ERANGE, "out of range");

	_json_ json_t *v = parse("[18446744073709551615,5,-5,1.0,\"5\",9223372036854775808]");
	ck_assert_int_eq(js_u64(json_array_get(v, 0), &u), 0);
	ck_assert(u == UINT64_MAX);
	ck_assert_int_eq(js_i64(json_array_get(v, 0), &i), -ERANGE);
	ck_assert(js_is_int(json_array_get(v, 0)));
	ck_assert_int_eq(js_u64(json_array_get(v, 1), &u), 0);
	ck_assert(u == 5);
	ck_assert_int_eq(js_i64(json_array_get(v, 2), &i), 0);
	ck_assert(i == -5);
	ck_assert_int_eq(js_u64(json_array_get(v, 2), &u), -ERANGE);
	ck_assert_int_eq(js_u64(json_array_get(v, 3), &u), -EINVAL);
	ck_assert_int_eq(js_i64(json_array_get(v, 3), &i), -EINVAL);
	ck_assert_int_eq(js_u64(json_array_get(v, 4), &u), -EINVAL);
	ck_assert_int_eq(js_u64(NULL, &u), -EINVAL);
	ck_assert(!js_is_int(json_array_get(v, 3)));
	ck_assert(!js_is_int(json_array_get(v, 4)));
	ck_assert(!js_is_int(NULL));
	ck_assert_int_eq(js_u64(json_array_get(v, 5), &u), 0);
	ck_assert(u == (uint64_t)INT64_MAX + 1);
}
END_TEST

START_TEST(reals)
{
	_json_ json_t *v = parse("[1.5,-2e3,1E-2,1e-400,-0.0]");

	ck_assert(json_real_value(json_array_get(v, 0)) == 1.5);
	ck_assert(json_real_value(json_array_get(v, 1)) == -2000);
	ck_assert(json_real_value(json_array_get(v, 2)) == 0.01);
	ck_assert(json_real_value(json_array_get(v, 3)) == 0);
	ck_assert(json_is_real(json_array_get(v, 4)));
	refused("1e400", 5, ERANGE, "number is out of range");
	refused("[-1e400]", 8, ERANGE, "number is out of range");
	round_trip("1.0", "1.0");
	round_trip("1e300", "1.0000000000000001e300");
}
END_TEST

START_TEST(big_integers_built_and_written)
{
	_json_ json_t *v = json_object();

	json_object_set_new(v, "a", js_new_u64(UINT64_MAX));
	json_object_set_new(v, "b", js_new_u64(7));
	_json_ json_t *list = json_array();
	json_array_append_new(list, js_new_u64((uint64_t)INT64_MAX + 1));
	json_array_append_new(list, js_new_u64(UINT64_MAX));
	json_object_set(v, "c", list);
	/* Strings that look like the wrapper as text. */
	json_object_set_new(v, "d", json_string("{\"\x01u64\":\"5\"}"));
	json_object_set_new(v, "{\"\x01u64\":\"6\"}", json_string("{\"\\u0001u64\":\"7\"}"));
	_free_ char *s = js_dump(v);
	ck_assert_str_eq(
		s,
		"{\"a\":18446744073709551615,\"b\":7,\"c\":[9223372036854775808,18446744073709551615],"
		"\"d\":\"{\\\"\\u0001u64\\\":\\\"5\\\"}\",\"{\\\"\\u0001u64\\\":\\\"6\\\"}\":"
		"\"{\\\"\\\\u0001u64\\\":\\\"7\\\"}\"}");
	_free_ char *p = js_dump_pretty(list, 4);
	ck_assert_str_eq(p, "[\n    9223372036854775808,\n    18446744073709551615\n]");
	_json_ json_t *one = js_new_u64(UINT64_MAX);
	_free_ char *o = js_dump_pretty(one, 2);
	ck_assert_str_eq(o, "18446744073709551615");
	ck_assert_ptr_null(js_dump(NULL));
	/* Something of ours that is no wrapper after all is written as it is. */
	_json_ json_t *odd = json_object();
	json_object_set_new(odd, "\x01u64", json_integer(5));
	_free_ char *d = js_dump(odd);
	ck_assert_str_eq(d, "{\"\\u0001u64\":5}");
	json_object_set_new(odd, "\x01u64", json_string(""));
	json_object_set_new(odd, "x", js_new_u64(UINT64_MAX));
	_free_ char *e = js_dump_pretty(odd, 1);
	ck_assert_str_eq(e, "{\n \"\\u0001u64\": \"\",\n \"x\": 18446744073709551615\n}");
}
END_TEST

START_TEST(getters)
{
	_json_ json_t *v = parse(
		"{\"s\":\"x\",\"i\":-3,\"b\":true,\"f\":false,\"u\":18446744073709551615,\"n\":null}");

	ck_assert_str_eq(js_get_str(v, "s"), "x");
	ck_assert_ptr_null(js_get_str(v, "i"));
	ck_assert_ptr_null(js_get_str(v, "none"));
	ck_assert_ptr_null(js_get_str(NULL, "s"));
	ck_assert(js_get_int(v, "i", 1) == -3);
	ck_assert(js_get_int(v, "u", 1) == 1);
	ck_assert(js_get_int(v, "s", 1) == 1);
	ck_assert(js_get_bool(v, "b", false));
	ck_assert(!js_get_bool(v, "f", true));
	ck_assert(js_get_bool(v, "n", true));
	ck_assert(js_get_bool(NULL, "b", true));
	_json_ json_t *list = json_pack("[i, {s:s}, {s:i}, {s:s, s:i}]", 1, "x", "b", "x", 2, "x",
					"a", "n", 3);
	ck_assert_int_eq(js_get_int(js_find(list, "x", "a"), "n", 0), 3);
	ck_assert_ptr_null(js_find(list, "x", "c"));
	ck_assert_ptr_null(js_find(v, "x", "a"));
	ck_assert_ptr_null(js_find(NULL, "x", "a"));
	char a[] = "a", bad[] = "\xff", *good[] = { a, a, NULL }, *wrong[] = { a, bad, NULL };
	_json_ json_t *two = js_new_strv(good), *none = js_new_strv(NULL);
	ck_assert_uint_eq(json_array_size(two), 2);
	ck_assert(json_is_array(none) && json_array_size(none) == 0);
	ck_assert_ptr_null(js_new_strv(wrong));
}
END_TEST

START_TEST(duplicates)
{
	refused("{\"a\":1,\"a\":1}", 13, EINVAL, "key \"a\" occurs twice");
	refused("{\"a\":1,\"\\u0061\":1}", 18, EINVAL, "occurs twice");
	refused("[{\"x\":{\"\":1,\"\":2}}]", 19, EINVAL, "key \"\" occurs twice");
	round_trip("{\"a\":{\"a\":{\"a\":1}},\"A\":1}", "{\"a\":{\"a\":{\"a\":1}},\"A\":1}");
	/* A long key does not fill the message. */
	_buf_ struct buf b = { 0 };
	buf_puts(&b, "{\"");
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "\xe2\x82\xac");
	_free_ char *key = strdup(b.data + 1);
	buf_printf(&b, "\":1,%s\":1}", key);
	refused(b.data, b.len, EINVAL, "occurs twice");
	ck_assert_uint_lt(strlen(err.msg), 200);
	ck_assert(str_is_utf8(err.msg, strlen(err.msg)));
}
END_TEST

static int limited(const char *text, size_t bytes, size_t levels, size_t count)
{
	struct js_limits lim = { bytes, levels, count };
	json_t *v = NULL;
	int r = js_parse(text, strlen(text), &lim, &v, &err);

	json_decref(v);
	return r;
}

START_TEST(limits)
{
	ck_assert_int_eq(limited("[1,2]", 5, 0, 0), 0);
	unit_fails(limited("[1,2]", 4, 0, 0), E2BIG, &err, "JSON text of 5 bytes is larger than 4");
	ck_assert_int_eq(limited("[{\"a\":[]}]", 0, 3, 0), 0);
	unit_fails(limited("[{\"a\":[]}]", 0, 2, 0), E2BIG, &err, "column 7: nested too deeply");
	ck_assert_int_eq(limited("[1,{\"a\":2}]", 0, 0, 4), 0);
	unit_fails(limited("[1,{\"a\":2}]", 0, 0, 3), E2BIG, &err, "too many values");
	unit_fails(limited("[1]", 0, 0, 1), E2BIG, &err, "too many values");
	ck_assert_int_eq(limited("1", 0, 0, 1), 0);
	/* Widths do not count as depth. */
	ck_assert_int_eq(limited("[[],[],[],[]]", 0, 2, 0), 0);
}
END_TEST

static char *nested(size_t levels, const char *open, const char *close)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < levels; i++)
		buf_puts(&b, open);
	buf_puts(&b, "1");
	for (size_t i = 0; i < levels; i++)
		buf_puts(&b, close);
	return buf_steal(&b);
}

START_TEST(depth)
{
	_free_ char *a = nested(64, "[", "]"), *b = nested(65, "[", "]"),
		    *c = nested(100000, "[", "]");
	_free_ char *d = nested(100000, "{\"a\":", "}"), *e = nested(2048, "[", "]"),
		    *f = nested(2049, "{\"a\":", "}");

	ck_assert_int_eq(limited(a, 0, 0, 0), 0);
	unit_fails(limited(b, 0, 0, 0), E2BIG, &err, "line 1, column 65: nested too deeply");
	unit_fails(limited(c, 0, 0, 0), E2BIG, &err, "nested too deeply");
	unit_fails(limited(d, 0, 0, 0), E2BIG, &err, "nested too deeply");
	/* There is an end to what a caller may ask for. */
	unit_fails(limited(c, 0, SIZE_MAX, 0), E2BIG, &err, "column 2049: nested too deeply");
	ck_assert_int_eq(limited(e, 0, SIZE_MAX, 0), 0);
	unit_fails(limited(f, 0, SIZE_MAX, 0), E2BIG, &err, "nested too deeply");
	/* Unclosed */
	c[100000] = '\0';
	unit_fails(limited(c, 0, 0, 0), E2BIG, &err, "nested too deeply");
}
END_TEST

/* ---- time ---- */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double time_of(const struct buf *b)
{
	json_t *v = NULL;
	double t = seconds();

	unit_ok(js_parse(b->data, b->len, NULL, &v, &err), &err);
	t = seconds() - t;
	_free_ char *s = js_dump(v);
	ck_assert_ptr_nonnull(s);
	json_decref(v);
	return t;
}

/* The bounds leave room for sanitizers; anything quadratic takes minutes. */
START_TEST(never_quadratic)
{
	_buf_ struct buf b = { 0 };

	buf_puts(&b, "[0");
	for (int i = 0; i < 200000; i++)
		buf_printf(&b, ",%d", i);
	buf_puts(&b, "]");
	ck_assert(time_of(&b) < 1);

	buf_reset(&b);
	buf_puts(&b, "{\"x\":0");
	for (int i = 0; i < 200000; i++)
		buf_printf(&b, ",\"key%d\":\"v\"", i);
	buf_puts(&b, "}");
	ck_assert(time_of(&b) < 2);

	/* One long string, all escapes */
	buf_reset(&b);
	buf_puts(&b, "\"");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "\\u20ac");
	buf_puts(&b, "\"");
	ck_assert(time_of(&b) < 1);

	/* Many integers that have to be wrapped */
	buf_reset(&b);
	buf_puts(&b, "[0");
	for (int i = 0; i < 200000; i++)
		buf_puts(&b, ",18446744073709551615");
	buf_puts(&b, "]");
	ck_assert(time_of(&b) < 2);

	/* A number of a million digits */
	buf_reset(&b);
	buf_puts(&b, "0.");
	for (int i = 0; i < 1000000; i++)
		buf_puts(&b, "7");
	ck_assert(time_of(&b) < 2);
}
END_TEST

/* ---- memory ---- */

static int budget, live;

static void *stingy(size_t size)
{
	if (budget-- <= 0)
		return NULL;
	live++;
	return malloc(size);
}

static void counted_free(void *p)
{
	live -= p != NULL;
	free(p);
}

/* Every allocation of both libraries fails in its turn: an error each time, nothing lost. */
START_TEST(out_of_memory)
{
	_buf_ struct buf b = { 0 };
	json_t *v;

	buf_puts(&b,
		 "{\"a\":[1,2.5,\"\\u20ac long enough\",true,null,18446744073709551615],\"b\":{\"c\":{}},\"d\":[");
	for (int i = 0; i < 40; i++)
		buf_puts(&b, "[");
	for (int i = 0; i < 40; i++)
		buf_puts(&b, "]");
	buf_puts(&b, "],\"e\":\"");
	for (int i = 0; i < 1000; i++)
		buf_puts(&b, "\\n\\u20ac");
	buf_puts(&b, "\"}");
	json_set_alloc_funcs(stingy, counted_free);
	int n = 0, r;
	do {
		v = NULL;
		budget = n++;
		live = 0;
		memset(&err, 0, sizeof(err));
		r = js_parse(b.data, b.len, NULL, &v, &err);
		ck_assert(r == 0 || r == -ENOMEM);
		if (r < 0) {
			ck_assert_str_eq(err.msg, "out of memory");
			ck_assert_ptr_null(v);
			ck_assert_int_eq(live, 0);
		}
	} while (r < 0);
	ck_assert_int_gt(n, 50);
	json_decref(v);
	ck_assert_int_eq(live, 0);

	/* Writing and wrapping as well. */
	budget = 1000000;
	v = json_pack("{s:[i,s],s:o}", "a", 1, "x", "b", js_new_u64(UINT64_MAX));
	for (n = 0;; n++) {
		budget = n;
		_free_ char *s = js_dump(v);
		json_t *w = js_new_u64(UINT64_MAX);
		bool done = s && w;

		json_decref(w);
		if (done)
			break;
	}
	ck_assert_int_gt(n, 3);
	json_decref(v);
	ck_assert_int_eq(live, 0);
}
END_TEST

UNIT_MAIN("json", values, strings, strings_refused, syntax, positions, integers, reals,
	  big_integers_built_and_written, getters, duplicates, limits, depth, never_quadratic,
	  out_of_memory)
