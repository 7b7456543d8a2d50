/* SPDX-License-Identifier: Apache-2.0 */
/* Global options, dispatch, and the one place where an error is printed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/command.h"

static struct {
	const char *root, *log, *log_format, *config, *rootless;
	bool debug, systemd_cgroup, version;
} opt = { .root = MOAT_DEFAULT_ROOT, .log_format = "text" };

const struct option_row global_options[] = {
	{ "root", 0, OPT_STR, &opt.root, "DIR",
	  "directory for the state of containers (default: " MOAT_DEFAULT_ROOT ")" },
	{ "log", 0, OPT_STR, &opt.log, "FILE",
	  "append log messages to a file (default: standard error)" },
	{ "log-format", 0, OPT_STR, &opt.log_format, "FORMAT", "text (default) or json" },
	{ "debug", 0, OPT_FLAG, &opt.debug, NULL,
	  "log more, and let the guest's kernel and agent log more" },
	{ "config", 0, OPT_STR, &opt.config, "FILE",
	  "configuration file (default: /etc/moat/configuration.toml if it exists)" },
	{ "systemd-cgroup", 0, OPT_FLAG, &opt.systemd_cgroup, NULL,
	  "linux.cgroupsPath is \"slice:prefix:name\"; the host must run systemd" },
	{ "rootless", 0, OPT_STR, &opt.rootless, "VALUE",
	  "accepted for runc's callers; moat runs as root" },
	{ "version", 'v', OPT_FLAG, &opt.version, NULL, "print the version" },
	{},
};

/* Where messages go: --log, or standard error. */
static struct {
	struct log_fd_sink sink;
	bool file;
} out = { .sink = { .fd = STDERR_FILENO } };

static int open_log(struct err *err)
{
	if (strcmp(opt.log_format, "json") == 0)
		out.sink.format = LOG_FORMAT_JSON;
	else if (strcmp(opt.log_format, "text") != 0)
		return err_set(err, EINVAL, "invalid log-format: %s", opt.log_format);
	if (opt.log && *opt.log) {
		int fd = open(opt.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);

		if (fd < 0)
			return err_errno(err, errno, "--log '%s'", opt.log);
		/* Non-blocking only for the open: a FIFO without a reader must not hang us. */
		fd_set_nonblock(fd, false);
		out.sink.fd = fd;
		out.file = true;
	}
	log_set_sink(log_to_fd, &out.sink);
	/* A person's terminal gets what matters, a log file also what was decided (the accelerator, say). */
	log_set_level(opt.debug ? LOG_LEVEL_DEBUG : out.file ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	return 0;
}

/* As runc: the log gets a record, and standard error the bare message when the log is a file. */
static int fail(const struct err *err, int code)
{
	log_to_fd(&out.sink, LOG_LEVEL_ERROR, err->msg);
	if (out.file)
		fprintf(stderr, "%s\n", err->msg);
	return code;
}

static int usage_error(const struct command *c, const struct err *err)
{
	printf("Incorrect Usage.\n\n");
	if (c)
		help_command(c);
	else
		help_program();
	fflush(stdout);
	return fail(err, 1);
}

static int check_args(const struct command *c, char **args, struct err *err)
{
	int n;

	for (n = 0; args[n]; n++)
		;
	if (n < c->min_args && c->min_args == c->max_args)
		return err_set(err, EINVAL, "\"%s\" requires exactly %d argument(s)", c->name,
			       c->min_args);
	if (n < c->min_args)
		return err_set(err, EINVAL, "\"%s\" requires a minimum of %d argument(s)", c->name,
			       c->min_args);
	if (c->max_args >= 0 && n > c->max_args && c->min_args == c->max_args)
		return err_set(err, EINVAL, "\"%s\" requires exactly %d argument(s)", c->name,
			       c->max_args);
	if (c->max_args >= 0 && n > c->max_args)
		return err_set(err, EINVAL, "\"%s\" requires a maximum of %d argument(s)", c->name,
			       c->max_args);
	return 0;
}

static int call(const struct command *c, char **args, struct err *err)
{
	struct moat *m = moat_new();
	int r;

	moat_set_root(m, opt.root);
	moat_set_configuration(m, opt.config);
	moat_set_debug(m, opt.debug);
	moat_set_systemd_cgroup(m, opt.systemd_cgroup);
	r = m ? c->run(m, args, err) : err_errno(err, ENOMEM, PROGRAM);
	moat_free(m);
	return r;
}

static int run_command(const struct command *c, char **argv)
{
	struct err err = {};
	bool help = false;
	int r;

	r = c->any_options ? 0 : options_parse(c->options, &argv, &help, &err);
	if (help) {
		help_command(c);
		return 0;
	}
	if (r >= 0)
		r = check_args(c, argv, &err);
	if (r < 0)
		return usage_error(c, &err);
	r = call(c, argv, &err);
	if (r >= 0)
		return fflush(stdout) == 0 && !ferror(stdout) ? r : 1;
	return fail(&err, c->failure ? c->failure : 1);
}

/* What a caller may have left behind: closed stdio, ignored or blocked signals, a library path into the bundle. */
static void sanitize(void)
{
	sigset_t none;

	fd_fill_stdio();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	unsetenv("LD_LIBRARY_PATH");
	umask(022);
}

int main(int argc, char **argv)
{
	const struct command *c;
	struct err err = {};
	bool help = false;
	char **args = argv + 1;
	int r;

	(void)argc;
	sanitize();
	r = options_parse(global_options, &args, &help, &err);
	if (r < 0)
		return usage_error(NULL, &err);
	if (opt.version) {
		printf(PROGRAM " version %s\ncommit: %s\nspec: %s\n", moat_version(), moat_commit(),
		       moat_oci_version());
		return 0;
	}
	if (help || !*args) {
		help_program();
		return 0;
	}
	r = open_log(&err);
	if (r < 0)
		return fail(&err, 1);
	c = command_find(*args);
	if (!c) {
		err_set(&err, EINVAL, "No help topic for '%s'", *args);
		return fail(&err, 3);
	}
	return run_command(c, args + 1);
}
