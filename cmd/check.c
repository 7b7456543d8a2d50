/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/command.h"

static struct {
	const char *format;
} opt = { .format = "table" };

static const struct option_row options[] = {
	{ "format", 'f', OPT_STR, &opt.format, "FORMAT", "table (default) or json" },
	{},
};

#define ROW "%-17s%-10s%s\n"
#define ROW_NEXT "%-27snext: %s\n"

static int print_table(const char *text, struct err *err)
{
	_json_ json_t *rows = NULL;
	json_t *row;
	size_t i;
	int r = js_parse(text, strlen(text), NULL, &rows, err);

	if (r < 0)
		return r;
	printf(ROW, "NAME", "STATUS", "DETAIL");
	json_array_foreach(rows, i, row) {
		const char *next = js_get_str(row, "next");

		printf(ROW, js_get_str(row, "name"), js_get_str(row, "status"),
		       js_get_str(row, "detail"));
		if (*next)
			printf(ROW_NEXT, "", next);
	}
	return 0;
}

static int run(const struct moat *m, char **args, struct err *err)
{
	_free_ char *text = NULL;
	int r, missing;

	(void)args;
	if (strcmp(opt.format, "table") != 0 && strcmp(opt.format, "json") != 0)
		return err_set(err, EINVAL, "invalid format option");
	r = missing = moat_check(m, &text, lib(err));
	if (r >= 0 && strcmp(opt.format, "json") == 0)
		puts(text);
	else if (r >= 0)
		r = print_table(text, err);
	return r < 0 ? r : missing;
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
