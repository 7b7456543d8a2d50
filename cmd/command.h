/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command table. One file a subcommand holds its options and its run
 * function in one const struct; help, completion and the manual's SYNOPSIS are loops over it.
 */
#ifndef MOAT_CMD_COMMAND_H
#define MOAT_CMD_COMMAND_H

#include <stddef.h>

#include "base/err.h"
#include "libruntime/moat.h"

#define PROGRAM "moat"

_Static_assert(sizeof(struct moat_error) == sizeof(struct err) &&
		       offsetof(struct moat_error, msg) == offsetof(struct err, msg),
	       "the errors of the library and of base/ are one");

/* An error of ours for the library to fill in. */
static inline struct moat_error *lib(struct err *err)
{
	return (struct moat_error *)err;
}

enum opt_type {
	OPT_FLAG, /* bool */
	OPT_STR, /* const char * */
	OPT_UINT, /* unsigned int */
	OPT_LIST, /* char **: given any number of times */
};

struct option_row {
	const char *name; /* without dashes */
	char letter; /* 0: none */
	enum opt_type type;
	void *value;
	const char *arg; /* name of the value in help; NULL for flags */
	const char *help; /* one line */
};

struct command {
	const char *name;
	const char *args; /* "<container-id>" as in SYNOPSIS */
	const char *summary; /* one line, lower case */
	const char *description; /* paragraphs for help and manual, NULL: the summary */
	const struct option_row *options; /* ends with a NULL name; NULL: none */
	int min_args, max_args; /* max_args < 0: any number */
	int failure; /* exit code of an error; 0: 1 */
	bool hidden;
	bool any_options; /* options are not parsed: run() gets all words */
	/* Returns the exit code, or a negative errno with err set. */
	int (*run)(const struct moat *m, char **args, struct err *err);
};

extern const struct command *const commands[]; /* NULL-terminated, in the order of help */
extern const struct option_row global_options[];

const struct command *command_find(const char *name);

/*
 * Parses options in front of the arguments, as Go's flag package does: "--name value", "--name=value", one dash
 * or two, "--" ends them. *argv moves to the first argument. Sets *help at --help or -h.
 */
int options_parse(const struct option_row *rows, char ***argv, bool *help, struct err *err);

/* --dry-run of create and run */
int print_dry_run(const struct moat *m, const struct moat_spec *spec, struct err *err);

void help_program(void);
void help_command(const struct command *c);

extern const struct command cmd_check, cmd_checkpoint, cmd_completion, cmd_create, cmd_delete,
	cmd_direct_volume, cmd_doc, cmd_events, cmd_exec, cmd_features, cmd_help, cmd_kill,
	cmd_list, cmd_metrics, cmd_network, cmd_pause, cmd_ps, cmd_restore, cmd_resume, cmd_run,
	cmd_spec, cmd_start, cmd_state, cmd_template, cmd_update, cmd_volume;

#endif
