/* SPDX-License-Identifier: Apache-2.0 */
/* Host terminals: a pty whose slave is the stand-in's stdio and whose master goes to the caller. */
#ifndef MOAT_LIBRUNTIME_CONSOLE_H
#define MOAT_LIBRUNTIME_CONSOLE_H

#include "base/err.h"
#include "oci/config.h"

/*
 * A fresh pty, raw: the guest's terminal does the processing. ONLCR is as the kernel sets it and tells what the caller wants of
 * the guest's: whoever receives the master changes it, as with runc. size may be NULL. Both ends close-on-exec.
 */
int console_new(const struct oci_console_size *size, int *ret_master, int *ret_slave,
		struct err *err);
/*
 * Sends the master over --console-socket (SCM_RIGHTS with the name "/dev/ptmx" as data, runc's
 * convention in docs/terminals.md) and closes it.
 */
int console_send(const char *socket_path, int master, struct err *err);

#endif
