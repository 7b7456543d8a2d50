/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new process tells the agent on its way to execve(2): packets on a
 * socket pair that execve closes. End of file without an error: the program runs.
 */
#ifndef MOAT_AGENT_REPORT_H
#define MOAT_AGENT_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum report_kind {
	REPORT_ERROR, /* code: errno, text: the message. The process ends. */
	REPORT_LOG, /* code: enum log_level */
	REPORT_READY, /* a container's init is one execve(2) away from its program */
	REPORT_TTY, /* with two descriptors: master and slave */
};

struct report {
	int32_t kind, code;
	char text[4088];
};

/* Packets in both directions, close-on-exec. 0 or -errno. */
int report_pair(int ret[2]);
int report_send(int fd, enum report_kind kind, int code, const char *text, const int *fds,
		size_t n_fds);
/* 1 with a packet (fds: descriptors of REPORT_TTY or -EBADF), 0 at the end, -EAGAIN, -errno. */
int report_recv(int fd, struct report *ret, int fds[2]);

#endif
