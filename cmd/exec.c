/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
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

/* Its text; that it is JSON is looked at here, where the file has a name. */
static int load_process(char **ret, struct err *err)
{
	_json_ json_t *process = NULL;
	_free_ char *text = NULL;
	size_t len;
	int r;

	r = io_read_file(AT_FDCWD, opt.process, PROCESS_MAX_BYTES, &text, &len, err);
	if (r >= 0)
		r = js_parse(text, len, NULL, &process, err);
	if (r < 0)
		return err_wrap(err, "--process '%s'", opt.process);
	*ret = take_ptr(text);
	return 0;
}

static int check(char **args, struct err *err)
{
	if (!opt.process && !*args)
		return err_set(err, EINVAL, "process args cannot be empty");
	return inherited_check(err);
}

/* With --process all of that is in the file, as in runc. */
static void describe_program(struct moat_process *p, char **args)
{
	char *const *v;

	moat_process_set_args(p, (const char *const *)args);
	for (v = opt.env; v && *v; v++)
		moat_process_add_env(p, *v);
	for (v = opt.gids; v && *v; v++)
		moat_process_add_group(p, *v);
	for (v = opt.caps; v && *v; v++)
		moat_process_add_capability(p, *v);
	moat_process_set_cwd(p, opt.cwd);
	moat_process_set_user(p, opt.user);
	moat_process_set_apparmor(p, opt.apparmor);
	moat_process_set_selinux(p, opt.label);
	if (opt.no_new_privs)
		moat_process_set_no_new_privileges(p);
}

static void describe(struct moat_process *p, char **args)
{
	if (!opt.process)
		describe_program(p, args);
	for (char *const *v = opt.cgroups; v && *v; v++)
		moat_process_add_cgroup(p, *v);
	moat_process_set_pid_file(p, opt.pid_file);
	moat_process_set_console_socket(p, opt.console_socket);
	moat_process_set_preserve_fds(p, opt.preserve_fds);
	if (opt.tty)
		moat_process_set_terminal(p, true);
	if (opt.ignore_paused)
		moat_process_set_ignore_paused(p);
}

/* Up to where the container is asked. */
static int prepare(struct moat_process *p, char **args, struct terminal *t, struct err *err)
{
	_free_ char *process = NULL;
	int r;

	r = check(args, err);
	if (r >= 0 && opt.process) {
		r = load_process(&process, err);
		moat_process_set_json(p, process);
	}
	describe(p, args);
	if (r >= 0 && !opt.detach && moat_process_wants_terminal(p))
		r = terminal_open(t, err);
	if (r >= 0 && !opt.detach)
		r = foreground_hold_signals(err);
	moat_process_set_tty(p, t->slave);
	return r < 0 ? err_wrap(err, "exec failed") : 0;
}

static int run(const struct moat *m, char **args, struct err *err)
{
	_cleanup_(terminal_done) struct terminal t = TERMINAL_NONE;
	struct moat_process *p = moat_process_new();
	pid_t pid = 0;
	int r;

	r = prepare(p, args + 1, &t, err);
	if (r >= 0)
		r = moat_container_enter(m, args[0], p, &pid, lib(err));
	moat_process_free(p);
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
