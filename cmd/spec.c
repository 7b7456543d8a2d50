/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd/command.h"
#include "oci/spec.h"

static struct {
	const char *bundle;
} opt = { .bundle = "." };

static const struct option_row options[] = {
	{ "bundle", 'b', OPT_STR, &opt.bundle, "PATH",
	  "directory to write config.json to (default: the current one)" },
	{},
};

static int run(const struct rt *rt, char **args, struct err *err)
{
	_json_ json_t *spec = oci_spec_template();
	_free_ char *text = spec ? js_dump_pretty(spec, 4) : NULL, *line = NULL;
	_close_ int dir = -EBADF;

	(void)rt;
	(void)args;
	line = text ? str_printf("%s\n", text) : NULL;
	if (!line)
		return err_errno(err, ENOMEM, "spec");
	dir = open(opt.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, errno, "--bundle '%s'", opt.bundle);
	if (faccessat(dir, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, EEXIST, "File config.json exists. Remove it first");
	return io_write_file(dir, "config.json", line, strlen(line), 0666 & ~022, false, err);
}

const struct command cmd_spec = {
	.name = "spec",
	.args = "",
	.summary = "write a new config.json",
	.description =
		"The file runs as it is beside a root file system in 'rootfs': a shell in a terminal.",
	.options = options,
	.run = run,
};
