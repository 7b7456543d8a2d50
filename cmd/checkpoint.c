/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint and restore: known, so that their callers get an answer, and refused. */
#include <errno.h>

#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	(void)m;
	(void)args;
	return err_set(
		err, ENOTSUP,
		"checkpoint and restore are not supported: the processes are in a virtual machine");
}

const struct command cmd_checkpoint = {
	.name = "checkpoint",
	.args = "<container-id>",
	.summary = "refused: not supported",
	.max_args = -1,
	.any_options = true,
	.hidden = true,
	.run = run,
};

const struct command cmd_restore = {
	.name = "restore",
	.args = "<container-id>",
	.summary = "refused: not supported",
	.max_args = -1,
	.any_options = true,
	.hidden = true,
	.run = run,
};
