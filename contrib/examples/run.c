/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program in a container, in a virtual machine of its own, from nothing but a directory with a root file system.
 *
 *	cc -o run run.c $(pkg-config --cflags --libs moat)
 *	./run [-c CONFIGURATION] [-r STATE_DIRECTORY] ID ROOTFS PROGRAM [ARGUMENT...]
 *
 * Its streams are ours, and its exit code becomes ours.
 */
#include <moat.h>
#include <stdio.h>
#include <unistd.h>

static void log_message(void *data, enum moat_log_level level, const char *msg)
{
	(void)data;
	(void)level;
	fprintf(stderr, "run: %s\n", msg);
}

/* From its creation to its end; the container is there only meanwhile. */
static int run(const struct moat *m, const char *id, const struct moat_spec *spec, int *ret_code,
	       struct moat_error *err)
{
	int r = moat_container_create(m, NULL, spec, NULL, err);

	if (r < 0)
		return r;
	r = moat_container_start(m, id, err);
	if (r >= 0)
		r = moat_container_wait(m, id, -1, ret_code, err);
	/* What went wrong first is what is told. */
	if (moat_container_delete(m, id, true, r < 0 ? NULL : err) < 0 && r >= 0)
		r = -err->code;
	return r;
}

int main(int argc, char **argv)
{
	struct moat_error err = { 0 };
	struct moat *m = moat_new();
	struct moat_spec *spec;
	int opt, r, code = 0;

	while ((opt = getopt(argc, argv, "+c:r:")) != -1) {
		if (opt == 'c')
			moat_set_configuration(m, optarg);
		else if (opt == 'r')
			moat_set_root(m, optarg);
		else
			return 2;
	}
	if (argc - optind < 3) {
		fprintf(stderr, "usage: run [-c FILE] [-r DIR] ID ROOTFS PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	argv += optind;
	moat_set_log(log_message, NULL, MOAT_LOG_WARN);

	/* Setters remember what goes wrong; create says it. */
	spec = moat_spec_new(argv[0]);
	moat_spec_set_rootfs(spec, argv[1], false);
	moat_spec_set_hostname(spec, argv[0]);
	moat_spec_set_memory_limit(spec, 64 << 20);
	moat_process_set_args(moat_spec_process(spec), (const char *const *)argv + 2);
	moat_process_add_env(moat_spec_process(spec), "GREETING=hello");

	r = run(m, argv[0], spec, &code, &err);
	moat_spec_free(spec);
	moat_free(m);
	if (r < 0) {
		fprintf(stderr, "run: %s\n", err.msg);
		return 1;
	}
	return code;
}
