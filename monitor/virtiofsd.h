/* SPDX-License-Identifier: Apache-2.0 */
/* The file server of a sandbox: one virtiofsd, of either kind, that serves MONITOR_SHARE_DIR. */
#ifndef MOAT_MONITOR_VIRTIOFSD_H
#define MOAT_MONITOR_VIRTIOFSD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/virtiofsd.h"
#include "wire/vm_setup.h"

/* The argument vector (owned by the caller, strv_free). */
int virtiofsd_argv(const struct vm_setup *s, enum virtiofsd_kind kind, int listen_fd, char ***ret,
		   struct err *err);

struct virtiofsd {
	pid_t pid;
	int pidfd;
	int socket; /* connected, for QEMU */
	int output; /* read end of its stdout and stderr */
};

/* Starts the daemon; it dies with this process and ends when `socket` is closed. */
int virtiofsd_start(const struct vm_setup *s, struct virtiofsd *ret, struct err *err);

#endif
