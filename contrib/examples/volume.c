/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lends a direct volume to a container that runs, for as long as a program in it takes.
 *
 *	cc -o volume volume.c $(pkg-config --cflags --libs moat)
 *	./volume [-c CONFIGURATION] [-r STATE_DIRECTORY] [-o OPTIONS] [-f] ID VOLUME DESTINATION PROGRAM [ARGUMENT...]
 *
 * VOLUME: registered before (moat volume add, or moat_volume_add()). OPTIONS: of the mount, "ro,noatime". -f: it is taken back even if something
 * still uses it. What volumes the container has then is printed, the program's exit code becomes ours.
 */
#include <moat.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct moat_error err;

static int fail(void)
{
	fprintf(stderr, "volume: %s\n", err.msg);
	return 1;
}

/* Executes the program; its exit code. */
static int enter(const struct moat *m, const char *id, const char *const *args)
{
	struct moat_process *p = moat_process_new();
	pid_t pid;
	int code = 1, r;

	moat_process_set_args(p, args);
	r = moat_container_enter(m, id, p, &pid, &err);
	moat_process_free(p);
	if (r >= 0)
		r = moat_wait(pid, -1, &code, &err);
	return r < 0 ? fail() : code;
}

static void print_volumes(const struct moat *m, const char *id)
{
	char *text;

	if (moat_container_list_volumes(m, id, &text, &err) < 0) {
		fail();
		return;
	}
	puts(text);
	fflush(stdout); /* before what the program says */
	free(text);
}

int main(int argc, char **argv)
{
	const char *options = NULL;
	struct moat *m = moat_new();
	bool force = false;
	int opt, code;

	while ((opt = getopt(argc, argv, "+c:r:o:f")) != -1) {
		if (opt == 'c')
			moat_set_configuration(m, optarg);
		else if (opt == 'r')
			moat_set_root(m, optarg);
		else if (opt == 'o')
			options = optarg;
		else if (opt == 'f')
			force = true;
		else
			return 2;
	}
	argv += optind;
	if (argc - optind < 4) {
		fprintf(stderr,
			"usage: volume [-c FILE] [-r DIR] [-o OPTIONS] [-f] ID VOLUME DESTINATION PROGRAM...\n");
		return 2;
	}
	if (moat_container_add_volume(m, argv[0], argv[1], argv[2], options, &err) < 0)
		return fail();
	print_volumes(m, argv[0]);
	code = enter(m, argv[0], (const char *const *)argv + 3);
	/* What a program has left running in it keeps it there, until it is removed once more. */
	if (moat_container_remove_volume(m, argv[0], argv[2], force, &err) < 0)
		code = fail();
	moat_free(m);
	return code;
}
