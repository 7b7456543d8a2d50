/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/foreground.h"
#include "cmd/inherited.h"

static struct {
	const char *bundle, *pid_file, *console_socket;
	bool detach, dry_run, keep, no_pivot, no_new_keyring, no_subreaper;
	unsigned int preserve_fds;
} opt;

static const struct option_row options[] = {
	{ "bundle", 'b', OPT_STR, &opt.bundle, "PATH",
	  "bundle directory (default: the current one)" },
	{ "console-socket", 0, OPT_STR, &opt.console_socket, "PATH",
	  "socket that receives the master end of the terminal" },
	{ "detach", 'd', OPT_FLAG, &opt.detach, NULL, "return when the container runs" },
	{ "dry-run", 0, OPT_FLAG, &opt.dry_run, NULL,
	  "print the plan (devices, QEMU's command line) as JSON and start nothing" },
	{ "keep", 0, OPT_FLAG, &opt.keep, NULL, "do not delete the container after it has ended" },
	{ "pid-file", 0, OPT_STR, &opt.pid_file, "FILE", "file to write the process id to" },
	{ "no-subreaper", 0, OPT_FLAG, &opt.no_subreaper, NULL,
	  "accepted: moat waits for its own child only" },
	{ "no-pivot", 0, OPT_FLAG, &opt.no_pivot, NULL,
	  "accepted: the root of a VM's container has no such limits" },
	{ "no-new-keyring", 0, OPT_FLAG, &opt.no_new_keyring, NULL,
	  "accepted: keyrings are the guest's" },
	{ "preserve-fds", 0, OPT_UINT, &opt.preserve_fds, "N",
	  "pass descriptors 3 to 3 + N - 1 to the process, as streams" },
	{},
};

static int create_and_start(const struct rt *rt, const char *id, struct terminal *t, pid_t *pid,
			    struct err *err)
{
	struct rt_create a = {
		.id = id,
		.bundle = opt.bundle,
		.pid_file = opt.pid_file,
		.console_socket = opt.console_socket,
		.detach = opt.detach,
		.console_fd = t->slave,
		.preserve_fds = opt.preserve_fds,
	};
	int r = rt_create(rt, &a, pid, err);

	if (r < 0)
		return r;
	if (!opt.detach)
		r = foreground_hold_signals(err);
	if (r >= 0)
		r = rt_start(rt, id, err);
	if (r < 0)
		(void)rt_delete(rt, id, true, NULL);
	return r;
}

static int run_foreground(const struct rt *rt, const char *id, struct terminal *t, struct err *err)
{
	struct err late = {};
	pid_t pid = 0;
	int r, code;

	r = create_and_start(rt, id, t, &pid, err);
	if (r < 0)
		return r;
	code = foreground(pid, t, err);
	if (code >= 0 && opt.keep)
		return code;
	/* The process's own code counts more than a clean-up that left something: that is said, and stays findable. */
	if (rt_delete(rt, id, true, &late) < 0)
		log_warn("%s", late.msg);
	return code;
}

static int run(const struct rt *rt, char **args, struct err *err)
{
	_cleanup_(terminal_done) struct terminal t = TERMINAL_NONE;
	bool terminal = false;
	int r;

	if (opt.dry_run) {
		struct rt_create a = { .id = args[0], .bundle = opt.bundle, .console_fd = -EBADF };

		r = print_dry_run(rt, &a, err);
		return r < 0 ? err_wrap(err, PROGRAM " run failed") : r;
	}
	r = inherited_check(err);
	if (r >= 0)
		r = rt_wants_terminal(opt.bundle, &terminal, err);
	if (r >= 0 && terminal && !opt.detach)
		r = terminal_open(&t, err);
	if (r >= 0 && opt.detach)
		r = create_and_start(rt, args[0], &t, NULL, err);
	else if (r >= 0)
		r = run_foreground(rt, args[0], &t, err);
	return r < 0 ? err_wrap(err, PROGRAM " run failed") : r;
}

const struct command cmd_run = {
	.name = "run",
	.args = "<container-id>",
	.summary = "create and run a container",
	.description = "In the foreground, standard input, output and error are the container's, signals are passed on, and the\n"
		       "exit code is the container's (128 + n after signal n).",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
