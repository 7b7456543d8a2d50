/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"

static void options_of(const struct option_row *o)
{
	for (; o && o->name; o++)
		printf("--%s ", o->name);
	printf("--help");
}

/* One case a command; container ids come from `list -q`. */
static int run(const struct moat *m, char **args, struct err *err)
{
	const struct command *const *c;

	(void)m;
	if (strcmp(args[0], "bash") != 0)
		return err_set(err, EINVAL, "completion for '%s' is not known: bash is", args[0]);
	printf("# bash completion for " PROGRAM ", made by '" PROGRAM " completion bash'\n"
	       "_" PROGRAM "()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} word cmd= opts ids i\n"
	       "\tlocal cmds=\"");
	for (c = commands; *c; c++)
		if (!(*c)->hidden)
			printf("%s%s", c == commands ? "" : " ", (*c)->name);
	printf("\"\n\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tword=${COMP_WORDS[i]}\n"
	       "\t\tif [[ \" $cmds \" == *\" $word \"* ]]; then cmd=$word; break; fi\n\tdone\n\tcase $cmd in\n\t'') opts=\"$cmds ");
	options_of(global_options);
	printf("\" ;;\n");
	for (c = commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		printf("\t%s) opts=\"", (*c)->name);
		options_of((*c)->options);
		printf("\"");
		if (strstr((*c)->args, "<container-id>") && *c != &cmd_create && *c != &cmd_run)
			printf("; ids=$(" PROGRAM " list -q 2>/dev/null)");
		printf(" ;;\n");
	}
	printf("\tesac\n\tmapfile -t COMPREPLY < <(compgen -W \"$opts $ids\" -- \"$cur\")\n"
	       "\tif [[ ${#COMPREPLY[@]} -eq 0 ]]; then mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); fi\n}\n"
	       "complete -F _" PROGRAM " " PROGRAM "\n");
	return 0;
}

const struct command cmd_completion = {
	.name = "completion",
	.args = "bash",
	.summary = "print the completion for a shell",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
