/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cmd/command.h"

const struct command *const commands[] = {
	&cmd_create,  &cmd_delete,   &cmd_events,     &cmd_exec,    &cmd_features,
	&cmd_kill,    &cmd_list,     &cmd_pause,      &cmd_ps,      &cmd_resume,
	&cmd_run,     &cmd_spec,     &cmd_start,      &cmd_state,   &cmd_update,
	&cmd_check,   &cmd_template, &cmd_volume,     &cmd_metrics, &cmd_checkpoint,
	&cmd_restore, &cmd_help,     &cmd_completion, &cmd_doc,     &cmd_direct_volume,
	&cmd_network, NULL,
};

const struct command *command_find(const char *name)
{
	const struct command *const *c;

	for (c = commands; *c && strcmp((*c)->name, name) != 0; c++)
		;
	return *c;
}
