/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"

static void print_options(const struct option_row *o)
{
	char left[64];

	for (; o && o->name; o++) {
		snprintf(left, sizeof(left), "--%s%s%s%s%c", o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "", o->letter ? ", -" : "", o->letter ? o->letter : ' ');
		printf("   %-34s %s%s\n", left, o->help,
		       o->type == OPT_LIST ? " (may be given more than once)" : "");
	}
	printf("   %-34s %s\n", "--help, -h", "show this help");
}

void help_program(void)
{
	const struct command *const *c;

	printf("NAME:\n   " PROGRAM " - OCI runtime whose containers run in virtual machines\n\n"
	       "USAGE:\n   " PROGRAM " [global options] command [command options] [arguments...]\n\n"
	       "COMMANDS:\n");
	for (c = commands; *c; c++)
		if (!(*c)->hidden)
			printf("   %-11s %s\n", (*c)->name, (*c)->summary);
	printf("\nGLOBAL OPTIONS:\n");
	print_options(global_options);
}

void help_command(const struct command *c)
{
	printf("NAME:\n   " PROGRAM " %s - %s\n\nUSAGE:\n   " PROGRAM " %s [command options] %s\n",
	       c->name, c->summary, c->name, c->args);
	if (c->description)
		printf("\nDESCRIPTION:\n%s\n", c->description);
	printf("\nOPTIONS:\n");
	print_options(c->options);
}

static int run(const struct moat *m, char **args, struct err *err)
{
	const struct command *c;

	(void)m;
	if (!*args) {
		help_program();
		return 0;
	}
	c = command_find(*args);
	if (!c)
		return err_set(err, EINVAL, "No help topic for '%s'", *args);
	help_command(c);
	return 0;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[command]",
	.summary = "show the commands, or the help of one",
	.max_args = 1,
	.failure = 3,
	.run = run,
};
