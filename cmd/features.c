/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/cleanup.h"
#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	_free_ char *text = NULL;
	int r = moat_features(&text, lib(err));

	(void)m;
	(void)args;
	if (r >= 0)
		puts(text);
	return r;
}

const struct command cmd_features = {
	.name = "features",
	.args = "",
	.summary = "show what is supported, as JSON",
	.run = run,
};
