/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two containers in one virtual machine: a sandbox that is started before there is a container, one that joins it, another process in
 * that, and the end of all.
 *
 *	cc -o sandbox sandbox.c $(pkg-config --cflags --libs moat)
 *	./sandbox [-c CONFIGURATION] [-r STATE_DIRECTORY] ROOTFS
 */
#include <moat.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SANDBOX "example"

static struct moat_error err;

static void must(int r)
{
	if (r >= 0)
		return;
	fprintf(stderr, "sandbox: %s\n", err.msg);
	exit(1);
}

/* Executes a shell's command in a container that runs, and returns its exit code. */
static int shell(const struct moat *m, const char *id, const char *command)
{
	struct moat_process *p = moat_process_new();
	const char *args[] = { "sh", "-c", command, NULL };
	pid_t pid;
	int code;

	moat_process_set_args(p, args);
	must(moat_container_enter(m, id, p, &pid, &err));
	must(moat_wait(pid, -1, &code, &err));
	moat_process_free(p);
	return code;
}

static void join(const struct moat *m, const char *id, const char *rootfs)
{
	struct moat_spec *spec = moat_spec_new(id);
	const char *args[] = { "sleep", "1000", NULL };

	moat_spec_set_rootfs(spec, rootfs, false);
	moat_spec_set_namespace(spec, "pid", MOAT_OF_SANDBOX);
	moat_process_set_args(moat_spec_process(spec), args);
	moat_process_set_stdio(moat_spec_process(spec), -1, -1, -1);
	must(moat_container_create(m, SANDBOX, spec, NULL, &err));
	moat_spec_free(spec);
}

int main(int argc, char **argv)
{
	struct moat_sandbox_status *s;
	struct moat *m = moat_new();
	int opt;

	while ((opt = getopt(argc, argv, "c:r:")) != -1) {
		if (opt == 'c')
			moat_set_configuration(m, optarg);
		else if (opt == 'r')
			moat_set_root(m, optarg);
		else
			return 2;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "usage: sandbox [-c FILE] [-r DIR] ROOTFS\n");
		return 2;
	}
	must(moat_sandbox_run(m, SANDBOX, NULL, NULL, 0, &err));
	join(m, "one", argv[optind]);
	join(m, "two", argv[optind]);
	must(moat_sandbox_start(m, SANDBOX, &err));
	must(moat_sandbox_status(m, SANDBOX, &s, &err));
	for (size_t i = 0; i < s->n; i++)
		printf("%s %s\n", s->containers[i]->id, moat_state_name(s->containers[i]->state));
	moat_sandbox_status_free(s);
	/* One machine, one kernel; and what the two see of each other. */
	printf("exit code %d\n", shell(m, "two", "ps | grep -c '[s]leep 1000'; exit 7"));
	must(moat_sandbox_stop(m, SANDBOX, 1000, &err));
	must(moat_sandbox_delete(m, SANDBOX, false, &err));
	moat_free(m);
	return 0;
}
