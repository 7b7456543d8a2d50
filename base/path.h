/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside trees that somebody else may write to (root file systems,
 * bundles). Resolution is openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS:
 * symlinks stay inside the root, ".." stops at it. No string
 * arithmetic decides anything.
 */
#ifndef MOAT_BASE_PATH_H
#define MOAT_BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* Opens path inside the tree at rootfd ("/etc" and "etc" are the same). flags as open(2); close-on-exec. */
int path_open_in(int rootfd, const char *path, int flags, mode_t mode);
/* Makes every missing directory of path inside the tree, returns an O_PATH descriptor of the last. */
int path_mkdirs_in(int rootfd, const char *path, mode_t mode, struct err *err);
/* Makes missing parents and an empty regular file; an existing non-directory is kept. Returns O_PATH descriptor. */
int path_touch_in(int rootfd, const char *path, mode_t mode, struct err *err);

/* "a/b" joined with one slash, owned by the caller; NULL on ENOMEM. */
char *path_join(const char *a, const char *b);
/* Lexically cleaned copy ("//a/./b/../c" -> "/a/c"; never above "/"); NULL on ENOMEM. */
char *path_clean(const char *path);
/* mkdir -p on the host; existing directories are kept as they are. 0 or -errno. */
int path_mkdirs(const char *path, mode_t mode, struct err *err);
/* Removes dirfd/name and what is below, following no symlink and crossing no mount. Missing is fine. */
int path_remove_tree(int dirfd, const char *name, struct err *err);
/* Sorted names of what is in the directory, but "." and ".."; a string vector owned by the caller. */
int path_list(int dirfd, char ***ret, struct err *err);
struct stat;
/*
 * Whether nobody but root, or the caller, can change what st describes. way: it is a directory on the way to something, in which
 * others may make files of their own if they cannot touch ours. -EPERM without the name, which is the caller's to add.
 */
int path_check_owner(const struct stat *st, bool way, struct err *err);
/* "/proc/self/fd/N" for calls that want a path. */
struct path_fd {
	char s[32];
};
struct path_fd path_of_fd(int fd);

#endif
