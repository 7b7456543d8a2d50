/* SPDX-License-Identifier: Apache-2.0 */
/* What the watcher of a container's network namespace runs when something has changed there. */
#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	return moat_container_rescan_network(m, args[0], lib(err));
}

const struct command cmd_network = {
	.name = "network",
	.args = "<container-id>",
	.summary = "give a container's virtual machine what has changed in its network namespace",
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = run,
};
