/* SPDX-License-Identifier: Apache-2.0 */
/* fsGroup in a volume whose contents are hostile. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/volume.h"
#include "base/cleanup.h"
#include "base/io.h"

#define GROUP 4321u

static char *top, *volume;

static void setup(void)
{
	top = unit_mkdtemp();
	volume = path_join(top, "volume");
	ck_assert_int_eq(mkdir(volume, 0755), 0);
}

static void teardown(void)
{
	free(volume);
	unit_rmdir(top);
}

static int set(bool on_mismatch, struct err *err)
{
	_close_ int fd = open(volume, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return volume_set_group(fd, GROUP, on_mismatch, err);
}

static void expect(const char *name, unsigned int gid, mode_t mode)
{
	_free_ char *path = path_join(volume, name);
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_msg(st.st_gid == gid, "%s: group %u", name, st.st_gid);
	ck_assert_msg(S_ISLNK(st.st_mode) || (st.st_mode & 07777) == mode, "%s: mode %o", name,
		      st.st_mode & 07777);
}

static void make_file(const char *dir, const char *name, mode_t mode)
{
	_free_ char *path = path_join(dir, name);
	struct err err = { 0 };

	unit_ok(io_write_file(AT_FDCWD, path, "", 0, mode, false, &err), &err);
}

START_TEST(group)
{
	_free_ char *dir = NULL, *link = NULL, *dangling = NULL, *out = NULL;
	struct err err = { 0 };
	struct stat st;

	if (geteuid() != 0)
		return; /* nobody else can give files to any group */
	setup();
	dir = path_join(volume, "dir");
	link = path_join(volume, "link");
	dangling = path_join(volume, "dangling");
	out = path_join(top, "outside");
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	make_file(dir, "file", 0600);
	make_file(volume, "program", 0755);
	make_file(top, "outside", 0600);
	ck_assert_int_eq(symlink("../outside", link), 0);
	ck_assert_int_eq(symlink("/nonexistent", dangling), 0);
	unit_ok(set(true, &err), &err);
	expect(".", GROUP, 02775);
	expect("dir", GROUP, 02770);
	expect("dir/file", GROUP, 0660);
	expect("program", GROUP, 0775);
	expect("link", GROUP, 0);
	expect("dangling", GROUP, 0);
	ck_assert_int_eq(stat(out, &st), 0);
	ck_assert(st.st_gid != GROUP && (st.st_mode & 07777) == 0600);
	/* A root that is right is left alone, with all that is in it, if that is asked for. */
	make_file(dir, "later", 0600);
	unit_ok(set(true, &err), &err);
	expect("dir/later", GROUP, 0600);
	unit_ok(set(false, &err), &err);
	expect("dir/later", GROUP, 0660);
	teardown();
}
END_TEST

START_TEST(too_deep)
{
	struct err err = { 0 };
	int fd;

	if (geteuid() != 0)
		return;
	setup();
	fd = open(volume, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(mkdirat(fd, "d", 0755), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		ck_assert_int_ge(next, 0);
		close(fd);
		fd = next;
	}
	close(fd);
	unit_fails(set(false, &err), ELOOP, &err, "nested deeper than 128");
	teardown();
}
END_TEST

UNIT_MAIN("agent_volume", group, too_deep)
