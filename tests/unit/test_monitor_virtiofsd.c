/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "monitor/virtiofsd.h"
#include "tests/unit/unit.h"

static char *write_program(const char *dir, const char *content)
{
	char *path = path_join(dir, "virtiofsd");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io_write_all(fd, content, strlen(content)), 0);
	close(fd);
	return path;
}

START_TEST(kinds)
{
	enum virtiofsd_kind kind;
	struct err err = {};
	char *dir = unit_mkdtemp();
	_free_ char *path = write_program(dir, "ELF ... --shared-dir <shared-dir> ...");

	unit_ok(virtiofsd_probe(path, &kind, &err), &err);
	ck_assert_int_eq(kind, VIRTIOFSD_RUST);
	free(write_program(dir, "ELF ... -o source=PATH ..."));
	unit_ok(virtiofsd_probe(path, &kind, &err), &err);
	ck_assert_int_eq(kind, VIRTIOFSD_C);
	ck_assert_int_eq(chmod(path, 0644), 0);
	unit_fails(virtiofsd_probe("/nonexistent", &kind, &err), ENOENT, &err,
		   "virtio_fs_daemon '/nonexistent'");
	unit_fails(virtiofsd_probe(dir, &kind, &err), EACCES, &err, "not an executable file");
	unit_rmdir(dir);
}
END_TEST

static bool has(char *const *v, const char *s)
{
	for (; *v; v++)
		if (strcmp(*v, s) == 0)
			return true;
	return false;
}

START_TEST(arguments)
{
	char program[] = "/usr/lib/x", cache[] = "never", option[] = "--thread-pool-size=1";
	char *extra[] = { option, NULL };
	struct vm_setup s = { .virtiofsd = program,
			      .virtiofs_cache = cache,
			      .virtiofsd_args = extra };
	struct err err = {};
	_strv_ char **c = NULL;
	_strv_ char **rust = NULL;

	unit_ok(virtiofsd_argv(&s, VIRTIOFSD_C, 3, &c, &err), &err);
	ck_assert_str_eq(c[0], "/usr/lib/x");
	ck_assert(has(c, "--fd=3") && has(c, "source=/share") && has(c, "sandbox=namespace") &&
		  has(c, "-ocache=none"));
	ck_assert(has(c, "--thread-pool-size=1"));
	unit_ok(virtiofsd_argv(&s, VIRTIOFSD_RUST, 3, &rust, &err), &err);
	ck_assert(has(rust, "--fd=3") && has(rust, "--shared-dir") && has(rust, "/share") &&
		  has(rust, "--cache=never"));
	ck_assert(!has(rust, "-o"));
}
END_TEST

UNIT_MAIN("monitor_virtiofsd", kinds, arguments)
