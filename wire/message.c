// SPDX-License-Identifier: Apache-2.0
#include "wire/message.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

/* A request carries a whole config.json two levels down; nothing else is deep or has many values. */
static const struct js_limits request_limits = { .max_bytes = WIRE_MAX_REQUEST, .max_depth = 68 };
static const struct js_limits reply_limits = { .max_bytes = WIRE_MAX_REPLY,
					       .max_depth = 16,
					       .max_values = 70000 };
static const struct js_limits event_limits = { .max_bytes = WIRE_MAX_EVENT,
					       .max_depth = 8,
					       .max_values = 1000 };
static const struct js_limits hello_limits = { .max_bytes = WIRE_MAX_HELLO,
					       .max_depth = 4,
					       .max_values = 100 };

#define MAX_ERRNO 4095

/* The length of the UTF-8 character at s, 0 if it is none. */
static size_t utf8_len(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return str_is_utf8(s, strnlen(s, n)) && strnlen(s, n) == n ? n : 0;
}

void wire_clean_text(char *to, size_t size, const char *from)
{
	size_t out = 0;

	while (*from) {
		unsigned char c = (unsigned char)*from;
		size_t n = utf8_len(from);
		bool space = c == '\n' || c == '\t' || c == '\r';
		/* C0, DEL, and C1 as UTF-8 encodes it (U+0080 to U+009F) */
		bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)from[1] < 0xa0);

		if (out + (n ? n : 1) >= size)
			break;
		if (n == 0 || control)
			to[out++] = space ? ' ' : '?';
		else
			memcpy(to + out, from, n), out += n;
		from += n ? n : 1;
	}
	to[out] = '\0';
}

static bool name_valid(const char *s, size_t len)
{
	if (len == 0 || len > 63)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && s[i] != '.')
			return false;
	return true;
}

/* The body of a frame, which must be an object. */
static int parse_object(const struct wire_frame *f, enum wire_type type, const char *what,
			const struct js_limits *limits, json_t **ret, struct err *err)
{
	struct err why = { 0 };
	_json_ json_t *body = NULL;

	if (f->type != type)
		return err_set(err, EPROTO, "frame of type %d where a %s was expected", f->type,
			       what);
	if (js_parse((const char *)f->payload, f->len, limits, &body, &why) < 0)
		return err_set(err, EPROTO, "malformed %s: %s", what, why.msg);
	if (!json_is_object(body))
		return err_set(err, EPROTO, "malformed %s: not an object", what);
	*ret = take_ptr(body);
	return 0;
}

/* The named string member, which must be a valid name. */
static int get_name(const json_t *body, const char *key, char name[64], struct err *err)
{
	const json_t *v = json_object_get(body, key);

	if (!json_is_string(v) || !name_valid(json_string_value(v), json_string_length(v)))
		return err_set(err, EPROTO, "malformed message: %s: not a name", key);
	memcpy(name, json_string_value(v), json_string_length(v) + 1);
	return 0;
}

/* An object member in a reference of its own; absent ones are empty. */
static int get_object(const json_t *body, const char *key, json_t **ret, struct err *err)
{
	json_t *v = json_object_get(body, key);

	if (v && !json_is_object(v))
		return err_set(err, EPROTO, "malformed message: %s: not an object", key);
	v = v ? json_incref(v) : json_object();
	if (!v)
		return err_errno(err, ENOMEM, "message");
	*ret = v;
	return 0;
}

char *wire_format_request(const char *method, json_t *params)
{
	_json_ json_t *body = json_pack("{s:s}", "method", method);

	if (!body || (params && json_object_set(body, "params", params) < 0))
		return NULL;
	return js_dump(body);
}

int wire_parse_request(const struct wire_frame *f, char method[64], json_t **ret_params,
		       struct err *err)
{
	_json_ json_t *body = NULL;
	char name[64];
	int r;

	r = parse_object(f, WIRE_REQUEST, "request", &request_limits, &body, err);
	if (r < 0)
		return r;
	r = get_name(body, "method", name, err);
	if (r < 0)
		return r;
	r = get_object(body, "params", ret_params, err);
	if (r < 0)
		return r;
	memcpy(method, name, sizeof(name));
	return 0;
}

/* The peer's error; -EPROTO with *malformed if it is none. */
static int parse_error(const json_t *e, bool *malformed, struct err *err)
{
	const char *text = js_get_str(e, "message");
	int64_t code = js_get_int(e, "code", 0);
	char clean[2048];

	if (!json_is_object(e) || !text || code < 1 || code > MAX_ERRNO) {
		*malformed = true;
		return err_set(err, EPROTO, "malformed reply: error without code or message");
	}
	wire_clean_text(clean, sizeof(clean), text);
	return err_set(err, (int)code, "%s", clean);
}

int wire_parse_reply(const struct wire_frame *f, json_t **ret_result, bool *ret_protocol,
		     struct err *err)
{
	_json_ json_t *body = NULL;
	bool unused;
	bool *malformed = ret_protocol ? ret_protocol : &unused;
	int r;

	*malformed = true;
	r = parse_object(f, WIRE_REPLY, "reply", &reply_limits, &body, err);
	if (r < 0)
		return r;
	const json_t *e = json_object_get(body, "error");
	if (e && json_object_get(body, "result"))
		return err_set(err, EPROTO, "malformed reply: both result and error");
	*malformed = false;
	if (e)
		return parse_error(e, malformed, err);
	r = get_object(body, "result", ret_result, err);
	*malformed = r == -EPROTO;
	return r;
}

int wire_parse_event(const struct wire_frame *f, char name[64], json_t **ret_event, struct err *err)
{
	_json_ json_t *body = NULL;
	int r;

	r = parse_object(f, WIRE_EVENT, "event", &event_limits, &body, err);
	if (r < 0)
		return r;
	r = get_name(body, "event", name, err);
	if (r < 0)
		return r;
	*ret_event = take_ptr(body);
	return 0;
}

int wire_parse_hello(const struct wire_frame *f, json_t **ret, struct err *err)
{
	return parse_object(f, WIRE_HELLO, "hello", &hello_limits, ret, err);
}
