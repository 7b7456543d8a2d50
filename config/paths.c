/* SPDX-License-Identifier: Apache-2.0 */
#include "config/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define HELPERS "/libexec/moat" /* below the prefix */
#define LIBRARY "/libmoat.so"

static char *named; /* moat_paths_set() */

static void closep(FILE **f)
{
	if (*f)
		fclose(*f);
}

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

static bool has_helpers(const char *prefix)
{
	_free_ char *helpers = str_printf("%s" HELPERS, prefix);

	return helpers && access(helpers, F_OK) == 0;
}

/* A library may be one further down, in lib/x86_64-linux-gnu. */
static void cut_multiarch(char *prefix)
{
	char *slash = strrchr(prefix, '/');

	if (!slash || has_helpers(prefix))
		return;
	*slash = '\0';
	if (!has_helpers(prefix))
		*slash = '/';
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
		if (strstr(exe, LIBRARY))
			cut_multiarch(dir);
	}
	bin = str_printf("%s/bin", dir);
	helpers = str_printf("%s" HELPERS, dir);
	guest = str_printf("%s/share/moat", dir);
	if (!bin || !helpers || !guest)
		return err_errno(err, ENOMEM, "paths");
	return fill(ret, bin, helpers, guest, err);
}

int moat_paths_set(const char *exe, struct err *err)
{
	_cleanup_(moat_paths_done) struct moat_paths p = { 0 };
	char *copy = NULL;
	int r = exe ? moat_paths_of(exe, &p, err) : 0;

	if (r < 0)
		return r;
	copy = exe ? strdup(exe) : NULL;
	if (exe && !copy)
		return err_errno(err, ENOMEM, "paths");
	free(named);
	named = copy;
	return 0;
}

/* Whether a line of /proc/self/maps, "FROM-TO ...", is the one of that address. */
static bool maps(const char *line, uintptr_t code)
{
	char *end;
	unsigned long from = strtoul(line, &end, 16);

	return *end == '-' && code >= from && code < strtoul(end + 1, NULL, 16);
}

/* As the kernel has it: the dynamic linker knows only the name by which it was asked for. */
static int file_of(const void *code, char **ret)
{
	_cleanup_(closep) FILE *list = fopen("/proc/self/maps", "re");
	_free_ char *line = NULL;
	size_t size = 0;
	char *path;

	if (!list)
		return -errno;
	while (getline(&line, &size, list) > 0) {
		/* Five fields, blanks, and the path, which has the first slash. */
		path = strchr(line, '/');
		if (!path || !maps(line, (uintptr_t)code))
			continue;
		path[strcspn(path, "\n")] = '\0';
		*ret = strdup(path);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

int moat_paths(struct moat_paths *ret, struct err *err)
{
	_free_ char *file = NULL;
	int r;

	if (named)
		return moat_paths_of(named, ret, err);
	r = file_of((const void *)moat_paths_of, &file);
	if (!file)
		return err_errno(err, -r, "find moat's own file in '/proc/self/maps'");
	/* Of a file that was replaced meanwhile " (deleted)" follows the name, which is cut off anyway. */
	return moat_paths_of(file, ret, err);
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
