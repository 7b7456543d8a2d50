/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work of a command in the mount namespace of a monitor, which no path of the host leads to. It is done by a child, so that
 * of the caller nothing changes.
 */
#ifndef MOAT_LIBRUNTIME_MONITOR_WORLD_H
#define MOAT_LIBRUNTIME_MONITOR_WORLD_H

#include <sys/types.h>

#include "base/err.h"

struct monitor_ref {
	pid_t pid;
	int pidfd;
};

/*
 * fn() in that namespace, by a process of its own that sees no other in /proc. dir: an O_PATH descriptor of `path` there, closed by
 * the caller of fn. What fn changes of its data nobody sees; its error is the result.
 */
int monitor_world_run(const struct monitor_ref *mon, const char *path,
		      int (*fn)(int dir, void *data, struct err *err), void *data, struct err *err);

#endif
