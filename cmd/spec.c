/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"
#include "cmd/command.h"

static struct {
	const char *bundle;
} opt = { .bundle = "." };

static const struct option_row options[] = {
	{ "bundle", 'b', OPT_STR, &opt.bundle, "PATH",
	  "directory to write config.json to (default: the current one)" },
	{},
};

static int run(const struct moat *m, char **args, struct err *err)
{
	_free_ char *text = NULL, *line = NULL;
	_close_ int dir = -EBADF;
	int r = moat_oci_template(&text, lib(err));

	(void)m;
	(void)args;
	if (r < 0)
		return r;
	line = str_printf("%s\n", text);
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
