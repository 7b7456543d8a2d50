/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers that jansson cannot hold, access to values, and writing.
 *
 * An integer above INT64_MAX is {"\x01u64": "18446744073709551615"} in the
 * tree. js_parse() refuses control characters in keys, so no document can
 * contain that by itself; js_dump() turns it back into the number.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "base/str.h"

#define WRAP_KEY "\x01u64"
/* The key as jansson writes it. Quotes inside strings are written \", so this begins a key wherever it occurs. */
#define WRAP_TEXT "\"\\u0001u64\":"

static const char *wrapped(const json_t *v)
{
	if (!json_is_object(v) || json_object_size(v) != 1)
		return NULL;
	return json_string_value(json_object_get(v, WRAP_KEY));
}

bool js_is_int(const json_t *v)
{
	return json_is_integer(v) || wrapped(v);
}

json_t *js_new_u64(uint64_t v)
{
	char text[24];

	if (v <= INT64_MAX)
		return json_integer((json_int_t)v);
	snprintf(text, sizeof(text), "%" PRIu64, v);
	json_t *w = json_object();
	if (w && json_object_set_new_nocheck(w, WRAP_KEY, json_string(text)) < 0) {
		json_decref(w);
		return NULL;
	}
	return w;
}

json_t *js_new_strv(char *const *v)
{
	json_t *arr = json_array();

	for (; arr && v && *v; v++)
		if (json_array_append_new(arr, json_string(*v)) < 0) {
			json_decref(arr);
			return NULL;
		}
	return arr;
}

int js_u64(const json_t *v, uint64_t *ret)
{
	const char *text = wrapped(v);

	if (text)
		return num_u64(text, 0, UINT64_MAX, ret);
	if (!json_is_integer(v))
		return -EINVAL;
	if (json_integer_value(v) < 0)
		return -ERANGE;
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

int js_i64(const json_t *v, int64_t *ret)
{
	if (wrapped(v))
		return -ERANGE;
	if (!json_is_integer(v))
		return -EINVAL;
	*ret = json_integer_value(v);
	return 0;
}

json_t *js_find(const json_t *list, const char *key, const char *text)
{
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)list, i, v) {
		const char *have = js_get_str(v, key);

		if (have && strcmp(have, text) == 0)
			return v;
	}
	return NULL;
}

const char *js_get_str(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

int64_t js_get_int(const json_t *obj, const char *key, int64_t fallback)
{
	int64_t v;

	return js_i64(json_object_get(obj, key), &v) < 0 ? fallback : v;
}

bool js_get_bool(const json_t *obj, const char *key, bool fallback)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_boolean(v) ? json_boolean_value(v) : fallback;
}

/* ---- writing ---- */

static int append(const char *data, size_t len, void *buf)
{
	buf_append(buf, data, len);
	return buf_ok(buf) ? 0 : -1;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n';
}

/* The wrapper whose key was found at hit: *open is its brace, *digits the number. Returns its end, or NULL. */
static char *match(char *hit, char **open, char **digits, size_t *n)
{
	char *p = hit + strlen(WRAP_TEXT);

	*open = hit - 1; /* a key is never the first byte */
	while (is_space(**open))
		--*open;
	p += is_space(*p);
	*digits = p + 1;
	*n = *p == '"' ? strspn(*digits, "0123456789") : 0;
	if (**open != '{' || *n == 0)
		return NULL;
	p = *digits + *n;
	if (*p++ != '"')
		return NULL;
	while (is_space(*p))
		p++;
	return *p == '}' ? p + 1 : NULL;
}

/* In place: what remains is shorter. */
static void unwrap(struct buf *b)
{
	char *to = b->data, *from = b->data, *scan = b->data, *end = b->data + b->len;
	char *hit, *open, *digits;
	size_t n;

	while ((hit = memmem(scan, (size_t)(end - scan), WRAP_TEXT, strlen(WRAP_TEXT)))) {
		scan = match(hit, &open, &digits, &n);
		if (!scan) {
			scan = hit + 1;
			continue;
		}
		memmove(to, from, (size_t)(open - from));
		to += open - from;
		memmove(to, digits, n);
		to += n;
		from = scan;
	}
	memmove(to, from, (size_t)(end - from) + 1);
	b->len = (size_t)(to - b->data) + (size_t)(end - from);
}

static char *dump(const json_t *v, size_t flags)
{
	_buf_ struct buf b = { 0 };

	if (!v || json_dump_callback(v, append, &b, flags | JSON_ENCODE_ANY) < 0)
		return NULL;
	unwrap(&b);
	return buf_steal(&b);
}

char *js_dump(const json_t *v)
{
	return dump(v, JSON_COMPACT);
}

char *js_dump_pretty(const json_t *v, int indent)
{
	return dump(v, JSON_INDENT(indent));
}
