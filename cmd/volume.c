/* SPDX-License-Identifier: Apache-2.0 */
/* volume, and direct-volume with the arguments that Kata's kata-ctl and kata-runtime take: they are one command with two names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/str.h"
#include "cmd/command.h"

static struct {
	const char *path, *info, *size;
} opt;

static const struct option_row options[] = {
	{ "volume-path", 0, OPT_STR, &opt.path, "PATH", "instead of the first argument" },
	{ "mount-info", 0, OPT_STR, &opt.info, "JSON", "of add, instead of the second argument" },
	{ "size", 0, OPT_STR, &opt.size, "BYTES", "of resize, instead of the second argument" },
	{},
};

static int add(const struct moat *m, struct err *err)
{
	return moat_volume_add(m, opt.path, opt.info, lib(err));
}

static int remove_one(const struct moat *m, struct err *err)
{
	return moat_volume_remove(m, opt.path, lib(err));
}

static int list(const struct moat *m, struct err *err)
{
	_free_ char *text = NULL;
	int r = moat_volume_list(m, &text, lib(err));

	if (r >= 0)
		puts(text);
	return r;
}

static int stats(const struct moat *m, struct err *err)
{
	_free_ char *text = NULL;
	int r = moat_volume_stats(m, opt.path, &text, lib(err));

	if (r >= 0)
		puts(text);
	return r;
}

static int resize(const struct moat *m, struct err *err)
{
	int64_t size;

	if (num_size(opt.size, &size) < 0 || size <= 0)
		return err_set(err, EINVAL, "size '%s' is no number of bytes", opt.size);
	return moat_volume_resize(m, opt.path, (uint64_t)size, lib(err));
}

static const struct action {
	const char *name;
	int (*run)(const struct moat *m, struct err *err);
	bool path;
	const char **second; /* its other argument; NULL: none */
	const char *second_name;
} actions[] = {
	{ "add", add, true, &opt.info, "the mount information" },
	{ "remove", remove_one, true, NULL, NULL },
	{ "delete", remove_one, true, NULL, NULL },
	{ "list", list, false, NULL, NULL },
	{ "stats", stats, true, NULL, NULL },
	{ "resize", resize, true, &opt.size, "the size" },
};

static int take(const char **value, char ***args, const char *action, const char *what,
		struct err *err)
{
	if (!*value && **args)
		*value = *(*args)++;
	return *value ? 0 : err_set(err, EINVAL, "volume %s needs %s", action, what);
}

static int run_action(const struct moat *m, const struct action *a, char **args, struct err *err)
{
	int r = a->path ? take(&opt.path, &args, a->name, "a volume's path", err) : 0;

	if (r >= 0 && a->second)
		r = take(a->second, &args, a->name, a->second_name, err);
	if (r >= 0 && *args)
		r = err_set(err, EINVAL, "volume %s: one argument too many: '%s'", a->name, *args);
	return r < 0 ? r : a->run(m, err);
}

static int run(const struct moat *m, char **args, struct err *err)
{
	const char *name = *args++;
	bool help = false;
	int r;

	/* Options may also follow what is to be done. */
	r = options_parse(options, &args, &help, err);
	if (r < 0)
		return r;
	if (help) {
		help_command(&cmd_volume);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (strcmp(name, actions[i].name) == 0)
			return run_action(m, &actions[i], args, err);
	return err_set(err, EINVAL, "volume '%s' is not one of add, remove, list, stats, resize",
		       name);
}

#define DESCRIPTION                                                                                                                  \
	"A direct volume is a device of the host that a virtual machine gets instead of a directory: an image file, a block\n"       \
	"device, or the socket of a vhost-user target. Its file system is mounted by the guest's kernel, never by the host's.\n"     \
	"add registers it under a path, which a mount of the type directvol or spdkvol, or a bind mount, then has as its source;\n"  \
	"remove forgets it; list shows all, and who uses them, as JSON; stats prints how full it is, as JSON; resize lets it grow\n" \
	"while a container uses it. Arguments are those of kata-ctl direct-volume; the options are those of kata-runtime."

const struct command cmd_volume = {
	.name = "volume",
	.args = "add PATH JSON|remove PATH|list|stats PATH|resize PATH BYTES",
	.summary = "register, show and resize devices of the host that containers mount",
	.description = DESCRIPTION,
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.run = run,
};

const struct command cmd_direct_volume = {
	.name = "direct-volume",
	.args = "add PATH JSON|remove PATH|list|stats PATH|resize PATH BYTES",
	.summary = "the same as volume, under Kata's name",
	.description = DESCRIPTION,
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.hidden = true,
	.run = run,
};
