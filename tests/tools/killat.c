/* SPDX-License-Identifier: Apache-2.0 */
/*
 * killat N COMMAND...: SIGKILLs the command (and only it: its children go on) at the entry of its Nth system call.
 * The last line of standard error says "killed at N", or "ended after COUNT" if it made fewer; N = 0 only counts.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int start(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	/* Stops at the end of its execve. */
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
		return -1;
	return pid;
}

int main(int argc, char **argv)
{
	long limit = argc > 2 ? atol(argv[1]) : -1, stops = 0;
	int status, sig = 0;
	pid_t pid;

	if (limit < 0) {
		fputs("usage: killat N COMMAND...\n", stderr);
		return 2;
	}
	pid = start(argv + 2);
	if (pid < 0) {
		perror("killat");
		return 2;
	}
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, 0, sig) < 0 || waitpid(pid, &status, 0) < 0) {
			perror("killat");
			return 2;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status))
			break;
		sig = 0;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			sig = WSTOPSIG(status);
			continue;
		}
		/* Every second stop is an entry, the first one too. */
		if (stops++ % 2 == 0 && limit > 0 && stops / 2 + 1 == limit) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			fprintf(stderr, "killed at %ld\n", limit);
			return 0;
		}
	}
	fprintf(stderr, "ended after %ld\n", (stops + 1) / 2);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
