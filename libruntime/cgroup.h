/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's cgroup of a container: linux.cgroupsPath in every mounted
 * hierarchy (v1, v2, or both). All host processes of the container live in it, so
 * that callers find statistics there and `delete --force` finds whatever is left.
 * Sources: Documentation/admin-guide/cgroup-v1/, cgroup-v2.rst.
 */
#ifndef MOAT_LIBRUNTIME_CGROUP_H
#define MOAT_LIBRUNTIME_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * The directories that cgroup_make() will make, outermost first: path is
 * absolute (from the root of each hierarchy) or relative to the caller's own cgroup, of version 2 to the one above that; NULL or "": the id.
 * Existing parents are left out, the last component never is. Vector owned by the caller.
 */
int cgroup_plan(const char *path, const char *id, char ***ret, struct err *err);
/*
 * A leaf with processes in it is an error; then nothing is left. In version 2 the controllers are enabled on the way down, where that
 * is possible, and stay so, as with every runtime. holder: a process that may be in leaves already, where systemd has made those that
 * it wants, and seen to their controllers; 0: none.
 */
int cgroup_make(char *const *dirs, pid_t holder, struct err *err);
/* Whether one of those directories is a container's own, not one on the way to it: the next one does not lie below it. */
bool cgroup_is_leaf(char *const *dir);
/* Takes those on the way to a version 2 leaf out of a plan: they are systemd's. */
void cgroup_only_leaves(char **dirs);
/* Moves a process into each leaf. */
int cgroup_join(char *const *dirs, pid_t pid, struct err *err);
/* For a process that is to join by itself: the leaves' cgroup.procs, at most max. Returns how many; one that cannot be opened is left out. */
size_t cgroup_open_procs(char *const *dirs, int *ret, size_t max);
/* SIGKILLs everything inside; waits up to timeout_ms for it to go. */
void cgroup_kill(char *const *dirs, int timeout_ms);
/* Removes what is empty, innermost first. A leaf that stays is an error. */
int cgroup_remove(char *const *dirs, struct err *err);

/* One mounted hierarchy. */
struct cgroup_hierarchy {
	char mount[256];
	char root[256]; /* the hierarchy's directory that is mounted there */
	char options[256]; /* ",rw,memory,": v1's controllers are among them */
	bool v2;
};

/* Those of a mountinfo file (proc(5)) in its order; the caller frees the array. */
int cgroup_hierarchies(const char *mountinfo, struct cgroup_hierarchy **ret, size_t *ret_n,
		       struct err *err);

#endif
