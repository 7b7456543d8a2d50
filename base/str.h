/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing byte buffers and string vectors. A buffer that could not grow is
 * marked failed and every later append is a no-op, so that only the last
 * check is needed: buf_ok().
 */
#ifndef MOAT_BASE_STR_H
#define MOAT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* owned; always NUL-terminated once something was appended */
	size_t len;
	size_t cap;
	bool failed;
};

void buf_done(struct buf *b);
#define _buf_ _cleanup_(buf_done)
void buf_reset(struct buf *b); /* keeps the memory */
void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buf_ok(const struct buf *b);
char *buf_steal(struct buf *b); /* the string ("" if empty), owned by the caller; NULL if failed */

/* NULL-terminated vectors of owned strings. */
size_t strv_len(char *const *v);
void strv_free(char **v);
void strv_freep(char ***v);
#define _strv_ _cleanup_(strv_freep)
char **strv_copy(char *const *v); /* NULL on ENOMEM; a NULL vector copies to an empty one */
/* Appends a copy of s; 0 or -ENOMEM (vector unchanged). *v may be NULL. */
int strv_add(char ***v, const char *s);
/* Sets NAME=value in an environment vector, replacing an earlier NAME. 0 or -ENOMEM. */
int strv_setenv(char ***v, const char *name, const char *value);
/* The value of NAME in an environment vector, or NULL. */
const char *strv_getenv(char *const *v, const char *name);

bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
/* True if s is valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool str_is_utf8(const char *s, size_t len);
/* Length of the valid UTF-8 at the beginning of s. */
size_t str_utf8_prefix(const char *s, size_t len);
/* Bytes of the character at s with its code point in *ret, or 0 if it is not valid UTF-8. */
size_t str_utf8_char(const char *s, size_t len, uint32_t *ret);
/* The longest length <= max at which s[0..max) can be cut without leaving half a character. */
size_t str_cut(const char *s, size_t max);
/* asprintf that returns NULL on ENOMEM. */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
