/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

static int run(const struct rt *rt, char **args, struct err *err)
{
	return rt_start(rt, args[0], err);
}

const struct command cmd_start = {
	.name = "start",
	.args = "<container-id>",
	.summary = "execute the user's process in a created container",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
