/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"
#include "base/str.h"
#include "monitor/virtiofsd.h"
#include "tests/unit/unit.h"

static bool has(char *const *v, const char *s)
{
	for (; *v; v++)
		if (strcmp(*v, s) == 0)
			return true;
	return false;
}

START_TEST(arguments)
{
	char program[] = "/usr/lib/x", cache[] = "never", option[] = "--thread-pool-size=1";
	char *extra[] = { option, NULL };
	struct vm_setup s = { .virtiofsd = program,
			      .virtiofs_cache = cache,
			      .virtiofsd_args = extra };
	struct err err = {};
	_strv_ char **c = NULL;
	_strv_ char **rust = NULL;

	unit_ok(virtiofsd_argv(&s, VIRTIOFSD_C, 3, &c, &err), &err);
	ck_assert_str_eq(c[0], "/usr/lib/x");
	ck_assert(has(c, "--fd=3") && has(c, "source=/share") && has(c, "sandbox=namespace") &&
		  has(c, "-ocache=none"));
	ck_assert(has(c, "--thread-pool-size=1"));
	unit_ok(virtiofsd_argv(&s, VIRTIOFSD_RUST, 3, &rust, &err), &err);
	ck_assert(has(rust, "--fd=3") && has(rust, "--shared-dir") && has(rust, "/share") &&
		  has(rust, "--cache=never"));
	ck_assert(!has(rust, "-o"));
}
END_TEST

UNIT_MAIN("monitor_virtiofsd", arguments)
