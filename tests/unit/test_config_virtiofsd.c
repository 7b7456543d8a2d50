/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "config/virtiofsd.h"
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
	unit_fails(virtiofsd_probe(path, &kind, &err), EACCES, &err, "not an executable file");
	ck_assert_int_eq(chmod(path, 0755), 0);
	free(write_program(dir, ""));
	unit_fails(virtiofsd_probe(path, &kind, &err), EACCES, &err, "not an executable file");
	unit_fails(virtiofsd_probe("/nonexistent", &kind, &err), ENOENT, &err,
		   "virtio_fs_daemon: open '/nonexistent'");
	unit_fails(virtiofsd_probe(dir, &kind, &err), EINVAL, &err, "is not a regular file");
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("config_virtiofsd", kinds)
