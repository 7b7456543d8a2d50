/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in: yajl's tokenizer with our limits, into a jansson tree.
 * JSON out: jansson's writer.
 * Table: one engine decodes a tree into a C struct by rows of {key, type,
 * offset} and reports errors with their path ("process.rlimits[2].hard").
 *
 * Numbers: integers that fit int64_t are JSON integers. Larger ones up to
 * 18446744073709551615 (an rlimit's infinity) are kept exactly in a private
 * wrapper that js_u64() reads and js_dump() writes back as the number it was.
 * Everything else (fractions, exponents) is a JSON real; overflow is an error.
 * Strings with NUL, invalid UTF-8, lone surrogates are errors. A key that
 * occurs twice in an object is an error. Keys with control characters are an error.
 */
#ifndef MOAT_BASE_JSON_H
#define MOAT_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct js_limits {
	size_t max_bytes; /* 0: 16 MiB */
	size_t max_depth; /* 0: 64; at most 2048 */
	size_t max_values; /* values in the whole document; 0: 1,000,000 */
};

/* Parses one complete document. *ret is the caller's (json_decref). Errors name line and column. */
int js_parse(const char *text, size_t len, const struct js_limits *limits, json_t **ret,
	     struct err *err);
/* Compact text, owned by the caller; NULL on ENOMEM. js_dump_pretty indents with indent spaces. */
char *js_dump(const json_t *v);
char *js_dump_pretty(const json_t *v, int indent);

static inline void js_decrefp(json_t **v)
{
	json_decref(*v);
}
#define _json_ _cleanup_(js_decrefp)

bool js_is_int(const json_t *v); /* integer or wrapped u64 */
int js_u64(const json_t *v, uint64_t *ret); /* 0, -EINVAL (no integer), -ERANGE (negative) */
int js_i64(const json_t *v, int64_t *ret);
json_t *js_new_u64(uint64_t v);
json_t *js_new_strv(
	char *const *v); /* v ends with NULL, or is it: an empty array. NULL: no memory, or one is not UTF-8 */

/* The first object of an array whose member `key` is that text, borrowed; NULL: none, or no array. */
json_t *js_find(const json_t *list, const char *key, const char *text);

/* Shorthands on objects: NULL / fallback when the key is absent or of another type. */
const char *js_get_str(const json_t *obj, const char *key);
int64_t js_get_int(const json_t *obj, const char *key, int64_t fallback);
bool js_get_bool(const json_t *obj, const char *key, bool fallback);

/* ---- tables ---- */

enum js_type {
	JS_STR, /* char *, owned copy */
	JS_BOOL, /* bool */
	JS_I64,
	JS_U64,
	JS_I32,
	JS_U32,
	JS_U16, /* intN_t of that size, range-checked */
	JS_REAL, /* double; integers accepted */
	JS_STRV, /* char **, NULL-terminated vector of owned strings */
	JS_OBJ, /* a struct in place, decoded by .sub */
	JS_OBJP, /* a pointer to a calloc'ed struct of .size bytes, decoded by .sub; NULL when absent */
	JS_ARR, /* array of objects: void *items at .offset, size_t count at .offset2; elements of .size bytes decoded by .sub */
	JS_U32ARR, /* uint32_t *items at .offset, size_t count at .offset2 */
	JS_MAP, /* object of strings: json_t * (new reference) checked to hold only strings */
	JS_ANY, /* json_t * (new reference), any type */
};

enum js_flags {
	JS_REQUIRED = 1 << 0, /* absent is an error "<path> is required" */
	JS_NONEMPTY = 1 << 1, /* "" or [] is an error */
	JS_NULLABLE = 1 << 2, /* null counts as absent (Go's omitempty slices and maps send null) */
	JS_WARN = 1 << 3, /* known, not applied: decode (type check) and call on_warn with the path */
	/* known and impossible: a value is an error with .why, unless empty as for Go: null "" [] {} false 0 */
	JS_REFUSE = 1 << 4,
};

struct js_field {
	const char *key;
	enum js_type type;
	size_t offset;
	size_t offset2;
	unsigned int flags;
	const struct js_field *sub; /* ends with a NULL key */
	size_t size;
	size_t offset_set; /* when non-zero: offset + 1 of a bool that becomes true when the key is present */
	const char *why; /* text for JS_WARN and JS_REFUSE */
	/* Extra check after decoding; field points to the member. NULL: none. path names it. */
	int (*check)(const void *field, const char *path, struct err *err);
};

struct js_ctx {
	bool strict; /* unknown keys are errors; else they are ignored */
	void (*on_warn)(void *data, const char *path, const char *why);
	/* Called for unknown keys when not strict; may be NULL. */
	void (*on_unknown)(void *data, const char *path);
	void *data;
	struct err *err;
};

/*
 * Decodes obj into out (zeroed by the caller). path is the prefix for error
 * messages ("" at the top). On failure out may be half filled: js_free_fields().
 */
int js_decode(const json_t *obj, const struct js_field *fields, void *out, const char *path,
	      struct js_ctx *ctx);
/* Frees everything that decoding allocated and zeroes those members. */
void js_free_fields(const struct js_field *fields, void *out);

#endif
