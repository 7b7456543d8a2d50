/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "cmd/command.h"
#include "cmd/duration.h"

static struct {
	const char *interval;
	bool stats;
} opt = { .interval = "5s" };

static const struct option_row options[] = {
	{ "interval", 0, OPT_STR, &opt.interval, "DURATION",
	  "time between two reports of the counters (default: 5s)" },
	{ "stats", 0, OPT_FLAG, &opt.stats, NULL, "report the counters once" },
	{},
};

/* One line each, at once: whoever reads this waits for it. */
static int print(void *data, const char *event, struct moat_error *err)
{
	(void)data;
	puts(event);
	if (fflush(stdout) == 0)
		return 0;
	err->code = errno;
	snprintf(err->msg, sizeof(err->msg), "standard output: %s", err_str(err->code));
	return -err->code;
}

static int run(const struct moat *m, char **args, struct err *err)
{
	int64_t interval_ms = 0;

	if (duration_parse(opt.interval, &interval_ms) < 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for flag -interval: parse error",
			       opt.interval);
	if (interval_ms <= 0)
		return err_set(err, EINVAL, "duration interval must be greater than 0");
	return moat_container_events(m, args[0], opt.stats ? 0 : interval_ms, print, NULL, lib(err));
}

const struct command cmd_events = {
	.name = "events",
	.args = "<container-id>",
	.summary = "show a container's events: out of memory, and counters now and then",
	.description = "One JSON object a line, until the container ends.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
