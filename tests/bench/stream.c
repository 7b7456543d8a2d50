/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream [--fd N] in|out|end BYTES COMMAND ARG...
 *
 * How fast the command's guest.c reads or writes BYTES: prints MB (10^6 bytes) a second. Through pipes on
 * standard input and output; with --fd through a socket that the command (QEMU) gets as descriptor N.
 * From the first byte to the last: the command's own start and end do not count.
 *
 * end, with 1 for BYTES: the milliseconds that the command (QEMU) takes from SIGTERM to its end, once its guest has
 * written a byte and waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define DEADLINE_S 120

static char chunk[CHUNK];

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "stream: %s: %s\n", what, errno ? strerror(errno) : "ended early");
	exit(1);
}

/* to, from: our ends of what is the command's input and output. */
static pid_t start(char **argv, int target, int *to, int *from)
{
	int in[2], out[2];
	pid_t pid;

	if (target >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0)
		die("socketpair");
	if (target < 0 && (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		/* Out of the way of what dup2 is about to replace. */
		int child_in = fcntl(in[0], F_DUPFD_CLOEXEC, 100);
		int child_out = target < 0 ? fcntl(out[1], F_DUPFD_CLOEXEC, 100) : -1;

		dup2(child_in, target >= 0 ? target : STDIN_FILENO);
		if (target < 0)
			dup2(child_out, STDOUT_FILENO);
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	close(in[0]);
	*to = in[1];
	*from = target >= 0 ? in[1] : out[0];
	if (target < 0)
		close(out[1]);
	return pid;
}

static void expect_byte(int fd)
{
	char byte;

	errno = 0;
	if (read(fd, &byte, 1) != 1)
		die("the guest's byte");
}

static double receive(int fd, int to, long long bytes)
{
	double from = 0;

	while (bytes > 0) {
		ssize_t n;

		errno = 0;
		n = read(fd, chunk, CHUNK);
		if (n <= 0)
			die("read");
		if (from == 0)
			from = now_s();
		bytes -= n;
	}
	from = now_s() - from;
	if (write(to, "a", 1) != 1)
		die("write");
	return from;
}

static double transmit(int fd, int from, long long bytes)
{
	double start;

	expect_byte(from);
	start = now_s();
	while (bytes > 0) {
		ssize_t n = write(fd, chunk, bytes < CHUNK ? (size_t)bytes : CHUNK);

		if (n <= 0)
			die("write");
		bytes -= n;
	}
	expect_byte(from);
	return now_s() - start;
}

static double terminate(pid_t pid, int from)
{
	double start;
	int status;

	expect_byte(from);
	start = now_s();
	if (kill(pid, SIGTERM) < 0 || waitpid(pid, &status, 0) < 0)
		die("the command");
	return (now_s() - start) * 1e3;
}

int main(int argc, char **argv)
{
	int target = -1, to, from, status;
	long long bytes;
	double seconds;
	bool in, end;
	pid_t pid;

	if (argc > 2 && strcmp(argv[1], "--fd") == 0) {
		target = atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	bytes = argc > 3 ? atoll(argv[2]) : 0;
	in = bytes > 0 && strcmp(argv[1], "in") == 0;
	end = bytes == 1 && strcmp(argv[1], "end") == 0;
	if (bytes <= 0 || (!in && !end && strcmp(argv[1], "out") != 0)) {
		fputs("usage: stream [--fd N] in|out|end BYTES COMMAND ARG...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	alarm(DEADLINE_S);
	pid = start(argv + 3, target, &to, &from);
	if (end) {
		printf("%.3f\n", terminate(pid, from));
		return 0;
	}
	seconds = in ? transmit(to, from, bytes) : receive(from, to, bytes);
	/* A socket's end would be a disconnection to QEMU; a pipe's is the end of the input. */
	if (target < 0)
		close(to);
	errno = 0;
	if (waitpid(pid, &status, 0) < 0 || status != 0)
		die("the command");
	printf("%.3f\n", (double)bytes / 1e6 / seconds);
	return 0;
}
