/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	return moat_container_resume(m, args[0], lib(err));
}

const struct command cmd_resume = {
	.name = "resume",
	.args = "<container-id>",
	.summary = "resume all processes that were paused",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
