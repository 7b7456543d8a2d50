/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure RUNS|--once NAME COMMAND ARG... [, NAME COMMAND ARG...]...
 *
 * How long the commands take from fork to end. They take turns (a b c a b c ...), so that what else happens
 * on the machine hits all of them, after one round that does not count (--once: what cannot be done twice). Prints
 * "NAME<tab>milliseconds" a run.
 * Their standard input and output are /dev/null; one that fails ends it all.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SUBJECTS_MAX 16

extern char **environ;

struct subject {
	const char *name;
	char **argv;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Splits at the commas. Returns the number of subjects, 0 if there is something wrong. */
static int split(char **args, struct subject *ret)
{
	int n = 0;

	while (*args) {
		if (n == SUBJECTS_MAX || !args[1] || strcmp(args[1], ",") == 0)
			return 0;
		ret[n++] = (struct subject){ args[0], args + 1 };
		while (*args && strcmp(*args, ",") != 0)
			args++;
		if (*args)
			*args++ = NULL;
	}
	return n;
}

static int run(const struct subject *s, const posix_spawn_file_actions_t *files, double *ret_ms)
{
	double start = now_ms();
	int status, r;
	pid_t pid;

	r = posix_spawnp(&pid, s->argv[0], files, NULL, s->argv, environ);
	if (r != 0) {
		fprintf(stderr, "measure: %s: %s\n", s->argv[0], strerror(r));
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	*ret_ms = now_ms() - start;
	if (status == 0)
		return 0;
	fprintf(stderr, "measure: %s (%s): %s %d\n", s->name, s->argv[0],
		WIFSIGNALED(status) ? "signal" : "exit status",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return -1;
}

int main(int argc, char **argv)
{
	struct subject subjects[SUBJECTS_MAX];
	posix_spawn_file_actions_t files;
	bool once = argc > 1 && strcmp(argv[1], "--once") == 0;
	int runs = once ? 1 : argc > 1 ? atoi(argv[1]) : 0, n, i, j;
	double ms;

	n = runs > 0 ? split(argv + 2, subjects) : 0;
	if (n == 0) {
		fputs("usage: measure RUNS|--once NAME COMMAND ARG... [, NAME COMMAND ARG...]...\n",
		      stderr);
		return 2;
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (i = once ? 1 : 0; i <= runs; i++)
		for (j = 0; j < n; j++) {
			if (run(&subjects[j], &files, &ms) < 0)
				return 1;
			if (i > 0)
				printf("%s\t%.4f\n", subjects[j].name, ms);
		}
	return fflush(stdout) == 0 ? 0 : 1;
}
