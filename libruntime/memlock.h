/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RLIMIT_MEMLOCK of the hypervisor of a VM that runs. It is found by what only the kernel says: a child of the monitor with
 * the uid that this VM's hypervisor has, so that no answer of a monitor chooses whose limit is raised.
 */
#ifndef MOAT_LIBRUNTIME_MEMLOCK_H
#define MOAT_LIBRUNTIME_MEMLOCK_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "libruntime/monitor_world.h"

struct memlock {
	pid_t pid;
	int pidfd; /* -EBADF: none */
	uint64_t soft, hard; /* bytes, as they were found; UINT64_MAX: no limit */
};

#define MEMLOCK_INIT             \
	{                        \
		.pidfd = -EBADF, \
	}

int memlock_find(const struct monitor_ref *mon, struct memlock *ret, struct err *err);
void memlock_done(struct memlock *m);
/* Lets it lock so much, if it may not do so already. -EPERM says what the caller needs. Also in another mount namespace. */
int memlock_raise(const struct memlock *m, uint64_t bytes, struct err *err);
/* Back to what this process has itself, if that is less. */
void memlock_lower(const struct memlock *m);

/* The two limits in the text of /proc/PID/limits; 0 or -EINVAL. */
int memlock_parse(const char *text, uint64_t *ret_soft, uint64_t *ret_hard);

#endif
