/* SPDX-License-Identifier: Apache-2.0 */
#include "config/paths.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define HELPERS "/libexec/moat" /* below the prefix */

/* Cuts the last component off: "/a/b" -> "/a", "/a" -> "". */
static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

static int fill(struct moat_paths *ret, const char *bin, const char *helpers, const char *guest,
		struct err *err)
{
	_cleanup_(moat_paths_done) struct moat_paths p = {
		.program = str_printf("%s/moat", bin),
		.monitor = str_printf("%s/moat-monitor", helpers),
		.standin = str_printf("%s/moat-standin", helpers),
		.kernel = str_printf("%s/vmlinux", guest),
		.initrd = str_printf("%s/initramfs.cpio", guest),
	};

	if (!p.program || !p.monitor || !p.standin || !p.kernel || !p.initrd)
		return err_errno(err, ENOMEM, "paths");
	*ret = p;
	p = (struct moat_paths){ 0 };
	return 0;
}

int moat_paths_of(const char *exe, struct moat_paths *ret, struct err *err)
{
	_free_ char *dir = strdup(exe), *monitor = NULL, *bin = NULL, *helpers = NULL, *guest = NULL;

	if (!dir)
		return err_errno(err, ENOMEM, "paths");
	if (exe[0] != '/')
		return err_set(err, EINVAL, "'%s' is not an absolute path", exe);
	cut_last(dir);
	monitor = str_printf("%s/moat-monitor", dir);
	if (!monitor)
		return err_errno(err, ENOMEM, "paths");
	if (str_has_suffix(dir, HELPERS)) {
		dir[strlen(dir) - strlen(HELPERS)] = '\0';
	} else if (access(monitor, F_OK) == 0) {
		helpers = take_ptr(dir);
		dir = strdup(helpers);
		if (dir)
			cut_last(dir);
		guest = dir ? str_printf("%s/guest", dir) : NULL;
		return guest ? fill(ret, helpers, helpers, guest, err) :
			       err_errno(err, ENOMEM, "paths");
	} else {
		cut_last(dir);
	}
	bin = str_printf("%s/bin", dir);
	helpers = str_printf("%s" HELPERS, dir);
	guest = str_printf("%s/share/moat", dir);
	if (!bin || !helpers || !guest)
		return err_errno(err, ENOMEM, "paths");
	return fill(ret, bin, helpers, guest, err);
}

int moat_paths(struct moat_paths *ret, struct err *err)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return err_errno(err, errno, "readlink '/proc/self/exe'");
	/* Of a program that was replaced meanwhile " (deleted)" follows the name, which is cut off anyway. */
	exe[n] = '\0';
	return moat_paths_of(exe, ret, err);
}

void moat_paths_done(struct moat_paths *p)
{
	free(p->program);
	free(p->monitor);
	free(p->standin);
	free(p->kernel);
	free(p->initrd);
	*p = (struct moat_paths){ 0 };
}
