/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/background.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "config/paths.h"

#define NICE 10

static int lower_priority(void *data)
{
	(void)data;
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	return 0;
}

static int option(char ***argv, const char *name, const char *path, struct err *err)
{
	/* The command runs in "/". */
	_free_ char *absolute = realpath(path, NULL);

	if (!absolute)
		return err_errno(err, errno, "%s '%s'", name, path);
	if (strv_add(argv, name) < 0 || strv_add(argv, absolute) < 0)
		return err_errno(err, ENOMEM, "%s", name);
	return 0;
}

int background_argv(const struct rt *rt, const char *const *words, char ***ret, struct err *err)
{
	_cleanup_(moat_paths_done) struct moat_paths paths = {};
	_strv_ char **argv = NULL;
	int r;

	r = moat_paths(&paths, err);
	if (r >= 0 && strv_add(&argv, paths.program) < 0)
		r = err_errno(err, ENOMEM, "%s", *words);
	if (r >= 0)
		r = option(&argv, "--root", rt->root, err);
	if (r >= 0 && rt->config)
		r = option(&argv, "--config", rt->config, err);
	for (const char *const *w = words; r >= 0 && *w; w++)
		if (strv_add(&argv, *w) < 0)
			r = err_errno(err, ENOMEM, "%s", *w);
	if (r >= 0)
		*ret = take_ptr(argv);
	return r;
}

int background_run(const struct rt *rt, const char *const *words, struct err *err)
{
	_strv_ char **argv = NULL;
	int r = background_argv(rt, words, &argv, err);

	if (r < 0)
		return r;
	const struct spawn s = {
		.path = argv[0],
		.exe_fd = -EBADF,
		.argv = argv,
		.new_session = true,
		.orphan = true, /* whoever reaps our orphans reaps it */
		.prepare = lower_priority,
	};

	return spawn(&s, NULL, NULL, err);
}
