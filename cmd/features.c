/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/command.h"
#include "oci/features.h"
#include "version.h"

static int run(const struct rt *rt, char **args, struct err *err)
{
	_json_ json_t *features = oci_features(json_pack(
		"{s:s, s:s}", "io.moat.version", MOAT_VERSION, "io.moat.commit", MOAT_COMMIT));
	_free_ char *text = features ? js_dump_pretty(features, 4) : NULL;

	(void)rt;
	(void)args;
	if (!text)
		return err_errno(err, ENOMEM, "features");
	puts(text);
	return 0;
}

const struct command cmd_features = {
	.name = "features",
	.args = "",
	.summary = "show what is supported, as JSON",
	.run = run,
};
