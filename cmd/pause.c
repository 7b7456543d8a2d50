/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	return moat_container_pause(m, args[0], lib(err));
}

const struct command cmd_pause = {
	.name = "pause",
	.args = "<container-id>",
	.summary = "suspend all processes inside the container",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
