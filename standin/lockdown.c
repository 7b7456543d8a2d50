// SPDX-License-Identifier: Apache-2.0
#include "standin/lockdown.h"

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "wire/frame.h"
#include "wire/resolver.h"

/* 0-4, epoll, signalfd, timers; of what is passed, it, its copy for the other direction and a timer */
#define MAX_FDS (32 + 3 * WIRE_PASSED_MAX)
#define RESOLVER_FDS (RESOLVER_PENDING + 1) /* a socket for each question, a timer */

/* The only sockets: not one whose protocol the kernel would load a module for. */
#define RESOLVER_SOCKET(type)                                                             \
	CONFINE_ALLOW_ARG_ALSO(socket, 0, AF_INET),                                       \
		CONFINE_ALLOW_ARG_ALSO(socket, 1, (type) | SOCK_NONBLOCK | SOCK_CLOEXEC), \
		CONFINE_ALLOW_ARG(socket, 2, 0)
#define RESOLVER_RULES 7

static int filter_syscalls(bool resolver, struct err *err)
{
	const struct confine_rule rules[] = {
		/* the container's streams */
		CONFINE_ALLOW(read),
		CONFINE_ALLOW(write),
		CONFINE_ALLOW(recvfrom), /* where they are sockets */
		CONFINE_ALLOW(sendto),
		CONFINE_ALLOW(shutdown),
#ifdef SYS_poll
		CONFINE_ALLOW(poll), /* where they can be neither reopened nor sent to: sio.c */
#endif
		CONFINE_ALLOW(ppoll),
		CONFINE_ALLOW(close),
		/* the terminal: size, ONLCR, and OPOST off again */
		CONFINE_ALLOW_ARG(ioctl, 1, TIOCGWINSZ),
		CONFINE_ALLOW_ARG(ioctl, 1, TCGETS),
		CONFINE_ALLOW_ARG(ioctl, 1, TCSETS),
		CONFINE_ALLOW_ARG(
			ioctl, 1,
			0x802c542a), /* TCGETS2 and TCSETS2, for the C libraries that use them */
		CONFINE_ALLOW_ARG(ioctl, 1, 0x402c542b),
		/* the monitor's socket and the set-up socket's answer */
		CONFINE_ALLOW(sendmsg),
	/* the event loop */
#ifdef SYS_epoll_wait
		CONFINE_ALLOW(epoll_wait),
#endif
		CONFINE_ALLOW(epoll_pwait),
		CONFINE_ALLOW(epoll_ctl),
		CONFINE_ALLOW(timerfd_create),
		CONFINE_ALLOW(timerfd_settime),
		CONFINE_ALLOW(restart_syscall), /* after a stop and SIGCONT */
		/* memory */
		CONFINE_ALLOW(brk),
		CONFINE_ALLOW_ARG(mmap, 2, PROT_READ | PROT_WRITE),
		CONFINE_ALLOW(munmap),
		CONFINE_ALLOW(mremap),
		CONFINE_ALLOW(madvise),
		/* the end: exit status, or death by the same signal */
		CONFINE_ALLOW(exit_group),
		CONFINE_ALLOW(rt_sigaction),
		CONFINE_ALLOW(rt_sigprocmask),
		CONFINE_ALLOW(getpid),
		CONFINE_ALLOW_ARG(kill, 0, (uint64_t)getpid()),
		/* the resolver, last: only where there may be one */
		RESOLVER_SOCKET(SOCK_DGRAM),
		RESOLVER_SOCKET(SOCK_STREAM),
		CONFINE_ALLOW_ARG(connect, 2, sizeof(struct sockaddr_in)),
	};

	return confine_syscalls(rules, ARRAY_SIZE(rules) - (resolver ? 0 : RESOLVER_RULES),
				CONFINE_KILL, err);
}

int lockdown(bool resolver, struct err *err)
{
	int r;

	/* No core either way: the process may end by SIGQUIT or SIGSEGV because the guest's did. */
	r = confine_rlimit(RLIMIT_CORE, 0, err);
	if (r == 0)
		r = confine_rlimit(RLIMIT_NOFILE, MAX_FDS + (resolver ? RESOLVER_FDS : 0), err);
	if (r == 0)
		r = confine_no_new_privs(err);
	if (r == 0)
		r = confine_drop_caps(err);
#ifndef STANDIN_INSTRUMENTED /* the sanitizers' and coverage's own work needs more than this */
	if (r == 0)
		r = confine_undumpable(err);
	if (r == 0)
		r = filter_syscalls(resolver, err);
#else
	(void)filter_syscalls;
#endif
	return r;
}
