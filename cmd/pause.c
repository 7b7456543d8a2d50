/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

static int run(const struct rt *rt, char **args, struct err *err)
{
	return rt_pause(rt, args[0], err);
}

const struct command cmd_pause = {
	.name = "pause",
	.args = "<container-id>",
	.summary = "suspend all processes inside the container",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
