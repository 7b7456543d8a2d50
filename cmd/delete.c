/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

static struct {
	bool force;
} opt;

static const struct option_row options[] = {
	{ "force", 'f', OPT_FLAG, &opt.force, NULL,
	  "kill the container if it still runs; unknown ids are no error" },
	{},
};

static int run(const struct moat *m, char **args, struct err *err)
{
	return moat_container_delete(m, args[0], opt.force, lib(err));
}

const struct command cmd_delete = {
	.name = "delete",
	.args = "<container-id>",
	.summary = "delete a container and everything that belongs to it",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
