/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "tests/unit/unit.h"

START_TEST(buf_grows)
{
	_buf_ struct buf b = { 0 };

	for (int i = 0; i < 100000; i++)
		buf_printf(&b, "%d,", i % 10);
	ck_assert(buf_ok(&b));
	ck_assert_uint_eq(b.len, 200000);
	ck_assert_uint_eq(strlen(b.data), 200000);
	buf_reset(&b);
	ck_assert_str_eq(b.data, "");
	buf_append(&b, "a\0b", 3);
	buf_puts(&b, "");
	buf_append(&b, NULL, 0);
	ck_assert_uint_eq(b.len, 3);
	ck_assert_mem_eq(b.data, "a\0b", 4);
}
END_TEST

START_TEST(buf_stealing)
{
	struct buf b = { 0 };
	char *s = buf_steal(&b);

	ck_assert_str_eq(s, "");
	free(s);
	buf_puts(&b, "x");
	s = buf_steal(&b);
	ck_assert_str_eq(s, "x");
	free(s);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.len + b.cap, 0);
}
END_TEST

START_TEST(buf_failure_sticks)
{
	struct buf b = { 0 };

	buf_puts(&b, "x");
	buf_append(&b, "y", SIZE_MAX - 1); /* never read: it cannot fit */
	ck_assert(!buf_ok(&b));
	buf_puts(&b, "z");
	buf_printf(&b, "%d", 1);
	ck_assert_uint_eq(b.len, 1);
	ck_assert_ptr_null(buf_steal(&b));
	ck_assert(buf_ok(&b)); /* empty and usable again */
	buf_puts(&b, "again");
	ck_assert_str_eq(b.data, "again");
	b.failed = true;
	buf_reset(&b);
	ck_assert(buf_ok(&b));
	buf_done(&b);
}
END_TEST

START_TEST(vectors)
{
	_strv_ char **v = NULL;

	ck_assert_uint_eq(strv_len(NULL), 0);
	strv_free(NULL);
	ck_assert_int_eq(strv_add(&v, "a"), 0);
	ck_assert_int_eq(strv_add(&v, ""), 0);
	ck_assert_uint_eq(strv_len(v), 2);
	ck_assert_ptr_null(v[2]);
	_strv_ char **copy = strv_copy(v);
	ck_assert_str_eq(copy[0], "a");
	ck_assert_ptr_ne(copy[0], v[0]);
	ck_assert_str_eq(copy[1], "");
	_strv_ char **empty = strv_copy(NULL);
	ck_assert_ptr_nonnull(empty);
	ck_assert_ptr_null(empty[0]);
}
END_TEST

START_TEST(environment)
{
	_strv_ char **v = NULL;

	ck_assert_ptr_null(strv_getenv(NULL, "A"));
	ck_assert_int_eq(strv_setenv(&v, "A", "1"), 0);
	ck_assert_int_eq(strv_setenv(&v, "AB", "2"), 0);
	ck_assert_int_eq(strv_add(&v, "A=dup"), 0);
	ck_assert_int_eq(strv_add(&v, "C"), 0);
	ck_assert_int_eq(strv_add(&v, "A=dup2"), 0);
	ck_assert_str_eq(strv_getenv(v, "A"), "1");
	ck_assert_str_eq(strv_getenv(v, "AB"), "2");
	ck_assert_ptr_null(strv_getenv(v, "C")); /* no "=" */
	ck_assert_ptr_null(strv_getenv(v, "B"));
	/* Replaced in place, later duplicates dropped. */
	ck_assert_int_eq(strv_setenv(&v, "A", "x=y"), 0);
	ck_assert_uint_eq(strv_len(v), 3);
	ck_assert_str_eq(v[0], "A=x=y");
	ck_assert_str_eq(v[1], "AB=2");
	ck_assert_str_eq(v[2], "C");
	ck_assert_str_eq(strv_getenv(v, "A"), "x=y");
}
END_TEST

START_TEST(affixes)
{
	ck_assert(str_has_prefix("abc", "ab"));
	ck_assert(str_has_prefix("abc", ""));
	ck_assert(!str_has_prefix("ab", "abc"));
	ck_assert(str_has_suffix("abc", "bc"));
	ck_assert(str_has_suffix("abc", ""));
	ck_assert(!str_has_suffix("bc", "abc"));
}
END_TEST

static const struct {
	const char *s;
	size_t len;
	bool ok;
} utf8[] = {
	{ "", 0, true },
	{ "a\0b", 3, true },
	{ "\x7f", 1, true },
	{ "\xc2\x80", 2, true },
	{ "\xdf\xbf", 2, true },
	{ "\xe0\xa0\x80", 3, true },
	{ "\xed\x9f\xbf", 3, true },
	{ "\xee\x80\x80", 3, true },
	{ "\xef\xbf\xbf", 3, true },
	{ "\xf0\x90\x80\x80", 4, true },
	{ "\xf4\x8f\xbf\xbf", 4, true },
	{ "\x80", 1, false }, /* alone */
	{ "\xc0\x80", 2, false }, /* overlong */
	{ "\xc1\xbf", 2, false },
	{ "\xe0\x9f\xbf", 3, false },
	{ "\xf0\x8f\xbf\xbf", 4, false },
	{ "\xed\xa0\x80", 3, false }, /* surrogates */
	{ "\xed\xbf\xbf", 3, false },
	{ "\xf4\x90\x80\x80", 4, false }, /* past U+10FFFF */
	{ "\xf5\x80\x80\x80", 4, false },
	{ "\xff", 1, false },
	{ "\xc2", 1, false }, /* cut */
	{ "\xe2\x82", 2, false },
	{ "\xf0\x9f\x98", 3, false },
	{ "\xc2"
	  "a",
	  2, false },
};

START_TEST(utf8_table)
{
	for (size_t i = 0; i < ARRAY_SIZE(utf8); i++) {
		/* Of exactly its size on the heap, for the address sanitizer. */
		_free_ char *s = malloc(utf8[i].len + !utf8[i].len);

		memcpy(s, utf8[i].s, utf8[i].len);
		ck_assert_msg(str_is_utf8(s, utf8[i].len) == utf8[i].ok, "row %zu", i);
	}
	ck_assert_uint_eq(str_utf8_prefix("ab\xff"
					  "c",
					  4),
			  2);
}
END_TEST

/* Every code point, encoded by hand. */
START_TEST(utf8_all)
{
	for (uint32_t c = 0; c <= 0x110000; c++) {
		char s[4];
		size_t n;
		uint32_t got = 0;

		if (c < 0x80) {
			n = 1;
			s[0] = (char)c;
		} else if (c < 0x800) {
			n = 2;
			s[0] = (char)(0xc0 | c >> 6);
		} else if (c < 0x10000) {
			n = 3;
			s[0] = (char)(0xe0 | c >> 12);
		} else {
			n = 4;
			s[0] = (char)(0xf0 | c >> 18);
		}
		for (size_t i = 1; i < n; i++)
			s[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
		bool valid = !(c >= 0xd800 && c <= 0xdfff) && c <= 0x10ffff;
		if (str_utf8_char(s, n, &got) != (valid ? n : 0) || (valid && got != c))
			ck_abort_msg("U+%04X", c);
	}
}
END_TEST

START_TEST(cutting)
{
	const char *s = "a\xe2\x82\xac"
			"b\xf0\x9f\x98\x80"; /* 1 + 3 + 1 + 4 */
	static const size_t want[] = { 0, 1, 1, 1, 4, 5, 5, 5, 5, 9 };

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		ck_assert_uint_eq(str_cut(s, i), want[i]);
	/* What is not UTF-8 is cut where it was asked. */
	ck_assert_uint_eq(str_cut("\x80\x80\x80\x80\x80\x80", 6), 6);
	ck_assert_uint_eq(str_cut("\x80", 1), 1);
}
END_TEST

START_TEST(printf_copy)
{
	_free_ char *s = str_printf("%s-%d", "a", 1);

	ck_assert_str_eq(s, "a-1");
}
END_TEST

UNIT_MAIN("str", buf_grows, buf_stealing, buf_failure_sticks, vectors, environment, affixes,
	  utf8_table, utf8_all, cutting, printf_copy)
