/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/command.h"
#include "cmd/inherited.h"

static struct {
	const char *bundle, *pid_file, *console_socket;
	bool dry_run, no_pivot, no_new_keyring;
	unsigned int preserve_fds;
} opt;

static const struct option_row options[] = {
	{ "bundle", 'b', OPT_STR, &opt.bundle, "PATH",
	  "bundle directory (default: the current one)" },
	{ "console-socket", 0, OPT_STR, &opt.console_socket, "PATH",
	  "socket that receives the master end of the terminal" },
	{ "pid-file", 0, OPT_STR, &opt.pid_file, "FILE", "file to write the process id to" },
	{ "dry-run", 0, OPT_FLAG, &opt.dry_run, NULL,
	  "print the plan (devices, QEMU's command line) as JSON and start nothing" },
	{ "no-pivot", 0, OPT_FLAG, &opt.no_pivot, NULL,
	  "accepted: the root of a VM's container has no such limits" },
	{ "no-new-keyring", 0, OPT_FLAG, &opt.no_new_keyring, NULL,
	  "accepted: keyrings are the guest's" },
	{ "preserve-fds", 0, OPT_UINT, &opt.preserve_fds, "N",
	  "pass descriptors 3 to 3 + N - 1 to the process, as streams" },
	{},
};

static int run(const struct moat *m, char **args, struct err *err)
{
	struct moat_spec *spec = moat_spec_from_bundle(args[0], opt.bundle);
	struct moat_process *p = moat_spec_process(spec);
	int r = inherited_check(err);

	moat_process_set_pid_file(p, opt.pid_file);
	moat_process_set_console_socket(p, opt.console_socket);
	moat_process_set_preserve_fds(p, opt.preserve_fds);
	if (r >= 0)
		r = opt.dry_run ? print_dry_run(m, spec, err) :
				  moat_container_create(m, NULL, spec, NULL, lib(err));
	moat_spec_free(spec);
	return r < 0 ? err_wrap(err, PROGRAM " create failed") : 0;
}

const struct command cmd_create = {
	.name = "create",
	.args = "<container-id>",
	.summary = "create a container",
	.description = "Starts a virtual machine and prepares the bundle's process in it, up to the point where only its\n"
		       "program has to be executed: see start. The id must be unique on the host.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
