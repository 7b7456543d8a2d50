// SPDX-License-Identifier: Apache-2.0
#include "standin/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LIBC_FIRST \
	32 /* used inside the C library for threads, which refuses to name them in a set */
#define LIBC_LAST 33

static bool is_forwarded(int sig)
{
	return sig != SIGKILL && sig != SIGSTOP && sig != SIGCHLD && sig != SIGPIPE &&
	       !(sig >= LIBC_FIRST && sig <= LIBC_LAST);
}

static void forwarded_set(sigset_t *set)
{
	sigemptyset(set);
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (is_forwarded(sig))
			sigaddset(set, sig);
}

void signals_block(void)
{
	sigset_t set;

	forwarded_set(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* As PID 1 we are given orphans of those who joined the namespace: the kernel reaps them. */
	signal(SIGCHLD, SIG_IGN);
}

int signals_open(struct err *err)
{
	sigset_t set;
	int fd;

	forwarded_set(&set);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "signalfd") : fd;
}

int signals_read(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

/* What the signal does by default: these stop, continue or do nothing. */
static bool is_deadly(int sig)
{
	switch (sig) {
	case SIGCHLD:
	case SIGCONT:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGURG:
	case SIGWINCH:
		return false;
	default:
		return sig >= 1 && sig <= SIGRTMAX;
	}
}

void signals_die(int sig)
{
	sigset_t set;

	if (!is_deadly(sig) || getpid() == 1)
		return;
	/* What is pending must not come first. */
	signal(sig, SIG_DFL);
	sigfillset(&set);
	sigdelset(&set, sig);
	kill(getpid(), sig);
	sigprocmask(SIG_SETMASK, &set, NULL);
}
