/* SPDX-License-Identifier: Apache-2.0 */
/* Hidden: the generated parts of manual and sample configuration, for the build. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/command.h"

/* Roff treats these specially. */
static void text(const char *s)
{
	for (; *s; s++) {
		if (*s == '-')
			fputs("\\-", stdout);
		else if (*s == '\\')
			fputs("\\e", stdout);
		else
			putchar(*s);
	}
}

static void options_of(const struct option_row *o)
{
	for (; o && o->name; o++) {
		printf(".TP\n\\fB\\-\\-");
		text(o->name);
		if (o->arg)
			printf("\\fR \\fI%s", o->arg);
		printf("\\fR");
		if (o->letter)
			printf(", \\fB\\-%c\\fR", o->letter);
		printf("\n");
		text(o->help);
		printf("%s.\n", o->type == OPT_LIST ? " (may be given more than once)" : "");
	}
}

static int man(const char *name, struct err *err)
{
	const struct command *c = command_find(name);

	if (strcmp(name, "global") == 0) {
		options_of(global_options);
		return 0;
	}
	if (strcmp(name, "commands") == 0) {
		const struct command *const *v;

		for (v = commands; *v; v++)
			if (!(*v)->hidden) {
				printf(".TP\n\\fB%s\\fR\n", (*v)->name);
				text((*v)->summary);
				printf(".\n");
			}
		return 0;
	}
	if (!c)
		return err_set(err, EINVAL, "no command '%s'", name);
	printf(".SH SYNOPSIS\n\\fB" PROGRAM
	       "\\fR [\\fIglobal options\\fR] \\fB%s\\fR [\\fIoptions\\fR] ",
	       c->name);
	text(c->args);
	printf("\n.SH OPTIONS\n");
	options_of(c->options);
	return 0;
}

static int run(const struct moat *m, char **args, struct err *err)
{
	_free_ char *document = NULL;
	int r;

	(void)m;
	if (strcmp(args[0], "man") == 0 && args[1])
		return man(args[1], err);
	if (strcmp(args[0], "config-sample") == 0)
		r = moat_configuration_sample(&document, lib(err));
	else if (strcmp(args[0], "config-keys") == 0)
		r = moat_configuration_keys(&document, lib(err));
	else
		return err_set(err, EINVAL, "no such document");
	if (r >= 0)
		fputs(document, stdout);
	return r;
}

const struct command cmd_doc = {
	.name = "doc",
	.args = "man <command>|config-sample|config-keys",
	.summary = "print generated documentation",
	.min_args = 1,
	.max_args = 2,
	.hidden = true,
	.run = run,
};
