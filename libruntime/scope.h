/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --systemd-cgroup: a container's cgroup as a transient scope of systemd, which makes it, shows it, and removes it when its last process
 * has ended. It is delegated, so processes are moved into it as into any other cgroup. In version 2 limits are properties of the scope as well:
 * systemd writes what it knows into the cgroup again, for example at daemon-reload. In version 1 they are in the files alone.
 * Sources: org.freedesktop.systemd1(5), systemd.scope(5), systemd.resource-control(5), "Control Group APIs and Delegation".
 */
#ifndef MOAT_LIBRUNTIME_SCOPE_H
#define MOAT_LIBRUNTIME_SCOPE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "libruntime/host_limits.h"
#include "libruntime/sdbus.h"

/* Here at is the bus, sdbus_system outside tests; whatever takes longer than it allows is -ETIMEDOUT. */

/* The unit of a path of cgroup_systemd_path(), which it points into; NULL: that is no scope, and systemd is not asked. */
const char *scope_unit(const char *path);
/* With one process, which a scope needs from its beginning. -EREMOTEIO with systemd's words if it is refused. */
int scope_start(const struct sdbus_at *at, const char *path, pid_t pid, struct err *err);
/* Properties for those limits that are late, or are not, with the values that the files in the leaf of dirs have by now. */
int scope_limit(const struct sdbus_at *at, const char *unit, const struct host_limits *l,
		char *const *dirs, bool late, struct err *err);
/* Also of one that is not there any more. What is still in it gets SIGTERM, and SIGKILL when its time is up. */
int scope_stop(const struct sdbus_at *at, const char *unit, struct err *err);

/* ---- its parts, for tests ---- */

/* Bits of a list such as "0-2,5" as systemd wants them, the first processor lowest: into set, which has 1024; bytes used or -EINVAL. */
int scope_cpuset(const char *list, unsigned char set[128]);
/* scope_limit() with values from any directory. */
int scope_limit_from(const struct sdbus_at *at, const char *unit, const struct host_limits *l,
		     const char *leaf, bool late, struct err *err);

#endif
