/* SPDX-License-Identifier: Apache-2.0 */
/*
 * subreaper COMMAND... [:: COMMAND...]...: runs the commands one after the other as a subreaper, as containerd's shim and
 * conmon do, and then waits for everything that was re-parented to it. One line for each, in the order of their end:
 *
 *	command 0 exit 0
 *	orphan 4711 signal 9
 *
 * After TIMEOUT seconds (environment, default 60) it says "timeout" and fails.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_alarm(int sig)
{
	(void)sig;
	(void)!write(STDOUT_FILENO, "timeout\n", 8);
	_exit(1);
}

static void print_end(const char *what, int number, int status)
{
	if (WIFSIGNALED(status))
		printf("%s %d signal %d\n", what, number, WTERMSIG(status));
	else
		printf("%s %d exit %d\n", what, number, WEXITSTATUS(status));
	fflush(stdout);
}

/* Waits for any child; true as long as there was one. */
static bool reap(pid_t *ret, int *status)
{
	do
		*ret = waitpid(-1, status, 0);
	while (*ret < 0 && errno == EINTR);
	return *ret > 0;
}

static void run(char **argv, int number)
{
	pid_t pid = fork(), ended;
	int status;

	if (pid == 0) {
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	while (reap(&ended, &status)) {
		if (ended == pid) {
			print_end("command", number, status);
			return;
		}
		print_end("orphan", ended, status);
	}
}

int main(int argc, char **argv)
{
	const char *limit = getenv("TIMEOUT");
	int i, first = 1, number = 0, status;
	pid_t ended;

	if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		fputs("usage: subreaper COMMAND... [:: COMMAND...]...\n", stderr);
		return 2;
	}
	signal(SIGALRM, on_alarm);
	alarm(limit ? (unsigned int)atoi(limit) : 60);
	for (i = 1; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], "::") != 0)
			continue;
		argv[i] = NULL;
		if (first < i)
			run(argv + first, number++);
		first = i + 1;
	}
	while (reap(&ended, &status))
		print_end("orphan", ended, status);
	return 0;
}
