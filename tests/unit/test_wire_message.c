// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/unit.h"
#include "wire/message.h"

static struct wire_frame frame(enum wire_type type, const char *text)
{
	return (struct wire_frame){ .type = type,
				    .id = 1,
				    .len = (uint32_t)strlen(text),
				    .payload = (const uint8_t *)text };
}

START_TEST(requests)
{
	struct wire_frame f = frame(WIRE_REQUEST,
				    "{\"method\":\"container.create\",\"params\":{\"id\":\"c1\"}}");
	struct err err = { 0 };
	char method[64];
	json_t *params = NULL;

	unit_ok(wire_parse_request(&f, method, &params, &err), &err);
	ck_assert_str_eq(method, "container.create");
	ck_assert_str_eq(js_get_str(params, "id"), "c1");
	ck_assert_uint_eq(params->refcount, 1);
	json_decref(params);

	f = frame(WIRE_REQUEST,
		  "{\"method\":\"abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.abcdefghi\"}");
	unit_ok(wire_parse_request(&f, method, &params, &err), &err);
	ck_assert_uint_eq(strlen(method), 63);
	ck_assert(json_is_object(params) && json_object_size(params) == 0);
	json_decref(params);
}
END_TEST

START_TEST(bad_requests)
{
	static const char *const rows[] = {
		"",
		"{",
		"null",
		"[]",
		"\"method\"",
		"{}",
		"{\"method\":1}",
		"{\"method\":\"\"}",
		"{\"method\":\"A\"}",
		"{\"method\":\"a b\"}",
		"{\"method\":\"a/b\"}",
		"{\"method\":\"a%n\"}",
		"{\"method\":\"a1\"}",
		"{\"method\":\"a\\u0000b\"}",
		"{\"method\":\"a\\n\"}",
		"{\"method\":\"abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.abcdefghij\"}",
		"{\"method\":\"a\",\"params\":null}",
		"{\"method\":\"a\",\"params\":[]}",
		"{\"method\":\"a\",\"params\":\"x\"}",
		"{\"method\":\"a\",\"method\":\"b\"}",
		"{\"method\":\"a\"} {}",
		"\xff",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_frame f = frame(WIRE_REQUEST, rows[i]);
		struct err err = { 0 };
		char method[64] = "untouched";
		json_t *params = NULL;

		ck_assert_msg(wire_parse_request(&f, method, &params, &err) == -EPROTO,
			      "accepted %s", rows[i]);
		ck_assert_ptr_null(params);
		ck_assert_str_eq(method, "untouched");
		ck_assert_int_eq(err.code, EPROTO);
	}
	struct wire_frame f = frame(WIRE_EVENT, "{\"method\":\"a\"}");
	struct err err = { 0 };
	char method[64];
	json_t *params;
	unit_fails(wire_parse_request(&f, method, &params, &err), EPROTO, &err, "frame of type 4");
}
END_TEST

/* Depth: a config.json of the full 64 levels fits into a request, a reply has few. */
START_TEST(depth)
{
	char text[400];
	struct err err = { 0 };
	char method[64];
	json_t *v;

	snprintf(text, sizeof(text), "{\"method\":\"a\",\"params\":{\"config\":%.*s%.*s}}", 64,
		 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 64,
		 "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	struct wire_frame f = frame(WIRE_REQUEST, text);
	unit_ok(wire_parse_request(&f, method, &v, &err), &err);
	json_decref(v);
	f = frame(WIRE_REPLY, "{\"result\":{\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}}");
	unit_fails(wire_parse_reply(&f, &v, NULL, &err), EPROTO, &err, "malformed reply");
	f = frame(WIRE_EVENT, "{\"event\":\"log\",\"x\":[[[[[[[[]]]]]]]]}");
	unit_fails(wire_parse_event(&f, method, &v, &err), EPROTO, &err, "malformed event");
}
END_TEST

START_TEST(replies)
{
	struct wire_frame f = frame(WIRE_REPLY, "{\"result\":{\"pid\":12}}");
	struct err err = { 0 };
	json_t *v = NULL;
	bool protocol = true;

	unit_ok(wire_parse_reply(&f, &v, &protocol, &err), &err);
	ck_assert(!protocol);
	ck_assert_int_eq(js_get_int(v, "pid", 0), 12);
	json_decref(v);

	f = frame(WIRE_REPLY, "{}");
	unit_ok(wire_parse_reply(&f, &v, NULL, &err), &err);
	ck_assert_uint_eq(json_object_size(v), 0);
	json_decref(v);

	v = NULL;
	f = frame(WIRE_REPLY,
		  "{\"error\":{\"code\":2,\"message\":\"exec: \\\"x\\\": no such file\"}}");
	unit_fails(wire_parse_reply(&f, &v, &protocol, &err), ENOENT, &err,
		   "exec: \"x\": no such file");
	ck_assert(!protocol);
	ck_assert_ptr_null(v);
}
END_TEST

START_TEST(error_text_is_cleaned)
{
	struct wire_frame f = frame(
		WIRE_REPLY,
		"{\"error\":{\"code\":5,\"message\":\"a\\u001b[31m\\nb\\tc\\u007f\\u009bd %n "
		"\\u00e9\\u20ac\\ud83d\\ude00\"}}");
	struct err err = { 0 };
	json_t *v = NULL;

	ck_assert_int_eq(wire_parse_reply(&f, &v, NULL, &err), -EIO);
	ck_assert_str_eq(err.msg, "a?[31m b c??d %n \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");

	char *text = malloc(900000), *p;
	p = text + sprintf(text, "{\"error\":{\"code\":5,\"message\":\"");
	for (int i = 0; i < 200000; i++)
		p += sprintf(p, "\xe2\x82\xac");
	memcpy(p, "\"}}", 4);
	f = frame(WIRE_REPLY, text);
	err.code = 0;
	ck_assert_int_eq(wire_parse_reply(&f, &v, NULL, &err), -EIO);
	ck_assert_uint_gt(strlen(err.msg), 1000);
	ck_assert_uint_lt(strlen(err.msg), 2048);
	ck_assert_uint_eq(strlen(err.msg) % 3, 0); /* no character is cut */
	free(text);
}
END_TEST

START_TEST(clean_text_bounds)
{
	char out[8];

	wire_clean_text(out, sizeof(out), "abcdefghijk");
	ck_assert_str_eq(out, "abcdefg");
	wire_clean_text(out, sizeof(out), "abcdef\xc3\xa9");
	ck_assert_str_eq(out, "abcdef");
	wire_clean_text(out, sizeof(out), "\xe2\x82"); /* cut character */
	ck_assert_str_eq(out, "??");
	wire_clean_text(out, sizeof(out), "\xed\xa0\x80"); /* surrogate */
	ck_assert_str_eq(out, "???");
	wire_clean_text(out, sizeof(out), "\xc0\xaf\xf8");
	ck_assert_str_eq(out, "???");
	wire_clean_text(out, 1, "abc");
	ck_assert_str_eq(out, "");
	wire_clean_text(out, sizeof(out), "\xc2");
	ck_assert_str_eq(out, "?");
}
END_TEST

START_TEST(bad_replies)
{
	static const char *const rows[] = {
		"",
		"3",
		"{\"result\":1}",
		"{\"result\":null}",
		"{\"error\":null}",
		"{\"error\":{}}",
		"{\"error\":\"x\"}",
		"{\"error\":{\"code\":1}}",
		"{\"error\":{\"message\":\"x\"}}",
		"{\"error\":{\"code\":0,\"message\":\"x\"}}",
		"{\"error\":{\"code\":-2,\"message\":\"x\"}}",
		"{\"error\":{\"code\":4096,\"message\":\"x\"}}",
		"{\"error\":{\"code\":1.5,\"message\":\"x\"}}",
		"{\"error\":{\"code\":18446744073709551615,\"message\":\"x\"}}",
		"{\"error\":{\"code\":2,\"message\":7}}",
		"{\"error\":{\"code\":2,\"message\":\"a\\u0000b\"}}",
		"{\"result\":{},\"error\":{\"code\":2,\"message\":\"x\"}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct wire_frame f = frame(WIRE_REPLY, rows[i]);
		struct err err = { 0 };
		json_t *v = NULL;
		bool protocol = false;

		ck_assert_msg(wire_parse_reply(&f, &v, &protocol, &err) == -EPROTO, "accepted %s",
			      rows[i]);
		ck_assert_msg(protocol, "%s", rows[i]);
		ck_assert_ptr_null(v);
	}
}
END_TEST

START_TEST(events_and_hello)
{
	struct wire_frame f = frame(WIRE_EVENT, "{\"event\":\"exit\",\"id\":\"c\",\"code\":3}");
	struct err err = { 0 };
	char name[64];
	json_t *v = NULL;

	unit_ok(wire_parse_event(&f, name, &v, &err), &err);
	ck_assert_str_eq(name, "exit");
	ck_assert_int_eq(js_get_int(v, "code", 0), 3);
	json_decref(v);
	v = NULL;
	f = frame(WIRE_EVENT, "{\"event\":\"Exit\"}");
	unit_fails(wire_parse_event(&f, name, &v, &err), EPROTO, &err, "event: not a name");
	f = frame(WIRE_EVENT, "{\"code\":1}");
	unit_fails(wire_parse_event(&f, name, &v, &err), EPROTO, &err, "event: not a name");
	f = frame(WIRE_HELLO, "{\"min\":1,\"max\":1}");
	unit_ok(wire_parse_hello(&f, &v, &err), &err);
	ck_assert_int_eq(js_get_int(v, "max", 0), 1);
	json_decref(v);
	f = frame(WIRE_HELLO, "[1]");
	unit_fails(wire_parse_hello(&f, &v, &err), EPROTO, &err, "not an object");
}
END_TEST

/* rlimits beyond int64_t survive a request. */
START_TEST(big_numbers)
{
	json_t *params = json_object();
	struct wire_frame f;
	struct err err = { 0 };
	char method[64];
	json_t *back = NULL;
	uint64_t u = 0;

	json_object_set_new(params, "hard", js_new_u64(UINT64_MAX));
	char *text = wire_format_request("a.b", params);
	ck_assert_str_eq(text, "{\"method\":\"a.b\",\"params\":{\"hard\":18446744073709551615}}");
	f = frame(WIRE_REQUEST, text);
	unit_ok(wire_parse_request(&f, method, &back, &err), &err);
	ck_assert_int_eq(js_u64(json_object_get(back, "hard"), &u), 0);
	ck_assert(u == UINT64_MAX);
	json_decref(back);
	json_decref(params);
	free(text);
}
END_TEST

UNIT_MAIN("wire_message", requests, bad_requests, depth, replies, error_text_is_cleaned,
	  clean_text_bounds, bad_replies, events_and_hello, big_numbers)
