/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/ps_table.h"

static struct {
	const char *format;
} opt = { .format = "table" };

static const struct option_row options[] = {
	{ "format", 'f', OPT_STR, &opt.format, "FORMAT",
	  "table (default): the guest's processes; json: the host's pids that stand for them" },
	{},
};

/* As Go's encoder prints a slice: nothing is null. */
static int print_pids(const struct moat *m, const char *id, struct err *err)
{
	_free_ pid_t *pids = NULL;
	size_t n = 0, i;
	int r;

	r = moat_container_pids(m, id, &pids, &n, lib(err));
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		printf("%c%d", i ? ',' : '[', pids[i]);
	puts(n ? "]" : "null");
	return 0;
}

static int print_table(const struct moat *m, const char *id, char *const *ps_options,
		       struct err *err)
{
	struct moat_processes *list = NULL;
	struct ps_table table;
	int r;

	r = ps_table_parse(ps_options, &table, err);
	if (r >= 0)
		r = moat_container_processes(m, id, &list, lib(err));
	if (r < 0)
		return r;
	ps_table_print(&table, list, time(NULL), stdout);
	if (list->left_out)
		log_warn("%" PRIu64 " more processes are not shown", list->left_out);
	moat_processes_free(list);
	return 0;
}

static int run(const struct moat *m, char **args, struct err *err)
{
	if (strcmp(opt.format, "json") == 0)
		return print_pids(m, args[0], err);
	if (strcmp(opt.format, "table") != 0)
		return err_set(err, EINVAL, "invalid format option");
	return print_table(m, args[0], args + 1, err);
}

const struct command cmd_ps = {
	.name = "ps",
	.args = "<container-id> [ps options]",
	.summary = "show the processes running inside a container",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};
