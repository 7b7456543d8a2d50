/* SPDX-License-Identifier: Apache-2.0 */
#include "config/toml.h"

#include <errno.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "tests/unit/unit.h"

/* The document as compact JSON. */
static void gives(const char *text, const char *json)
{
	_cleanup_(toml_done) struct toml t = { 0 };
	struct err err = { 0 };

	unit_ok(toml_parse("f", text, strlen(text), &t, &err), &err);
	_free_ char *s = json_dumps(t.root, JSON_COMPACT);
	ck_assert_str_eq(s, json);
}

static void refuses(const char *text, const char *message)
{
	struct toml t = { 0 };
	struct err err = { 0 };

	ck_assert_int_eq(toml_parse("f", text, strlen(text), &t, &err), -EINVAL);
	ck_assert_ptr_null(t.root);
	ck_assert_ptr_null(t.lines);
	ck_assert_msg(strcmp(err.msg, message) == 0, "%s\n gave \"%s\"\n not  \"%s\"", text,
		      err.msg, message);
}

START_TEST(documents)
{
	gives("", "{}");
	gives("\n\n  # only a comment", "{}");
	gives("a = 1", "{\"a\":1}");
	gives("a=1\r\nb = 2 # two\r\n", "{\"a\":1,\"b\":2}");
	gives("[t]\na = true\n[u.v]\nb = false\n",
	      "{\"t\":{\"a\":true},\"u\":{\"v\":{\"b\":false}}}");
	gives("[a.b]\nx=1\n[a]\ny=2\n[a.c]", "{\"a\":{\"b\":{\"x\":1},\"y\":2,\"c\":{}}}");
	gives(" [ a . \"b c\" . 'd.e' ] # tail\n\tk\t=\t1\t",
	      "{\"a\":{\"b c\":{\"d.e\":{\"k\":1}}}}");
	gives("\"quoted key\" = 1\n'literal \\ key' = 2",
	      "{\"quoted key\":1,\"literal \\\\ key\":2}");
}
END_TEST

START_TEST(strings)
{
	gives("a = \"\"\nb = ''", "{\"a\":\"\",\"b\":\"\"}");
	gives("a = \"x\\t\\\"y\\\" \\\\ \\u00e9 \\U0001F600 # no comment\"",
	      "{\"a\":\"x\\t\\\"y\\\" \\\\ \xc3\xa9 \xf0\x9f\x98\x80 # no comment\"}");
	gives("a = 'C:\\raw\\n \"'", "{\"a\":\"C:\\\\raw\\\\n \\\"\"}");
	gives("a = \"tab\there\"", "{\"a\":\"tab\\there\"}");
	refuses("a = \"open", "f:1: a string without its closing \"");
	refuses("\na = 'open\n'", "f:2: a string without its closing '");
	refuses("a = \"x\\q\"",
		"f:1: unknown escape in a string: only \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX exist");
	refuses("a = \"x\\",
		"f:1: unknown escape in a string: only \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX exist");
	refuses("a = \"\\u00g0\"", "f:1: a Unicode escape needs 4 hexadecimal digits");
	refuses("a = \"\\U0001F60\"", "f:1: a Unicode escape needs 8 hexadecimal digits");
	refuses("a = \"\\u0000\"", "f:1: U+0000 cannot be in a string");
	refuses("a = \"\\ud800\"", "f:1: U+D800 cannot be in a string");
	refuses("a = \"\\U00110000\"", "f:1: U+110000 cannot be in a string");
	refuses("a = \"\"\"x\"\"\"", "f:1: multi-line strings are not supported");
	refuses("a = '''x'''", "f:1: multi-line strings are not supported");
}
END_TEST

START_TEST(integers)
{
	gives("a = 0\nb = +7\nc = -7\nd = 1_000_000", "{\"a\":0,\"b\":7,\"c\":-7,\"d\":1000000}");
	gives("a = 0xff\nb = 0xDEAD_beef\nc = 0o17\nd = 0b101\ne = -0",
	      "{\"a\":255,\"b\":3735928559,\"c\":15,\"d\":5,\"e\":0}");
	gives("a = 9223372036854775807\nb = -9223372036854775808",
	      "{\"a\":9223372036854775807,\"b\":-9223372036854775808}");
	refuses("a = 9223372036854775808", "f:1: integer out of range");
	refuses("a = -9223372036854775809", "f:1: integer out of range");
	refuses("a = 0xffffffffffffffff", "f:1: integer out of range");
	refuses("a = 007", "f:1: a number cannot begin with 0 (octal is written 0o17)");
	refuses("a = 1__0", "f:1: not a valid integer");
	refuses("a = 1_", "f:1: not a valid integer");
	refuses("a = 0x", "f:1: not a valid integer");
	refuses("a = 0xg", "f:1: not a valid integer");
	refuses("a = 0b12", "f:1: not a valid integer");
	refuses("a = -0x1", "f:1: not a valid integer");
	refuses("a = -", "f:1: not a valid integer");
	refuses("a = 12k", "f:1: not a valid integer");
	refuses("a = 1.5", "f:1: floating point numbers are not supported");
	refuses("a = 1e5", "f:1: floating point numbers are not supported");
	refuses("a = inf", "f:1: floating point numbers are not supported");
	refuses("a = -nan", "f:1: floating point numbers are not supported");
	refuses("a = 2026-11-20", "f:1: dates and times are not supported");
	refuses("a = 17:32:00", "f:1: dates and times are not supported");
}
END_TEST

START_TEST(arrays)
{
	gives("a = []\nb = [ ]\nc = [1,2,]", "{\"a\":[],\"b\":[],\"c\":[1,2]}");
	gives("a = [\n  \"x\", # first\n\n  'y'\n  # last\n]\nb = 1",
	      "{\"a\":[\"x\",\"y\"],\"b\":1}");
	gives("a = [true, 1, \"s\"]", "{\"a\":[true,1,\"s\"]}");
	refuses("a = [1 2]", "f:1: a comma or ] must follow an element of an array");
	refuses("a = [,]", "f:1: a value is missing");
	refuses("a = [1\n,,]", "f:2: a value is missing");
	refuses("a = [[1]]", "f:1: arrays in arrays are not supported");
	refuses("a = [{}]", "f:1: inline tables are not supported: use a [section]");
	refuses("\na = [1,\n\n", "f:2: an array without its closing ]");
	refuses("a = [1] 2", "f:1: unexpected text at the end of the line");
}
END_TEST

START_TEST(mistakes)
{
	refuses("a", "f:1: = is missing behind \"a\"");
	refuses("= 1", "f:1: a name is missing");
	refuses("\"\" = 1", "f:1: a name is missing");
	refuses("a =", "f:1: a value is missing");
	refuses("a = # 1", "f:1: a value is missing");
	refuses("a = yes", "f:1: \"yes\" is no value: strings are written in quotes");
	refuses("a = True", "f:1: \"True\" is no value: strings are written in quotes");
	refuses("a = 1 b = 2", "f:1: unexpected text at the end of the line");
	refuses("a.b = 1", "f:1: dotted keys are not supported: use a [section]");
	refuses("a = {}", "f:1: inline tables are not supported: use a [section]");
	refuses("a = 1\n\na = 2", "f:3: \"a\" is there already (line 1)");
	refuses("[a]\n[b]\n[a]", "f:3: this section is there already (line 1)");
	refuses("a = 1\n[a]", "f:2: \"a\" is a key already (line 1)");
	refuses("[a]\nb = 1\n[a.b.c]", "f:3: \"b\" is a key already (line 2)");
	refuses("[a.b]\n[a]\nb = 1", "f:3: \"b\" is a section already");
	refuses("[[a]]", "f:1: arrays of tables are not supported");
	refuses("[a", "f:1: a section without its closing ]");
	refuses("[]", "f:1: a name is missing");
	refuses("[a..b]", "f:1: a name is missing");
	refuses("[a] b = 1", "f:1: unexpected text at the end of the line");
	refuses("[a.b.c.d.e.f.g.h.i]", "f:1: more than 8 names in a section");
	refuses("\"a\\nb\" = 1", "f:1: control character in a key");
	refuses("\xef\xbb\xbf"
		"a = 1",
		"f:1: a name is missing"); /* a byte order mark */
}
END_TEST

START_TEST(bytes)
{
	struct toml t = { 0 };
	struct err err = { 0 };

	unit_fails(toml_parse("f", "a = 1\nb\0= 2", 11, &t, &err), EINVAL, &err,
		   "f:2: control character 0x00");
	refuses("a = \"\x01\"", "f:1: control character 0x01");
	refuses("# \x7f", "f:1: control character 0x7f");
	refuses("a = 1\rb = 2", "f:1: control character 0x0d");
	refuses("a = 1\nb = 1\nc = '\xff'\n", "f:3: not valid UTF-8");
	refuses("a = '\xed\xa0\x80'", "f:1: not valid UTF-8");
	ck_assert_ptr_null(t.root);
}
END_TEST

START_TEST(lines)
{
	static const char text[] = "top = 1\n\n[a]\n\nx = [\n 1,\n 2 ]\ny = 'z'\n[b.c]\n";
	_cleanup_(toml_done) struct toml t = { 0 };
	struct err err = { 0 };

	unit_ok(toml_parse("f", text, strlen(text), &t, &err), &err);
	_free_ char *s = json_dumps(t.lines, JSON_COMPACT);
	ck_assert_str_eq(s, "{\"top\":1,\"a\":{\"\":3,\"x\":5,\"y\":8},\"b\":{\"c\":{\"\":9}}}");
}
END_TEST

START_TEST(limits)
{
	_buf_ struct buf text = { 0 };
	struct toml t = { 0 };
	struct err err = { 0 };

	buf_puts(&text, "a = [\n");
	for (int i = 0; i < TOML_MAX_VALUES + 1; i++)
		buf_puts(&text, "1,\n");
	buf_puts(&text, "]\n");
	unit_fails(toml_parse("f", text.data, text.len, &t, &err), EINVAL, &err,
		   "f:10002: more than 10000 values");

	buf_reset(&text);
	for (int i = 0; i < TOML_MAX_VALUES + 1; i++)
		buf_printf(&text, "[t%d]\n", i);
	unit_fails(toml_parse("f", text.data, text.len, &t, &err), EINVAL, &err,
		   "f:10001: more than 10000 values");

	/* A key of 100,000 characters: the message is cut, not overrun. */
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "k");
	unit_fails(toml_parse("f", text.data, text.len, &t, &err), EINVAL, &err,
		   "f:1: = is missing behind \"kkk");
}
END_TEST

/* Cut anywhere, a document is refused or smaller, and nothing leaks. */
START_TEST(every_prefix)
{
	static const char text[] =
		"# c\na = \"x\\u00e9\\\"\" # d\n[\"t\".u]\nb = [1, 0xf_f, 'y',\n\ttrue]\r\nc = -12\n";

	for (size_t n = 0; n <= strlen(text); n++) {
		_cleanup_(toml_done) struct toml t = { 0 };
		struct err err = { 0 };
		char *copy = strndup(text, n); /* exact size: a read past it is found by ASan */

		int r = toml_parse("f", copy, n, &t, &err);
		ck_assert((r == 0) == (t.root != NULL));
		free(copy);
	}
}
END_TEST

START_TEST(values)
{
	struct err err = { 0 };
	json_t *v = NULL;

	unit_ok(toml_parse_value("[1, 2] # x", &v, &err), &err);
	ck_assert_uint_eq(json_array_size(v), 2);
	json_decref(v);
	v = NULL;
	unit_fails(toml_parse_value("1 2", &v, &err), EINVAL, &err, "unexpected text");
	unit_fails(toml_parse_value("1\n2", &v, &err), EINVAL, &err, "more than one line");
	unit_fails(toml_parse_value("", &v, &err), EINVAL, &err, "a value is missing");
	ck_assert_ptr_null(v);
}
END_TEST

UNIT_MAIN("toml", documents, strings, integers, arrays, mistakes, bytes, lines, limits,
	  every_prefix, values)
