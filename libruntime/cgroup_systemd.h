/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --systemd-cgroup: linux.cgroupsPath is "slice:prefix:name" then, and the cgroup is where systemd would have the unit
 * prefix-name.scope of that slice has it (systemd.slice(5), systemd.scope(5)). The unit itself: scope.h.
 */
#ifndef MOAT_LIBRUNTIME_CGROUP_SYSTEMD_H
#define MOAT_LIBRUNTIME_CGROUP_SYSTEMD_H

#include "base/err.h"

#define SYSTEMD_RUNS "/run/systemd/system" /* sd_booted(3) */

/*
 * The absolute path in each hierarchy, owned by the caller; spec NULL or "": a scope of the id in system.slice. -ENOTSUP if booted, a
 * directory, does not exist; -EINVAL for another format.
 */
int cgroup_systemd_path(const char *booted, const char *spec, const char *id, char **ret,
			struct err *err);

#endif
