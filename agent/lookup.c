/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"

/* 0, or -errno; *ret_stat_failed tells a file that is not there from one that cannot be run. */
static int check_executable(const char *path, bool *ret_stat_failed)
{
	struct stat st;

	*ret_stat_failed = stat(path, &st) < 0;
	if (*ret_stat_failed)
		return -errno;
	if (S_ISDIR(st.st_mode) || !(st.st_mode & 0111))
		return -EACCES;
	/* Also refuses what lies on a file system mounted noexec. */
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int lookup_path(const char *name, const char *path, char **ret, struct err *err)
{
	bool gone;

	for (const char *p = path; p && *p;) {
		size_t n = strcspn(p, ":");
		_free_ char *dir = n > 0 ? strndup(p, n) : strdup(".");
		_free_ char *file = dir ? path_join(dir, name) : NULL;

		if (!file)
			return err_errno(err, ENOMEM, "exec: \"%s\"", name);
		if (check_executable(file, &gone) == 0) {
			if (*file != '/')
				return err_set(err, EACCES,
					       "exec: \"%s\": cannot run executable found relative to "
					       "current directory",
					       name);
			*ret = take_ptr(file);
			return 0;
		}
		p += n;
		p += *p == ':';
	}
	return err_set(err, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

int exec_lookup(const char *name, char *const *env, char **ret_path, struct err *err)
{
	bool gone;
	int r;

	if (!strchr(name, '/'))
		return lookup_path(name, strv_getenv(env, "PATH"), ret_path, err);
	r = check_executable(name, &gone);
	if (r < 0 && gone)
		return err_set(err, -r, "exec: \"%s\": stat %s: %s", name, name, err_str(-r));
	if (r < 0)
		return err_set(err, -r, "exec: \"%s\": %s", name, err_str(-r));
	_free_ char *copy = strdup(name);
	if (!copy)
		return err_errno(err, ENOMEM, "exec: \"%s\"", name);
	*ret_path = take_ptr(copy);
	return 0;
}
