/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lends a block device of the host to a container that runs, for as long as a program in it takes.
 *
 *	cc -o plug plug.c $(pkg-config --cflags --libs moat)
 *	./plug [-c CONFIGURATION] [-r STATE_DIRECTORY] [-a ACCESS] [-n NODE] ID DEVICE PATH PROGRAM [ARGUMENT...]
 *
 * ACCESS: "r" for read-only. NODE: mode and owner, {"fileMode": 384, "uid": 1000}. What the container has then is printed, the program's exit code becomes ours.
 */
#include <moat.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct moat_error err;

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
	if (r < 0)
		fprintf(stderr, "plug: %s\n", err.msg);
	return r < 0 ? 1 : code;
}

static void print(int (*ask)(const struct moat *m, const char *id, char **ret,
			     struct moat_error *err),
		  const struct moat *m, const char *id)
{
	char *text;

	if (ask(m, id, &text, &err) < 0) {
		fprintf(stderr, "plug: %s\n", err.msg);
		return;
	}
	puts(text);
	fflush(stdout); /* before what the program says */
	free(text);
}

int main(int argc, char **argv)
{
	const char *access = NULL, *node = NULL;
	struct moat *m = moat_new();
	int opt, code;

	while ((opt = getopt(argc, argv, "+c:r:a:n:")) != -1) {
		if (opt == 'c')
			moat_set_configuration(m, optarg);
		else if (opt == 'r')
			moat_set_root(m, optarg);
		else if (opt == 'a')
			access = optarg;
		else if (opt == 'n')
			node = optarg;
		else
			return 2;
	}
	argv += optind;
	if (argc - optind < 4) {
		fprintf(stderr,
			"usage: plug [-c FILE] [-r DIR] [-a ACCESS] [-n NODE] ID DEVICE PATH PROGRAM...\n");
		return 2;
	}
	if (moat_container_add_device(m, argv[0], argv[1], argv[2], access, node, &err) < 0) {
		fprintf(stderr, "plug: %s\n", err.msg);
		return 1;
	}
	print(moat_container_list_devices, m, argv[0]);
	print(moat_container_network, m, argv[0]);
	code = enter(m, argv[0], (const char *const *)argv + 3);
	/* A program that left it mounted has not lost it: it stays until it is removed once more. */
	if (moat_container_remove_device(m, argv[0], argv[2], false, &err) < 0) {
		fprintf(stderr, "plug: %s\n", err.msg);
		code = 1;
	}
	moat_free(m);
	return code;
}
