/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/command.h"
#include "libruntime/check.h"

static struct {
	const char *format;
} opt = { .format = "table" };

static const struct option_row options[] = {
	{ "format", 'f', OPT_STR, &opt.format, "FORMAT", "table (default) or json" },
	{},
};

#define ROW "%-17s%-10s%s\n"
#define ROW_NEXT "%-27snext: %s\n"

static void print_table(const struct check_report *report)
{
	size_t i;

	printf(ROW, "NAME", "STATUS", "DETAIL");
	for (i = 0; i < report->n; i++) {
		const struct check_row *row = &report->rows[i];

		printf(ROW, row->name, check_status_name(row->status), row->detail);
		if (*row->next)
			printf(ROW_NEXT, "", row->next);
	}
}

static int print_json(const struct check_report *report, struct err *err)
{
	_json_ json_t *arr = json_array();
	_free_ char *text = NULL;
	size_t i;

	for (i = 0; arr && i < report->n; i++) {
		const struct check_row *row = &report->rows[i];

		if (json_array_append_new(arr,
					  json_pack("{s:s, s:s, s:s, s:s}", "name", row->name,
						    "status", check_status_name(row->status),
						    "detail", row->detail, "next", row->next)) < 0)
			return err_errno(err, ENOMEM, "check");
	}
	text = arr ? js_dump_pretty(arr, 2) : NULL;
	if (!text)
		return err_errno(err, ENOMEM, "check");
	puts(text);
	return 0;
}

static int run(const struct rt *rt, char **args, struct err *err)
{
	_cleanup_(check_report_done) struct check_report report = {};
	int r;

	(void)args;
	if (strcmp(opt.format, "table") != 0 && strcmp(opt.format, "json") != 0)
		return err_set(err, EINVAL, "invalid format option");
	r = check_run(rt, NULL, &report, err);
	if (r < 0)
		return r;
	if (strcmp(opt.format, "json") == 0)
		r = print_json(&report, err);
	else
		print_table(&report);
	if (r < 0)
		return r;
	return check_report_ok(&report) ? 0 : 1;
}

const struct command cmd_check = {
	.name = "check",
	.args = "",
	.summary = "show what the host offers, and what is missing",
	.description =
		"Each row is ok, info, degraded (containers run, but slower, less isolated or without something) or missing\n"
		"(no container runs), with the next step below it. The exit code is 0 if nothing is missing, else 1.",
	.options = options,
	.run = run,
};
