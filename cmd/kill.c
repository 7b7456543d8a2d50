/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base/proc.h"
#include "cmd/command.h"

static struct {
	bool all;
} opt;

static const struct option_row options[] = {
	{ "all", 'a', OPT_FLAG, &opt.all, NULL, "signal all processes of the container" },
	{},
};

static int run(const struct moat *m, char **args, struct err *err)
{
	const char *name = args[1] ? args[1] : "SIGTERM";
	int sig = proc_signal_parse(name);

	if (sig < 0)
		return err_set(err, EINVAL, "unknown signal \"%s\"", name);
	return moat_container_kill(m, args[0], sig, opt.all, lib(err));
}

const struct command cmd_kill = {
	.name = "kill",
	.args = "<container-id> [signal]",
	.summary = "send a signal (default: SIGTERM) to the container's init process",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
