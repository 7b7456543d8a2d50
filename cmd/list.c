/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/command.h"
#include "oci/state.h"

static struct {
	const char *format;
	bool quiet;
} opt = { .format = "table" };

static const struct option_row options[] = {
	{ "format", 'f', OPT_STR, &opt.format, "FORMAT", "table (default) or json" },
	{ "quiet", 'q', OPT_FLAG, &opt.quiet, NULL, "print only the ids" },
	{},
};

#define COLUMNS 6

/* Go's tabwriter as runc sets it up: cells at least 12 wide, three spaces between, none after the last. */
static void print_row(const char *const cells[COLUMNS], const size_t width[COLUMNS])
{
	size_t i;

	for (i = 0; i + 1 < COLUMNS; i++)
		printf("%-*s", (int)width[i], cells[i]);
	puts(cells[COLUMNS - 1]);
}

static void row(const struct rt_status *s, char pid[16], const char *cells[COLUMNS])
{
	snprintf(pid, 16, "%d", s->pid);
	cells[0] = s->id;
	cells[1] = pid;
	cells[2] = s->status;
	cells[3] = s->bundle;
	cells[4] = s->created;
	cells[5] = s->owner;
}

static void print_table(const struct rt_status *list, size_t n)
{
	const char *cells[COLUMNS] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
	size_t width[COLUMNS] = {}, i, k;
	char pid[16];

	for (i = 0; i <= n; i++) {
		if (i)
			row(&list[i - 1], pid, cells);
		for (k = 0; k < COLUMNS; k++) {
			size_t w = strlen(cells[k]) + 3;

			if (w < 12)
				w = 12;
			if (w > width[k])
				width[k] = w;
		}
	}
	print_row((const char *const[]){ "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" },
		  width);
	for (i = 0; i < n; i++) {
		row(&list[i], pid, cells);
		print_row(cells, width);
	}
}

static int print_json(const struct rt_status *list, size_t n, struct err *err)
{
	_json_ json_t *arr = n ? json_array() : json_null();
	_free_ char *text = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		const struct rt_status *s = &list[i];
		struct oci_state state = { .id = s->id,
					   .status = s->status,
					   .pid = s->pid,
					   .bundle = s->bundle,
					   .rootfs = s->rootfs,
					   .created = s->created,
					   .owner = s->owner,
					   .annotations = s->annotations };

		json_array_append_new(arr, oci_state_json(&state));
	}
	text = js_dump(arr);
	if (!text)
		return err_errno(err, ENOMEM, "list");
	puts(text);
	return 0;
}

static int run(const struct rt *rt, char **args, struct err *err)
{
	struct rt_status *list;
	size_t n, i;
	int r;

	(void)args;
	if (strcmp(opt.format, "table") != 0 && strcmp(opt.format, "json") != 0)
		return err_set(err, EINVAL, "invalid format option");
	r = rt_list(rt, &list, &n, err);
	if (r < 0)
		return r;
	if (opt.quiet)
		for (i = 0; i < n; i++)
			puts(list[i].id);
	else if (strcmp(opt.format, "json") == 0)
		r = print_json(list, n, err);
	else
		print_table(list, n);
	for (i = 0; i < n; i++)
		rt_status_done(&list[i]);
	free(list);
	return r;
}

const struct command cmd_list = {
	.name = "list",
	.args = "",
	.summary = "list the containers of a state directory",
	.options = options,
	.run = run,
};
