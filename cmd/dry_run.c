/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/command.h"

int print_dry_run(const struct rt *rt, const struct rt_create *args, struct err *err)
{
	_json_ json_t *plan = NULL;
	_free_ char *text = NULL;
	int r = rt_dry_run(rt, args, &plan, err);

	if (r < 0)
		return r;
	text = js_dump_pretty(plan, 2);
	if (!text)
		return err_errno(err, ENOMEM, "dry run");
	puts(text);
	return 0;
}
