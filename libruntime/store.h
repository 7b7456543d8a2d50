/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory: <root>/<id>/, claimed by mkdir(2), locked by flock(2) on
 * the directory itself. A lock is only valid while the locked directory is still the
 * one at that path; the functions here see to it.
 */
#ifndef MOAT_LIBRUNTIME_STORE_H
#define MOAT_LIBRUNTIME_STORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Opens the root; create: made with mode 0700 if missing. -ENOENT without a message otherwise. */
int store_open(const char *root, bool create, struct err *err);
/* Its absolute path: what others find it by. */
int store_path(int root_fd, char ret[PATH_MAX], struct err *err);
/* Claims an id: a new, locked, empty directory. -EEXIST in runc's words. Returns its descriptor. */
int store_claim(int root_fd, const char *id, struct err *err);
/* Opens an existing id without lock. -ENOENT in runc's words. */
int store_get(int root_fd, const char *id, struct err *err);
/* Opens and locks an existing id, waiting up to timeout_ms (-ETIMEDOUT). Returns its descriptor. */
int store_lock(int root_fd, const char *id, int timeout_ms, struct err *err);
/* Removes the directory of a locked id; the lock ends with the descriptor. */
int store_remove(int root_fd, const char *id, struct err *err);
/* Sorted vector of ids, owned by the caller. */
int store_list(int root_fd, char ***ret, struct err *err);

#endif
