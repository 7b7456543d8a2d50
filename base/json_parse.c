/* SPDX-License-Identifier: Apache-2.0 */
/*
 * js_parse(): yajl cuts the text into tokens, the callbacks below build the
 * tree under our limits. Nothing recurses. The memory of both libraries comes
 * from jansson's allocator (json_set_alloc_funcs), so that one fault injector
 * reaches both.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

#define DEFAULT_BYTES ((size_t)16 << 20)
#define DEFAULT_DEPTH 64
#define DEFAULT_VALUES 1000000
/* jansson frees and writes a tree recursively: more would be at the cost of the stack. */
#define MAX_DEPTH 2048

/* In front of each block of yajl's, so that all can be freed when one cannot be had. */
struct block {
	alignas(max_align_t) struct block *next;
	struct block *prev;
	size_t size;
};

struct parser {
	const char *text;
	size_t len;
	size_t at; /* where an error was found */
	size_t max_depth, max_values, values;
	json_t *root; /* owned */
	json_t **stack; /* the open containers, borrowed */
	size_t depth, stack_cap;
	struct buf key; /* of the value to come */
	struct err *err;
	int code; /* -errno once something has failed */
	struct block blocks; /* head of yajl's memory */
	jmp_buf no_memory;
};

static int fail(struct parser *p, int code, const char *msg)
{
	p->code = err_set(p->err, code, "%s", msg);
	return 0; /* yajl: stop */
}

/* ---- memory for yajl, which does not check what malloc() gives ---- */

static void *y_malloc(void *ctx, size_t size)
{
	struct parser *p = ctx;
	json_malloc_t get;

	json_get_alloc_funcs(&get, NULL);
	struct block *b = size > SIZE_MAX / 2 ? NULL : get(sizeof(*b) + size);
	if (!b)
		longjmp(p->no_memory, 1);
	b->size = size;
	b->prev = &p->blocks;
	b->next = p->blocks.next;
	b->next->prev = b;
	p->blocks.next = b;
	return b + 1;
}

static void y_free(void *ctx, void *ptr)
{
	json_free_t put;

	if (!ptr)
		return;
	struct block *b = (struct block *)ptr - 1;
	b->next->prev = b->prev;
	b->prev->next = b->next;
	json_get_alloc_funcs(NULL, &put);
	put(b);
}

static void *y_realloc(void *ctx, void *ptr, size_t size)
{
	void *grown = y_malloc(ctx, size);

	if (ptr) {
		size_t old = ((struct block *)ptr)[-1].size;

		memcpy(grown, ptr, old < size ? old : size);
		y_free(ctx, ptr);
	}
	return grown;
}

/* ---- building the tree ---- */

/* Puts a new value (taken; NULL: out of memory) where it belongs. */
static int add(struct parser *p, json_t *v)
{
	int r = 0;

	if (!v)
		return fail(p, ENOMEM, "out of memory");
	if (p->values++ >= p->max_values) {
		json_decref(v);
		return fail(p, E2BIG, "too many values");
	}
	if (p->depth == 0)
		p->root = v;
	else if (json_is_array(p->stack[p->depth - 1]))
		r = json_array_append_new(p->stack[p->depth - 1], v);
	else
		r = json_object_setn_new_nocheck(p->stack[p->depth - 1], p->key.data, p->key.len, v);
	return r < 0 ? fail(p, ENOMEM, "out of memory") : 1;
}

static int open_container(struct parser *p, json_t *v)
{
	if (p->depth >= p->max_depth) {
		json_decref(v);
		return fail(p, E2BIG, "nested too deeply");
	}
	if (p->depth == p->stack_cap) {
		size_t cap = p->stack_cap ? p->stack_cap * 2 : 32;
		json_t **grown = reallocarray(p->stack, cap, sizeof(json_t *));

		if (!grown) {
			json_decref(v);
			return fail(p, ENOMEM, "out of memory");
		}
		p->stack = grown;
		p->stack_cap = cap;
	}
	if (!add(p, v))
		return 0;
	p->stack[p->depth++] = v;
	return 1;
}

static int on_null(void *ctx)
{
	return add(ctx, json_null());
}

static int on_bool(void *ctx, int v)
{
	return add(ctx, json_boolean(v));
}

/* Digits with an optional minus: exact, or an error. */
static int add_integer(struct parser *p, const char *s, size_t len)
{
	bool negative = *s == '-';
	uint64_t v = 0;

	for (size_t i = negative; i < len; i++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return fail(p, ERANGE, "integer is out of range");
	}
	if (!negative)
		return add(p, js_new_u64(v));
	if (v > (uint64_t)INT64_MAX + 1)
		return fail(p, ERANGE, "integer is out of range");
	return add(p, json_integer((json_int_t)-v));
}

static int on_number(void *ctx, const char *s, size_t len)
{
	struct parser *p = ctx;
	size_t i = 0;

	while (i < len && s[i] != '.' && s[i] != 'e' && s[i] != 'E')
		i++;
	if (i == len)
		return add_integer(p, s, len);

	_free_ char *text = strndup(s, len); /* strtod() wants an end */
	if (!text)
		return fail(p, ENOMEM, "out of memory");
	double d = strtod(text, NULL);
	if (isinf(d))
		return fail(p, ERANGE, "number is out of range");
	return add(p, json_real(d));
}

static int on_string(void *ctx, const unsigned char *s, size_t len)
{
	return add(ctx, json_stringn_nocheck((const char *)s, len));
}

static int on_start_map(void *ctx)
{
	return open_container(ctx, json_object());
}

static int on_start_array(void *ctx)
{
	return open_container(ctx, json_array());
}

static int on_key(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;

	/* Also what keeps a document from writing our wrapper of large integers, see json_dump.c. */
	for (size_t i = 0; i < len; i++) {
		if (s[i] < 0x20 || s[i] == 0x7f)
			return fail(p, EINVAL, "control character in a key");
	}
	buf_reset(&p->key);
	buf_append(&p->key, s, len);
	if (!buf_ok(&p->key))
		return fail(p, ENOMEM, "out of memory");
	if (json_object_getn(p->stack[p->depth - 1], p->key.data, len)) {
		p->code = err_set(p->err, EINVAL, "key \"%.*s\" occurs twice",
				  (int)str_cut(p->key.data, len < 100 ? len : 100), p->key.data);
		return 0;
	}
	return 1;
}

static int on_end(void *ctx)
{
	struct parser *p = ctx;

	p->depth--;
	return 1;
}

/* ---- the whole text ---- */

static int hex4(const char *s, const char *end, unsigned int *ret)
{
	unsigned int v = 0;

	if (end - s < 4)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		char c = s[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (unsigned int)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | (unsigned int)((c | 0x20) - 'a' + 10);
		else
			return -EINVAL;
	}
	*ret = v;
	return 0;
}

/*
 * Escapes that yajl would let through: it makes '?' of half a surrogate pair
 * and a NUL in the string of \u0000. Malformed escapes are left to it.
 * A backslash is only valid inside a string, so there is no need to know where those are.
 */
static int check_escapes(struct parser *p)
{
	const char *end = p->text + p->len, *s = p->text;
	unsigned int v, low;

	while ((s = memchr(s, '\\', (size_t)(end - s)))) {
		const char *start = s;

		if (end - s < 2)
			return 0;
		s += 2;
		if (s[-1] != 'u' || hex4(s, end, &v) < 0)
			continue;
		s += 4;
		if (v >= 0xd800 && v <= 0xdbff && end - s >= 2 && s[0] == '\\' && s[1] == 'u' &&
		    hex4(s + 2, end, &low) == 0 && low >= 0xdc00 && low <= 0xdfff) {
			s += 6;
			continue;
		}
		if (v == 0 || (v >= 0xd800 && v <= 0xdfff)) {
			p->at = (size_t)(start - p->text) + 1;
			fail(p, EINVAL,
			     v == 0 ? "NUL character in a string" :
				      "half a surrogate pair in a string");
			return p->code;
		}
	}
	return 0;
}

static int check_text(struct parser *p)
{
	if (p->len >= 3 && memcmp(p->text, "\xef\xbb\xbf", 3) == 0) {
		p->at = 1;
		fail(p, EINVAL, "byte order mark");
		return p->code;
	}
	size_t valid = str_utf8_prefix(p->text, p->len);
	if (valid < p->len) {
		p->at = valid + 1;
		fail(p, EINVAL, "invalid UTF-8");
		return p->code;
	}
	return check_escapes(p);
}

/* Everything between yajl_alloc() and yajl_free(); p->code tells. */
static void run_yajl(struct parser *p)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_bool,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_start_map,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_start_array,
		.yajl_end_array = on_end,
	};
	yajl_alloc_funcs memory = { .malloc = y_malloc,
				    .realloc = y_realloc,
				    .free = y_free,
				    .ctx = p };
	yajl_handle h = yajl_alloc(&callbacks, &memory, p);
	yajl_status status = yajl_parse(h, (const unsigned char *)p->text, p->len);

	p->at = yajl_get_bytes_consumed(h);
	if (status == yajl_status_ok) {
		status = yajl_complete_parse(h); /* counts from 0 again */
		p->at = p->len;
	}
	if (status == yajl_status_error && p->code == 0) {
		unsigned char *text = yajl_get_error(h, 0, NULL, 0);
		size_t n = strcspn((char *)text, "\n");

		if (n > 0 && text[n - 1] == '.')
			n--;
		p->code = err_set(p->err, EINVAL, "%.*s", (int)n, (char *)text);
		yajl_free_error(h, text);
	}
	yajl_free(h);
}

static int parse(struct parser *p)
{
	int r = check_text(p);

	if (r < 0)
		return r;
	p->blocks.next = p->blocks.prev = &p->blocks;
	if (setjmp(p->no_memory)) {
		while (p->blocks.next != &p->blocks)
			y_free(p, p->blocks.next + 1);
		fail(p, ENOMEM, "out of memory");
		return p->code;
	}
	run_yajl(p);
	return p->code;
}

/* Puts "line L, column C: " in front of the message; the column counts characters. */
static void locate(struct parser *p)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i + 1 < p->at && i < p->len; i++) {
		unsigned char c = (unsigned char)p->text[i];

		if (c == '\n') {
			line++;
			column = 1;
		} else if (c < 0x80 || c >= 0xc0) {
			column++;
		}
	}
	err_wrap(p->err, "line %zu, column %zu", line, column);
}

int js_parse(const char *text, size_t len, const struct js_limits *limits, json_t **ret,
	     struct err *err)
{
	static const struct js_limits defaults;
	const struct js_limits *lim = limits ? limits : &defaults;
	size_t max_bytes = lim->max_bytes ? lim->max_bytes : DEFAULT_BYTES;
	struct parser p = {
		.text = text,
		.len = len,
		.max_depth = lim->max_depth ? lim->max_depth : DEFAULT_DEPTH,
		.max_values = lim->max_values ? lim->max_values : DEFAULT_VALUES,
		.err = err,
	};

	if (len > max_bytes)
		return err_set(err, E2BIG, "JSON text of %zu bytes is larger than %zu", len,
			       max_bytes);
	if (p.max_depth > MAX_DEPTH)
		p.max_depth = MAX_DEPTH;
	int r = parse(&p);
	free(p.stack);
	buf_done(&p.key);
	if (r < 0) {
		json_decref(p.root);
		if (r != -ENOMEM)
			locate(&p);
		return r;
	}
	*ret = p.root;
	return 0;
}
