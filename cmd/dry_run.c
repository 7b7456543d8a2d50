/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/cleanup.h"
#include "cmd/command.h"

int print_dry_run(const struct moat *m, const struct moat_spec *spec, struct err *err)
{
	_free_ char *plan = NULL;
	int r = moat_container_plan(m, spec, &plan, lib(err));

	if (r >= 0)
		puts(plan);
	return r;
}
