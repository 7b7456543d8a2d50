/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/str.h"
#include "tests/unit/unit.h"

START_TEST(set_and_codes)
{
	struct err err = { 0 };

	ck_assert_int_eq(err_set(&err, ENOENT, "open '%s'", "/x"), -ENOENT);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_str_eq(err.msg, "open '/x'");
	/* The code may be unset, or already negative. */
	ck_assert_int_eq(err_set(&err, 0, "odd"), -EIO);
	ck_assert_int_eq(err_set(&err, -EPERM, "odd"), -EPERM);
	ck_assert_int_eq(err.code, EPERM);
}
END_TEST

START_TEST(null_is_accepted)
{
	ck_assert_int_eq(err_set(NULL, ENOENT, "x"), -ENOENT);
	ck_assert_int_eq(err_errno(NULL, EBUSY, "x"), -EBUSY);
	ck_assert_int_eq(err_wrap(NULL, "x"), -EIO);
}
END_TEST

START_TEST(strings_like_go)
{
	struct err err = { 0 };

	ck_assert_str_eq(err_str(ENOENT), "no such file or directory");
	ck_assert_str_eq(err_str(EDOTDOT), "RFS specific error");
	ck_assert_str_eq(err_str(4095), "errno 4095");
	ck_assert_int_eq(err_errno(&err, EISDIR, "read '%s'", "d"), -EISDIR);
	ck_assert_str_eq(err.msg, "read 'd': is a directory");
	err_errno(&err, EISDIR, "%s", "");
	ck_assert_str_eq(err.msg, "is a directory");
}
END_TEST

START_TEST(wrap)
{
	struct err err = { 0 };

	ck_assert_int_eq(err_wrap(&err, "context"), -EIO);
	ck_assert_str_eq(err.msg, "context");
	err_set(&err, EBUSY, "inner");
	ck_assert_int_eq(err_wrap(&err, "a %d", 1), -EBUSY);
	ck_assert_int_eq(err_wrap(&err, "b"), -EBUSY);
	ck_assert_str_eq(err.msg, "b: a 1: inner");
}
END_TEST

/* The message itself as an argument. */
START_TEST(overlap)
{
	struct err err = { 0 };

	err_set(&err, EBUSY, "inner");
	err_set(&err, EPERM, "[%s] [%s]", err.msg, err.msg);
	ck_assert_str_eq(err.msg, "[inner] [inner]");
	err_errno(&err, EPERM, "%s", err.msg);
	ck_assert_str_eq(err.msg, "[inner] [inner]: operation not permitted");
	err_wrap(&err, "%.7s", err.msg);
	ck_assert_str_eq(err.msg, "[inner]: [inner] [inner]: operation not permitted");
}
END_TEST

START_TEST(cut)
{
	static char big[8192];
	struct err err = { 0 };

	memset(big, 'x', sizeof(big) - 1);
	err_set(&err, EIO, "%s", big);
	ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
	/* The reason stays, the context is cut. */
	err_errno(&err, ENOENT, "%s", big);
	ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
	ck_assert(str_has_suffix(err.msg, "xx: no such file or directory"));
	/* The context stays, the end of what is wrapped is cut. */
	err_wrap(&err, "outer");
	ck_assert(str_has_prefix(err.msg, "outer: xxx"));
	ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
	err_wrap(&err, "%s", big);
	ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
	/* Room for the separator only in part. */
	for (size_t left = 0; left < 6; left++) {
		big[sizeof(err.msg) - 1 - left] = '\0';
		err_set(&err, EIO, "0123456789");
		err_wrap(&err, "%s", big);
		ck_assert_uint_eq(strlen(err.msg), sizeof(err.msg) - 1);
		big[sizeof(err.msg) - 1 - left] = 'x';
	}
}
END_TEST

/* Never in the middle of a character. */
START_TEST(cut_utf8)
{
	static char big[8192];
	struct err err = { 0 };

	for (size_t i = 0; i + 3 < sizeof(big); i += 3)
		memcpy(big + i, "\xe2\x82\xac", 3);
	for (int shift = 0; shift < 3; shift++) {
		err_set(&err, EIO, "%.*s%s", shift, "ab", big);
		ck_assert(str_is_utf8(err.msg, strlen(err.msg)));
		ck_assert_uint_ge(strlen(err.msg), sizeof(err.msg) - 3);
		err_errno(&err, EIO, "%.*s%s", shift, "ab", big);
		ck_assert(str_is_utf8(err.msg, strlen(err.msg)));
		err_wrap(&err, "z");
		ck_assert(str_is_utf8(err.msg, strlen(err.msg)));
	}
}
END_TEST

UNIT_MAIN("err", set_and_codes, null_is_accepted, strings_like_go, wrap, overlap, cut, cut_utf8)
