/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
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
static int print(void *data, const json_t *event, struct err *err)
{
	_free_ char *text = js_dump(event);

	(void)data;
	if (!text)
		return err_errno(err, ENOMEM, "events");
	puts(text);
	return fflush(stdout) < 0 ? err_errno(err, errno, "standard output") : 0;
}

static int run(const struct rt *rt, char **args, struct err *err)
{
	struct rt_events a = { .on_event = print };

	if (duration_parse(opt.interval, &a.interval_ms) < 0)
		return err_set(err, EINVAL, "invalid value \"%s\" for flag -interval: parse error",
			       opt.interval);
	if (a.interval_ms <= 0)
		return err_set(err, EINVAL, "duration interval must be greater than 0");
	if (opt.stats)
		a.interval_ms = 0;
	return rt_events(rt, args[0], &a, err);
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
