/* SPDX-License-Identifier: Apache-2.0 */
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

static int create_and_start(const struct moat *m, const char *id, const struct moat_spec *spec,
			    pid_t *pid, struct err *err)
{
	int r = moat_container_create(m, NULL, spec, pid, lib(err));

	if (r < 0)
		return r;
	if (!opt.detach)
		r = foreground_hold_signals(err);
	if (r >= 0)
		r = moat_container_start(m, id, lib(err));
	if (r < 0)
		(void)moat_container_delete(m, id, true, NULL);
	return r;
}

static int run_foreground(const struct moat *m, const char *id, const struct moat_spec *spec,
			  struct terminal *t, struct err *err)
{
	struct err late = {};
	pid_t pid = 0;
	int r, code;

	r = create_and_start(m, id, spec, &pid, err);
	if (r < 0)
		return r;
	code = foreground(pid, t, err);
	if (code >= 0 && opt.keep)
		return code;
	/* The process's own code counts more than a clean-up that left something: that is said, and stays findable. */
	if (moat_container_delete(m, id, true, lib(&late)) < 0)
		log_warn("%s", late.msg);
	return code;
}

static int run_spec(const struct moat *m, const char *id, struct moat_spec *spec, struct err *err)
{
	_cleanup_(terminal_done) struct terminal t = TERMINAL_NONE;
	struct moat_process *p = moat_spec_process(spec);
	int r = inherited_check(err);

	moat_process_set_pid_file(p, opt.pid_file);
	moat_process_set_console_socket(p, opt.console_socket);
	moat_process_set_preserve_fds(p, opt.preserve_fds);
	if (r >= 0 && !opt.detach && moat_process_wants_terminal(p))
		r = terminal_open(&t, err);
	moat_process_set_tty(p, t.slave);
	if (r < 0)
		return r;
	return opt.detach ? create_and_start(m, id, spec, NULL, err) :
			    run_foreground(m, id, spec, &t, err);
}

static int run(const struct moat *m, char **args, struct err *err)
{
	struct moat_spec *spec = moat_spec_from_bundle(args[0], opt.bundle);
	int r = opt.dry_run ? print_dry_run(m, spec, err) : run_spec(m, args[0], spec, err);

	moat_spec_free(spec);
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
