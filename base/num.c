/* SPDX-License-Identifier: Apache-2.0 */
#include "base/num.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Digits to the end of the string, nothing else. */
static int digits(const char *s, uint64_t *ret)
{
	uint64_t v = 0;
	bool over = false;

	if (!s || *s == '\0')
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			over = true;
	}
	if (over)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v;
	int r = digits(s, &v);

	if (r < 0)
		return r;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = s && *s == '-';
	uint64_t u;
	int64_t v;
	int r = digits(negative ? s + 1 : s, &u);

	if (r < 0)
		return r;
	if (u > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	/* In unsigned arithmetic, where the negation of 2^63 is defined. */
	v = (int64_t)(negative ? -u : u);
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int num_u32(const char *s, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t v;
	int r = num_u64(s, min, max, &v);

	if (r < 0)
		return r;
	*ret = (uint32_t)v;
	return 0;
}

int num_int(const char *s, int min, int max, int *ret)
{
	int64_t v;
	int r = num_i64(s, min, max, &v);

	if (r < 0)
		return r;
	*ret = (int)v;
	return 0;
}

/* "", "b", "k", "kb", "kib" and so on, in either case: the power of 1024, or -1. */
static int unit_power(const char *s)
{
	static const char letters[] = "kmgtp";
	int power = 0;

	for (int i = 0; letters[i]; i++)
		if ((*s | 0x20) == letters[i])
			power = i + 1;
	if (power)
		s++;
	if (power && (*s | 0x20) == 'i')
		s++;
	if ((*s | 0x20) == 'b')
		s++;
	return *s ? -1 : power;
}

int num_size(const char *s, int64_t *ret)
{
	size_t whole = strspn(s, "0123456789"), part = 0;
	double v = 0, place = 1;
	int power;

	if (!whole)
		return -EINVAL;
	if (s[whole] == '.') {
		part = strspn(s + whole + 1, "0123456789");
		if (!part)
			return -EINVAL;
	}
	for (size_t i = 0; i < whole; i++)
		v = v * 10 + (s[i] - '0');
	for (size_t i = 0; i < part; i++)
		v += (s[whole + 1 + i] - '0') * (place /= 10);
	s += whole + (part ? part + 1 : 0);
	power = unit_power(s + (*s == ' '));
	if (power < 0)
		return -EINVAL;
	while (power--)
		v *= 1024;
	if (v >= 9223372036854775808.0)
		return -ERANGE;
	*ret = (int64_t)v;
	return 0;
}
