/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "config/toml.h"
#include "config/toml_reader.h"

int toml_fail(struct toml_reader *p, const char *fmt, ...)
{
	char msg[sizeof(p->err->msg)]; /* err_set() cuts at a character's end */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (!p->name)
		return err_set(p->err, EINVAL, "%s", msg);
	return err_set(p->err, EINVAL, "%s:%d: %s", p->name, p->line, msg);
}

int toml_no_memory(struct toml_reader *p)
{
	return err_errno(p->err, ENOMEM, "%s", p->name ? p->name : "value");
}

/* ---- characters ---- */

unsigned char toml_peek(const struct toml_reader *p, size_t offset)
{
	return offset < (size_t)(p->end - p->at) ? (unsigned char)p->at[offset] : 0;
}

bool toml_take(struct toml_reader *p, char c)
{
	if (toml_peek(p, 0) != (unsigned char)c)
		return false;
	p->at++;
	return true;
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

bool toml_is_bare(unsigned char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-';
}

void toml_skip_blanks(struct toml_reader *p)
{
	while (toml_peek(p, 0) == ' ' || toml_peek(p, 0) == '\t')
		p->at++;
}

/* Line ends are "\n" and "\r\n"; a lone "\r" was refused by toml_check_text(). */
bool toml_at_line_end(const struct toml_reader *p)
{
	return p->at == p->end || *p->at == '\n' || *p->at == '\r';
}

void toml_skip_comment(struct toml_reader *p)
{
	toml_skip_blanks(p);
	if (toml_peek(p, 0) == '#')
		while (!toml_at_line_end(p))
			p->at++;
}

bool toml_skip_newline(struct toml_reader *p)
{
	toml_take(p, '\r');
	if (!toml_take(p, '\n'))
		return false;
	p->line++;
	return true;
}

int toml_check_text(struct toml_reader *p)
{
	const char *start = p->at;

	for (; p->at < p->end; p->at++) {
		unsigned char c = (unsigned char)*p->at;

		if (c == '\n')
			p->line++;
		else if (c == '\r' && toml_peek(p, 1) == '\n')
			continue;
		else if ((c < ' ' && c != '\t') || c == 0x7f)
			return toml_fail(p, "control character 0x%02x", c);
	}
	if (!str_is_utf8(start, (size_t)(p->end - start))) {
		p->line = 1;
		for (const char *s = start, *nl; (nl = memchr(s, '\n', (size_t)(p->end - s)));
		     s = nl + 1) {
			if (!str_is_utf8(s, (size_t)(nl - s)))
				break;
			p->line++;
		}
		return toml_fail(p, "not valid UTF-8");
	}
	p->at = start;
	p->line = 1;
	return 0;
}

int toml_end_of_line(struct toml_reader *p)
{
	toml_skip_comment(p);
	return toml_at_line_end(p) ? 0 : toml_fail(p, "unexpected text at the end of the line");
}

/* ---- strings ---- */

static int hex_digit(unsigned char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \uXXXX and \UXXXXXXXX, behind the letter. */
static int parse_unicode(struct toml_reader *p, int digits, struct buf *out)
{
	uint32_t c = 0;
	char utf8[4];
	size_t n;

	for (int i = 0; i < digits; i++) {
		int d = hex_digit(toml_peek(p, 0));
		if (d < 0)
			return toml_fail(p, "a Unicode escape needs %d hexadecimal digits", digits);
		c = c << 4 | (uint32_t)d;
		p->at++;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return toml_fail(p, "U+%04X cannot be in a string", (unsigned int)c);
	if (c < 0x80) {
		utf8[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		utf8[0] = (char)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		utf8[0] = (char)(0xe0 | c >> 12);
		n = 3;
	} else {
		utf8[0] = (char)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		utf8[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
	buf_append(out, utf8, n);
	return 0;
}

static int parse_escape(struct toml_reader *p, struct buf *out)
{
	static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
	unsigned char c = toml_peek(p, 0);
	const char *l = c ? strchr(letters, c) : NULL;

	if (c == 'u' || c == 'U') {
		p->at++;
		return parse_unicode(p, c == 'u' ? 4 : 8, out);
	}
	if (!l)
		return toml_fail(
			p,
			"unknown escape in a string: only \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX exist");
	p->at++;
	buf_append(out, &meanings[l - letters], 1);
	return 0;
}

/* "..." with escapes or '...' without, at its opening quote. */
int toml_read_string(struct toml_reader *p, char **ret)
{
	_buf_ struct buf out = { 0 };
	char quote = *p->at++;

	if (toml_peek(p, 0) == (unsigned char)quote && toml_peek(p, 1) == (unsigned char)quote)
		return toml_fail(p, "multi-line strings are not supported");
	while (!toml_take(p, quote)) {
		if (toml_at_line_end(p))
			return toml_fail(p, "a string without its closing %c", quote);
		if (quote == '"' && toml_take(p, '\\')) {
			int r = parse_escape(p, &out);
			if (r < 0)
				return r;
		} else {
			buf_append(&out, p->at++, 1);
		}
	}
	*ret = buf_steal(&out);
	return *ret ? 0 : toml_no_memory(p);
}

/* ---- values ---- */

static int parse_integer(struct toml_reader *p, json_t **ret)
{
	bool negative = false, digit_before = false;
	int base = 10;
	uint64_t v = 0, limit;

	if (toml_peek(p, 0) == '+' || toml_peek(p, 0) == '-')
		negative = *p->at++ == '-';
	else if (toml_peek(p, 0) == '0' && toml_peek(p, 1) && strchr("xob", toml_peek(p, 1))) {
		base = toml_peek(p, 1) == 'x' ? 16 : toml_peek(p, 1) == 'o' ? 8 : 2;
		p->at += 2;
	}
	limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	if (toml_peek(p, 0) == 'i' || toml_peek(p, 0) == 'n') /* +inf, -nan */
		return toml_fail(p, "floating point numbers are not supported");
	if (base == 10 && toml_peek(p, 0) == '0' &&
	    (is_digit(toml_peek(p, 1)) || toml_peek(p, 1) == '_'))
		return toml_fail(p, "a number cannot begin with 0 (octal is written 0o17)");
	for (;; p->at++) {
		int d = hex_digit(toml_peek(p, 0));

		if (toml_peek(p, 0) == '_' && digit_before && hex_digit(toml_peek(p, 1)) >= 0) {
			digit_before = false;
			continue;
		}
		if (d < 0 || d >= base)
			break;
		if (v > (limit - (uint64_t)d) / (uint64_t)base)
			return toml_fail(p, "integer out of range");
		v = v * (uint64_t)base + (uint64_t)d;
		digit_before = true;
	}
	unsigned char c = toml_peek(p, 0);
	if (base == 10 && digit_before && (c == '.' || c == 'e' || c == 'E'))
		return toml_fail(p, "floating point numbers are not supported");
	if (base == 10 && digit_before && (c == '-' || c == ':'))
		return toml_fail(p, "dates and times are not supported");
	if (!digit_before || toml_is_bare(c))
		return toml_fail(p, "not a valid integer");
	*ret = json_integer(negative ? (json_int_t)(0 - v) : (json_int_t)v);
	return *ret ? 0 : toml_no_memory(p);
}

static int parse_word(struct toml_reader *p, json_t **ret)
{
	const char *start = p->at;

	while (toml_is_bare(toml_peek(p, 0)))
		p->at++;
	size_t len = (size_t)(p->at - start);
	if (len == 4 && memcmp(start, "true", 4) == 0)
		*ret = json_true();
	else if (len == 5 && memcmp(start, "false", 5) == 0)
		*ret = json_false();
	else if (len == 3 && (memcmp(start, "inf", 3) == 0 || memcmp(start, "nan", 3) == 0))
		return toml_fail(p, "floating point numbers are not supported");
	else if (len)
		return toml_fail(p, "\"%.*s\" is no value: strings are written in quotes", (int)len,
				 start);
	else
		return toml_fail(p, "a value is missing");
	return 0;
}

static int parse_scalar(struct toml_reader *p, json_t **ret)
{
	unsigned char c = toml_peek(p, 0);
	_free_ char *s = NULL;

	if (++p->values > TOML_MAX_VALUES)
		return toml_fail(p, "more than %d values", TOML_MAX_VALUES);
	if (c == '"' || c == '\'') {
		int r = toml_read_string(p, &s);
		if (r < 0)
			return r;
		*ret = json_string(s);
		return *ret ? 0 : toml_no_memory(p);
	}
	if (is_digit(c) || c == '+' || c == '-')
		return parse_integer(p, ret);
	if (c == '{')
		return toml_fail(p, "inline tables are not supported: use a [section]");
	return parse_word(p, ret);
}

/* Blanks, comments and line ends between the elements of an array. */
static void skip_space(struct toml_reader *p)
{
	do
		toml_skip_comment(p);
	while (toml_skip_newline(p));
}

static int parse_array(struct toml_reader *p, json_t **ret)
{
	_json_ json_t *array = json_array();
	int first_line = p->line;

	if (!array)
		return toml_no_memory(p);
	p->at++;
	for (;;) {
		json_t *v = NULL;

		skip_space(p);
		if (toml_take(p, ']'))
			break;
		if (p->at == p->end) {
			p->line = first_line;
			return toml_fail(p, "an array without its closing ]");
		}
		if (toml_peek(p, 0) == '[')
			return toml_fail(p, "arrays in arrays are not supported");
		int r = parse_scalar(p, &v);
		if (r < 0)
			return r;
		if (json_array_append_new(array, v) < 0)
			return toml_no_memory(p);
		skip_space(p);
		if (toml_peek(p, 0) != ']' && !toml_take(p, ','))
			return toml_fail(p, "a comma or ] must follow an element of an array");
	}
	*ret = take_ptr(array);
	return 0;
}

int toml_read_value(struct toml_reader *p, json_t **ret)
{
	return toml_peek(p, 0) == '[' ? parse_array(p, ret) : parse_scalar(p, ret);
}
