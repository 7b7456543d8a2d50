/* SPDX-License-Identifier: Apache-2.0 */
/* Which bind mounts become memory of the guest. In a mount namespace of the test's own. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "libruntime/shm.h"
#include "tests/unit/unit.h"

static char *dir;

static void begin(void)
{
	dir = unit_mkdtemp();
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("shm", dir, "tmpfs", 0, "size=64k,mode=1770,gid=7"), 0);
}

static void end(void)
{
	ck_assert_int_eq(umount(dir), 0);
	unit_rmdir(dir);
}

static struct shm look(const char *source, const char *destination, bool must_be_empty)
{
	struct oci_mount m = { .source = (char *)source, .destination = (char *)destination };
	_close_ int fd = open(source, O_PATH | O_CLOEXEC);
	struct shm s;

	ck_assert_int_ge(fd, 0);
	shm_look(&m, fd, must_be_empty, &s);
	return s;
}

START_TEST(a_tmpfs)
{
	struct shm s, again;

	begin();
	s = look(dir, "/dev/shm", true);
	ck_assert_str_ne(s.name, "");
	ck_assert_uint_eq(s.size, 65536);
	ck_assert_uint_eq(s.mode, 01770);
	ck_assert_uint_eq(s.uid, 0);
	ck_assert_uint_eq(s.gid, 7);
	again = look(dir, "/dev/shm", false);
	ck_assert_str_eq(again.name, s.name);
	_json_ json_t *told = shm_describe(&s, 3);
	ck_assert_int_eq(js_get_int(told, "index", -1), 3);
	ck_assert_str_eq(js_get_str(told, "memory"), s.name);
	ck_assert_int_eq(js_get_int(told, "mode", -1), 01770);
	end();
}
END_TEST

START_TEST(others)
{
	_free_ char *file = NULL, *sub = NULL;

	begin();
	ck_assert_str_eq(look(dir, "/mnt", true).name, "");
	ck_assert_str_eq(look("/proc", "/dev/shm", false).name, "");
	/* A directory in a tmpfs is a part of something else. */
	sub = str_printf("%s/sub", dir);
	ck_assert_int_eq(mkdir(sub, 0755), 0);
	ck_assert_str_eq(look(sub, "/dev/shm", false).name, "");
	/* It has a name by now that the guest would not see. */
	ck_assert_str_eq(look(dir, "/dev/shm", true).name, "");
	ck_assert_str_ne(look(dir, "/dev/shm", false).name, "");
	file = str_printf("%s/file", dir);
	_close_ int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(look(file, "/dev/shm", false).name, "");
	fd = fd_close(fd);
	end();
}
END_TEST

UNIT_MAIN("shm", a_tmpfs, others)
