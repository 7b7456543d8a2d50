/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "tests/unit/unit.h"

static const char *const malformed[] = {
	"",     " ",   " 1",  "1 ",    "1\n", "+1",       "--1", "-",
	"0x10", "1e3", "1.0", "1_000", "one", "\xd9\xa1", "1-",  "-+1",
};

START_TEST(malformed_is_einval)
{
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		uint64_t u = 7;
		int64_t s = 7;
		uint32_t w = 7;
		int n = 7;

		ck_assert_msg(num_u64(malformed[i], 0, UINT64_MAX, &u) == -EINVAL, "'%s'",
			      malformed[i]);
		ck_assert_msg(num_i64(malformed[i], INT64_MIN, INT64_MAX, &s) == -EINVAL, "'%s'",
			      malformed[i]);
		ck_assert_int_eq(num_u32(malformed[i], 0, UINT32_MAX, &w), -EINVAL);
		ck_assert_int_eq(num_int(malformed[i], INT_MIN, INT_MAX, &n), -EINVAL);
		ck_assert(u == 7 && s == 7 && w == 7 && n == 7);
	}
	uint64_t u = 7;
	int64_t s = 7;
	ck_assert_int_eq(num_u64(NULL, 0, 1, &u), -EINVAL);
	ck_assert_int_eq(num_i64(NULL, 0, 1, &s), -EINVAL);
	ck_assert_int_eq(num_u64("-1", 0, UINT64_MAX, &u), -EINVAL);
	ck_assert_int_eq(num_u64("-0", 0, UINT64_MAX, &u), -EINVAL);
}
END_TEST

START_TEST(unsigned_limits)
{
	uint64_t u = 0;
	uint32_t w = 0;

	ck_assert_int_eq(num_u64("18446744073709551615", 0, UINT64_MAX, &u), 0);
	ck_assert(u == UINT64_MAX);
	ck_assert_int_eq(num_u64("18446744073709551616", 0, UINT64_MAX, &u), -ERANGE);
	ck_assert_int_eq(num_u64("99999999999999999999999999", 0, UINT64_MAX, &u), -ERANGE);
	/* Too long and malformed is malformed. */
	ck_assert_int_eq(num_u64("99999999999999999999999999x", 0, UINT64_MAX, &u), -EINVAL);
	ck_assert_int_eq(num_u64("000000000000000000000000000012", 0, UINT64_MAX, &u), 0);
	ck_assert(u == 12);
	ck_assert_int_eq(num_u64("9", 10, 20, &u), -ERANGE);
	ck_assert_int_eq(num_u64("21", 10, 20, &u), -ERANGE);
	ck_assert(u == 12);
	ck_assert_int_eq(num_u32("4294967295", 0, UINT32_MAX, &w), 0);
	ck_assert_uint_eq(w, UINT32_MAX);
	ck_assert_int_eq(num_u32("4294967296", 0, UINT32_MAX, &w), -ERANGE);
}
END_TEST

START_TEST(signed_limits)
{
	int64_t s = 0;
	int n = 0;

	ck_assert_int_eq(num_i64("9223372036854775807", INT64_MIN, INT64_MAX, &s), 0);
	ck_assert(s == INT64_MAX);
	ck_assert_int_eq(num_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &s), 0);
	ck_assert(s == INT64_MIN);
	ck_assert_int_eq(num_i64("9223372036854775808", INT64_MIN, INT64_MAX, &s), -ERANGE);
	ck_assert_int_eq(num_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &s), -ERANGE);
	ck_assert_int_eq(num_i64("-18446744073709551616", INT64_MIN, INT64_MAX, &s), -ERANGE);
	ck_assert_int_eq(num_i64("-0", INT64_MIN, INT64_MAX, &s), 0);
	ck_assert(s == 0);
	ck_assert_int_eq(num_int("-2147483648", INT_MIN, INT_MAX, &n), 0);
	ck_assert_int_eq(n, INT_MIN);
	ck_assert_int_eq(num_int("2147483648", INT_MIN, INT_MAX, &n), -ERANGE);
	ck_assert_int_eq(num_int("-1000", -1000, 1000, &n), 0);
	ck_assert_int_eq(num_int("-1001", -1000, 1000, &n), -ERANGE);
	ck_assert_int_eq(n, -1000);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		int64_t want; /* or -errno */
	} cases[] = {
		{ "0", 0 },
		{ "32", 32 },
		{ "32b", 32 },
		{ "32B", 32 },
		{ "32k", 32768 },
		{ "32kb", 32768 },
		{ "32KiB", 32768 },
		{ "32 kib", 32768 },
		{ "64m", 67108864 },
		{ "1.5G", 1610612736 },
		{ "0.5k", 512 },
		{ "1T", 1099511627776 },
		{ "2P", 2251799813685248 },
		{ "8191P", 8191LL << 50 },
		{ "8192P", -ERANGE },
		{ "99999999999999999999", -ERANGE },
		{ "", -EINVAL },
		{ "k", -EINVAL },
		{ "-1", -EINVAL },
		{ "+1", -EINVAL },
		{ " 1", -EINVAL },
		{ "1 ", 1 },
		{ "1  k", -EINVAL },
		{ "1k ", -EINVAL },
		{ "1.", -EINVAL },
		{ ".5", -EINVAL },
		{ "1.5.5", -EINVAL },
		{ "1kk", -EINVAL },
		{ "1i", -EINVAL },
		{ "1ib", -EINVAL },
		{ "1x", -EINVAL },
		{ "1bb", -EINVAL },
		{ "0x10", -EINVAL },
		{ "1e3", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t v = -7;
		int r = num_size(cases[i].text, &v);

		ck_assert_msg((r < 0 ? r : v) == cases[i].want, "\"%s\": %d, %lld", cases[i].text,
			      r, (long long)v);
		ck_assert(r == 0 || v == -7);
	}
}
END_TEST

UNIT_MAIN("num", malformed_is_einval, unsigned_limits, signed_limits, sizes)
