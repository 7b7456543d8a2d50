/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/duration.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

#define YEAR_NS (365.0 * 86400 * 1e9)

static const struct {
	const char *name;
	double ns;
} units[] = {
	/* "m" after "ms" */
	{ "ns", 1 },   { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "\xce\xbcs", 1e3 },
	{ "ms", 1e6 }, { "s", 1e9 },  { "m", 60e9 },        { "h", 3600e9 },
};

/* A number with a unit; moves *s behind them. */
static int part(const char **s, double *ret)
{
	size_t whole = strspn(*s, "0123456789"), fraction = 0, i;
	double v = 0, place = 1;

	for (i = 0; i < whole; i++)
		v = v * 10 + ((*s)[i] - '0');
	*s += whole;
	if (**s == '.') {
		fraction = strspn(++*s, "0123456789");
		for (i = 0; i < fraction; i++)
			v += ((*s)[i] - '0') * (place /= 10);
		*s += fraction;
	}
	if (!whole && !fraction)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(units); i++)
		if (strncmp(*s, units[i].name, strlen(units[i].name)) == 0)
			break;
	if (i == ARRAY_SIZE(units))
		return -EINVAL;
	*s += strlen(units[i].name);
	*ret = v * units[i].ns;
	return 0;
}

int duration_parse(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	double ns = 0, one;
	int64_t ms;
	int r;

	s += *s == '-' || *s == '+';
	if (strcmp(s, "0") == 0) {
		*ret = 0;
		return 0;
	}
	do {
		r = part(&s, &one);
		if (r < 0)
			return r;
		ns += one;
	} while (*s);
	if (ns > YEAR_NS)
		return -ERANGE;
	ms = (int64_t)(ns / 1e6);
	ms += (double)ms * 1e6 < ns;
	*ret = negative ? -ms : ms;
	return 0;
}
