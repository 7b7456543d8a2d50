/* SPDX-License-Identifier: Apache-2.0 */
#include "standin/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "wire/watch.h"

#define QUIET_MS 50 /* an interface, its address and its routes come one after the other */
#define LONGEST_MS 500 /* that this is waited for */
#define EVERY_MS 1000 /* at most that often */
#define RETRY_MS 2000 /* after a failure, and twice as long after each further one */
#define RETRIES 6

struct watch {
	char *const *argv;
	int64_t first,
		due; /* of changes that are still to be passed on, ms; due < 0: there are none */
	int64_t last; /* start of the command */
	unsigned int retries;
	int child; /* its pidfd, -EBADF: it does not run */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void join_cgroups(void)
{
	for (int fd = WATCH_CGROUPS; fd < WATCH_CGROUPS + WATCH_CGROUPS_MAX; fd++) {
		/* One that cannot be joined is a matter of where it is counted. */
		if (write(fd, "0", 1) < 0 && errno == EBADF)
			return;
		close(fd);
	}
}

/* The container's log of this is bounded. */
static void limit_log(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > WATCH_LOG_MAX &&
	    ftruncate(STDERR_FILENO, 0) < 0)
		dprintf(STDERR_FILENO, WATCH_NAME ": the log cannot be emptied\n");
}

static void again(struct watch *w)
{
	w->due = w->retries < RETRIES ? now_ms() + ((int64_t)RETRY_MS << w->retries) : -1;
	w->retries++;
}

static void run(struct watch *w)
{
	const struct spawn s = {
		.path = w->argv[0],
		.exe_fd = -EBADF,
		.argv = w->argv,
		.fds = (const struct spawn_fd[]){ { STDOUT_FILENO, STDOUT_FILENO },
						  { STDERR_FILENO, STDERR_FILENO } },
		.n_fds = 2,
		.pdeathsig = SIGKILL, /* a command that was killed leaves a record of what it was at */
	};
	struct err err = { 0 };
	pid_t pid;

	w->due = -1;
	w->last = now_ms();
	limit_log();
	if (spawn(&s, &pid, &w->child, &err) < 0) {
		dprintf(STDERR_FILENO, WATCH_NAME ": %s\n", err.msg);
		again(w);
	}
}

static void reap(struct watch *w)
{
	siginfo_t info = { 0 };

	if (waitid(P_PIDFD, (id_t)w->child, &info, WEXITED) < 0 && errno == EINTR)
		return;
	w->child = fd_close(w->child);
	if (info.si_code != CLD_EXITED || info.si_status != 0)
		again(w);
}

/* What is lost (ENOBUFS), or does not fit, may have mattered. */
static bool something_changed(void)
{
	char buf[8192] __attribute__((aligned(8)));
	bool ret = false;

	for (;;) {
		ssize_t n = recv(WATCH_NETLINK, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			return ret;
		ret |= n < 0 || (size_t)n > sizeof(buf) || watch_matters(buf, (size_t)n);
	}
}

static void plan(struct watch *w)
{
	int64_t now = now_ms();

	if (w->due < 0 || w->retries > 0)
		w->first = now;
	w->retries = 0;
	w->due = now + QUIET_MS;
	if (w->due > w->first + LONGEST_MS)
		w->due = w->first + LONGEST_MS;
	if (w->due < w->last + EVERY_MS)
		w->due = w->last + EVERY_MS;
}

static int time_left(const struct watch *w)
{
	int64_t left;

	if (w->child >= 0 || w->due < 0)
		return -1;
	left = w->due - now_ms();
	return left > 0 ? (int)left : 0;
}

int watch_run(char *const *argv)
{
	struct watch w = { .argv = argv, .due = -1, .last = -EVERY_MS, .child = -EBADF };

	(void)prctl(PR_SET_NAME, WATCH_NAME);
	for (bool joined = false;;) {
		/* While the command runs changes wait in the socket. */
		struct pollfd p[] = { { .fd = WATCH_STANDIN, .events = POLLIN },
				      { .fd = w.child >= 0 ? w.child : WATCH_NETLINK,
					.events = POLLIN } };
		int n = poll(p, 2, joined ? time_left(&w) : 0);

		if (n < 0 && errno != EINTR)
			return 1;
		if (n > 0 && p[0].revents)
			return 0;
		if (!joined) {
			join_cgroups();
			joined = true;
		} else if (n > 0 && w.child >= 0) {
			reap(&w);
		} else if (n > 0 && p[1].revents & ~POLLIN & ~POLLERR) {
			return 1;
		} else if (n > 0) {
			if (something_changed())
				plan(&w);
		} else if (n == 0) {
			run(&w);
		}
	}
}
