/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/version.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DIGITS "0123456789"
#define WORD DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
#define MAX_DIGITS 9 /* fits an unsigned int */

/* Length of the number at s, 0 if there is none: no leading zero, no overflow. */
static size_t number(const char *s, unsigned int *ret)
{
	size_t n = strspn(s, DIGITS);

	if (n == 0 || n > MAX_DIGITS || (n > 1 && s[0] == '0'))
		return 0;
	*ret = 0;
	for (size_t i = 0; i < n; i++)
		*ret = *ret * 10 + (unsigned int)(s[i] - '0');
	return n;
}

/* Length of the dot-separated words at s ("rc2.dev"), 0 if one is empty. */
static size_t words(const char *s)
{
	size_t len = 0;

	for (;;) {
		size_t n = strspn(s + len, WORD);

		if (!n)
			return 0;
		len += n;
		if (s[len] != '.')
			return len;
		len++;
	}
}

int oci_version_major(const char *version, unsigned int *ret)
{
	unsigned int part[3];
	const char *s = version;

	for (int i = 0; i < 3; i++) {
		size_t n = number(s, &part[i]);

		if (!n)
			return -EINVAL;
		s += n;
		if (i < 2 && *s++ != '.')
			return -EINVAL;
	}
	for (const char *mark = "-+"; *mark; mark++) {
		size_t n;

		if (*s != *mark)
			continue;
		n = words(s + 1);
		if (!n)
			return -EINVAL;
		s += 1 + n;
	}
	if (*s)
		return -EINVAL;
	*ret = part[0];
	return 0;
}
