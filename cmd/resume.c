/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

static int run(const struct rt *rt, char **args, struct err *err)
{
	return rt_resume(rt, args[0], err);
}

const struct command cmd_resume = {
	.name = "resume",
	.args = "<container-id>",
	.summary = "resume all processes that were paused",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
