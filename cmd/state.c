/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/command.h"

static int run(const struct moat *m, char **args, struct err *err)
{
	struct moat_status *s = NULL;
	_json_ json_t *obj = NULL;
	_free_ char *line = NULL, *text = NULL;
	int r;

	r = moat_container_status(m, args[0], &s, lib(err));
	if (r < 0)
		return r;
	line = moat_status_json(s);
	moat_status_free(s);
	if (line)
		(void)js_parse(line, strlen(line), NULL, &obj, NULL);
	/* As runc: here it is empty, in list it is not. */
	if (obj && json_object_set_new(obj, "owner", json_string("")) == 0)
		text = js_dump_pretty(obj, 2);
	if (!text)
		return err_errno(err, ENOMEM, "state");
	puts(text);
	return 0;
}

const struct command cmd_state = {
	.name = "state",
	.args = "<container-id>",
	.summary = "print the state of a container",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
