/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	_free_ char *text = NULL;
	int r = moat_metrics(m, args[0], &text, lib(err));

	if (r < 0)
		return r;
	if (fputs(text, stdout) < 0 || fflush(stdout) < 0)
		return err_errno(err, errno, "standard output");
	return 0;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.args = "[<container-id>]",
	.summary = "show counters of the virtual machines and their containers for Prometheus",
	.description = "Of all of them, or of the one that the container lives in.",
	.max_args = 1,
	.run = run,
};
