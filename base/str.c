/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- buffers ---- */

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

/* Room for extra bytes and a NUL. */
static bool buf_reserve(struct buf *b, size_t extra)
{
	if (b->failed)
		return false;
	if (extra >= SIZE_MAX / 2 - b->len) {
		b->failed = true;
		return false;
	}
	size_t need = b->len + extra + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	char *data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if (!buf_reserve(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

char *buf_steal(struct buf *b)
{
	char *s = NULL;

	if (!b->failed) {
		s = b->data ? b->data : strdup("");
		b->data = NULL;
	}
	buf_done(b);
	return s;
}

/* ---- string vectors ---- */

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

void strv_free(char **v)
{
	for (char **p = v; p && *p; p++)
		free(*p);
	free(v);
}

void strv_freep(char ***v)
{
	strv_free(*v);
}

char **strv_copy(char *const *v)
{
	size_t n = strv_len(v);
	char **copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(v[i]);
		if (!copy[i]) {
			strv_free(copy);
			return NULL;
		}
	}
	return copy;
}

/* Takes s, also when it fails; s may be NULL (a failed allocation). */
static int strv_take(char ***v, char *s)
{
	if (!s)
		return -ENOMEM;
	size_t n = strv_len(*v);
	char **grown = reallocarray(*v, n + 2, sizeof(*grown));
	if (!grown) {
		free(s);
		return -ENOMEM;
	}
	grown[n] = s;
	grown[n + 1] = NULL;
	*v = grown;
	return 0;
}

int strv_add(char ***v, const char *s)
{
	return strv_take(v, strdup(s));
}

/* True if entry is "name=..." */
static bool names(const char *entry, const char *name, size_t len)
{
	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

int strv_setenv(char ***v, const char *name, const char *value)
{
	size_t len = strlen(name);
	char *entry = str_printf("%s=%s", name, value);
	char **p = *v;

	if (!entry)
		return -ENOMEM;
	while (p && *p && !names(*p, name, len))
		p++;
	if (!p || !*p)
		return strv_take(v, entry);
	free(*p);
	*p++ = entry;
	/* Later duplicates would win in some programs: drop them. */
	char **to = p;
	for (; *p; p++) {
		if (names(*p, name, len))
			free(*p);
		else
			*to++ = *p;
	}
	*to = NULL;
	return 0;
}

const char *strv_getenv(char *const *v, const char *name)
{
	size_t len = strlen(name);

	for (; v && *v; v++) {
		if (names(*v, name, len))
			return *v + len + 1;
	}
	return NULL;
}

/* ---- strings ---- */

bool str_has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

size_t str_utf8_char(const char *s, size_t len, uint32_t *ret)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c, min;
	size_t n;

	if (len == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		n = 2;
		c = p[0] & 0x1f;
		min = 0x80;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		n = 3;
		c = p[0] & 0x0f;
		min = 0x800;
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		n = 4;
		c = p[0] & 0x07;
		min = 0x10000;
	} else {
		return 0;
	}
	if (len < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

size_t str_utf8_prefix(const char *s, size_t len)
{
	size_t i = 0;
	uint32_t c;

	while (i < len) {
		size_t n = str_utf8_char(s + i, len - i, &c);

		if (n == 0)
			break;
		i += n;
	}
	return i;
}

bool str_is_utf8(const char *s, size_t len)
{
	return str_utf8_prefix(s, len) == len;
}

size_t str_cut(const char *s, size_t max)
{
	size_t start = max;

	/* Back to the first byte of the character that contains s[max - 1]. */
	while (start > 0 && max - start < 4) {
		unsigned char c = (unsigned char)s[--start];

		if (c < 0x80)
			return max;
		if (c >= 0xc0) {
			size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

			return max - start < need ? start : max;
		}
	}
	return max; /* not UTF-8 anyway */
}

char *str_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}
