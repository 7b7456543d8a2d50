/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/command.h"
#include "oci/state.h"

static int run(const struct rt *rt, char **args, struct err *err)
{
	_cleanup_(rt_status_done) struct rt_status s = {};
	_json_ json_t *obj = NULL;
	_free_ char *text = NULL;
	int r;

	r = rt_state(rt, args[0], &s, err);
	if (r < 0)
		return r;

	struct oci_state state = {
		.id = s.id,
		.status = s.status,
		.pid = s.pid,
		.bundle = s.bundle,
		.rootfs = s.rootfs,
		.created = s.created,
		.owner = "",
		.annotations = s.annotations,
	};

	obj = oci_state_json(&state);
	text = obj ? js_dump_pretty(obj, 2) : NULL;
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
