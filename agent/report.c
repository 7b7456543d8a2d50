/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/sock.h"

#define HEADER offsetof(struct report, text)

int report_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

int report_send(int fd, enum report_kind kind, int code, const char *text, const int *fds,
		size_t n_fds)
{
	struct report r;

	r.kind = kind;
	r.code = code;
	snprintf(r.text, sizeof(r.text), "%s", text);
	return sock_send_fds(fd, &r, HEADER + strlen(r.text) + 1, fds, n_fds);
}

int report_recv(int fd, struct report *ret, int fds[2])
{
	size_t n_fds = 2;
	ssize_t n;

	fds[0] = fds[1] = -EBADF;
	n = sock_recv_fds(fd, ret, sizeof(*ret), fds, &n_fds);
	if (n <= 0)
		return (int)n;
	if ((size_t)n <= HEADER || ret->text[(size_t)n - HEADER - 1] != '\0' ||
	    n_fds != (ret->kind == REPORT_TTY ? 2U : 0U)) {
		for (size_t i = 0; i < n_fds; i++)
			fds[i] = fd_close(fds[i]);
		return -EPROTO;
	}
	return 1;
}
