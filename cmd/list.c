/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/command.h"

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

static void row(const struct moat_status *s, char pid[16], const char *cells[COLUMNS])
{
	snprintf(pid, 16, "%d", s->pid);
	cells[0] = s->id;
	cells[1] = pid;
	cells[2] = moat_state_name(s->state);
	cells[3] = s->bundle;
	cells[4] = s->created;
	cells[5] = s->owner;
}

static void print_table(struct moat_status *const *list)
{
	const char *cells[COLUMNS] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
	size_t width[COLUMNS] = {}, k;
	struct moat_status *const *s;
	char pid[16];

	for (s = list;; s++) {
		for (k = 0; k < COLUMNS; k++) {
			size_t w = strlen(cells[k]) + 3;

			if (w < 12)
				w = 12;
			if (w > width[k])
				width[k] = w;
		}
		if (!*s)
			break;
		row(*s, pid, cells);
	}
	print_row((const char *const[]){ "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" },
		  width);
	for (s = list; *s; s++) {
		row(*s, pid, cells);
		print_row(cells, width);
	}
}

static int print_json(struct moat_status *const *list, struct err *err)
{
	_buf_ struct buf b = {};

	for (struct moat_status *const *s = list; *s; s++) {
		_free_ char *text = moat_status_json(*s);

		if (!text)
			return err_errno(err, ENOMEM, "list");
		buf_printf(&b, "%c%s", s == list ? '[' : ',', text);
	}
	buf_puts(&b, *list ? "]" : "null");
	if (!buf_ok(&b))
		return err_errno(err, ENOMEM, "list");
	puts(b.data);
	return 0;
}

static int run(const struct moat *m, char **args, struct err *err)
{
	struct moat_status **list;
	int r;

	(void)args;
	if (strcmp(opt.format, "table") != 0 && strcmp(opt.format, "json") != 0)
		return err_set(err, EINVAL, "invalid format option");
	r = moat_container_list(m, &list, lib(err));
	if (r < 0)
		return r;
	if (opt.quiet)
		for (size_t i = 0; list[i]; i++)
			puts(list[i]->id);
	else if (strcmp(opt.format, "json") == 0)
		r = print_json(list, err);
	else
		print_table(list);
	moat_status_list_free(list);
	return r;
}

const struct command cmd_list = {
	.name = "list",
	.args = "",
	.summary = "list the containers of a state directory",
	.options = options,
	.run = run,
};
