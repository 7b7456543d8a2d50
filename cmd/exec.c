/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/foreground.h"
#include "cmd/inherited.h"

#define PROCESS_MAX_BYTES ((size_t)16 << 20)

static struct {
	const char *process, *cwd, *user, *pid_file, *console_socket, *apparmor, *label;
	char **env, **gids, **caps, **cgroups;
	bool tty, detach, no_new_privs, ignore_paused;
	unsigned int preserve_fds;
} opt;

static const struct option_row options[] = {
	{ "additional-gids", 'g', OPT_LIST, &opt.gids, "GID", "additional group" },
	{ "apparmor", 0, OPT_STR, &opt.apparmor, "PROFILE", "AppArmor profile" },
	{ "cap", 'c', OPT_LIST, &opt.caps, "NAME", "add a capability to the container's" },
	{ "cgroup", 0, OPT_LIST, &opt.cgroups, "PATH",
	  "existing cgroup below the container's to run in" },
	{ "console-socket", 0, OPT_STR, &opt.console_socket, "PATH",
	  "socket that receives the master end of the terminal" },
	{ "cwd", 0, OPT_STR, &opt.cwd, "DIR", "working directory (default: the container's)" },
	{ "detach", 'd', OPT_FLAG, &opt.detach, NULL, "return when the process runs" },
	{ "env", 'e', OPT_LIST, &opt.env, "NAME=VALUE", "set an environment variable" },
	{ "ignore-paused", 0, OPT_FLAG, &opt.ignore_paused, NULL,
	  "also in a paused container: the process runs when that is resumed" },
	{ "no-new-privs", 0, OPT_FLAG, &opt.no_new_privs, NULL, "set no_new_privs for the process" },
	{ "pid-file", 0, OPT_STR, &opt.pid_file, "FILE", "file to write the process id to" },
	{ "preserve-fds", 0, OPT_UINT, &opt.preserve_fds, "N",
	  "pass descriptors 3 to 3 + N - 1 to the process, as streams" },
	{ "process", 'p', OPT_STR, &opt.process, "FILE", "OCI process object (process.json)" },
	{ "process-label", 0, OPT_STR, &opt.label, "LABEL", "SELinux label" },
	{ "tty", 't', OPT_FLAG, &opt.tty, NULL, "give the process a terminal" },
	{ "user", 'u', OPT_STR, &opt.user, "UID[:GID]", "user and group" },
	{},
};

static int load_process(json_t **ret, struct err *err)
{
	_free_ char *text = NULL;
	size_t len;
	int r;

	r = io_read_file(AT_FDCWD, opt.process, PROCESS_MAX_BYTES, &text, &len, err);
	if (r >= 0)
		r = js_parse(text, len, NULL, ret, err);
	return r < 0 ? err_wrap(err, "--process '%s'", opt.process) : 0;
}

static int check(char **args, struct err *err)
{
	if (!opt.process && !*args)
		return err_set(err, EINVAL, "process args cannot be empty");
	return inherited_check(err);
}

static int start(const struct rt *rt, char **args, struct terminal *t, json_t *process, pid_t *pid,
		 struct err *err)
{
	struct rt_exec a = {
		.id = args[0],
		.process = process,
		.args = args + 1,
		.env = opt.env,
		.cwd = opt.cwd,
		.user = opt.user,
		.additional_gids = opt.gids,
		.caps = opt.caps,
		.tty = opt.tty ? 1 :
		       process ? -1 :
				 0,
		.apparmor = opt.apparmor,
		.label = opt.label,
		.cgroups = opt.cgroups,
		.no_new_privs = opt.no_new_privs,
		.ignore_paused = opt.ignore_paused,
		.pid_file = opt.pid_file,
		.console_socket = opt.console_socket,
		.detach = opt.detach,
		.console_fd = t->slave,
		.preserve_fds = opt.preserve_fds,
	};

	return rt_exec(rt, &a, pid, err);
}

static int run(const struct rt *rt, char **args, struct err *err)
{
	_cleanup_(terminal_done) struct terminal t = TERMINAL_NONE;
	_json_ json_t *process = NULL;
	bool terminal = opt.tty;
	pid_t pid = 0;
	int r;

	r = check(args + 1, err);
	if (r >= 0 && opt.process) {
		r = load_process(&process, err);
		terminal = terminal || js_get_bool(process, "terminal", false);
	}
	if (r >= 0 && terminal && !opt.detach)
		r = terminal_open(&t, err);
	if (r >= 0 && !opt.detach)
		r = foreground_hold_signals(err);
	if (r < 0)
		return err_wrap(err, "exec failed");
	r = start(rt, args, &t, process, &pid, err);
	return r < 0 || opt.detach ? r : foreground(pid, &t, err);
}

const struct command cmd_exec = {
	.name = "exec",
	.args = "<container-id> <command> [args...]",
	.summary = "execute a process inside a running container",
	.description =
		"The exit code is the process's (128 + n after signal n), or 255 if it could not be executed.",
	.options = options,
	.min_args = 1,
	.max_args = -1,
	.failure = 255,
	.run = run,
};
