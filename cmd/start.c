/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	return moat_container_start(m, args[0], lib(err));
}

const struct command cmd_start = {
	.name = "start",
	.args = "<container-id>",
	.summary = "execute the user's process in a created container",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
