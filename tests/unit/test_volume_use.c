/* SPDX-License-Identifier: Apache-2.0 */
/* Who uses a volume: believed while the container's monitor lives. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/state.h"
#include "libruntime/store.h"
#include "libruntime/volume_use.h"

static char *top, *dir, *root, *other;
static int fd;

static void setup(void)
{
	top = unit_mkdtemp();
	dir = path_join(top, "volume");
	root = path_join(top, "root");
	other = path_join(top, "other");
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_eq(mkdir(root, 0700), 0);
	ck_assert_int_eq(mkdir(other, 0700), 0);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	close(fd);
	free(dir);
	free(root);
	free(other);
	unit_rmdir(top);
}

/* A container whose monitor is this process, or one that has never been. */
static void make_container(const char *where, const char *id, bool alive)
{
	struct state s = { .id = (char *)id,
			   .phase = (char *)"running",
			   .bundle = (char *)"/b",
			   .rootfs = (char *)"/r",
			   .created = (char *)"now" };
	char boot_id[37];
	struct err err = { 0 };
	_close_ int all = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_close_ int mine = store_claim(all, id, &err);

	unit_ok(mine, &err);
	unit_ok(proc_boot_id(boot_id), &err);
	s.boot_id = boot_id;
	s.monitor.pid = alive ? getpid() : 0;
	unit_ok(proc_start_time(getpid(), &s.monitor.start), &err);
	unit_ok(state_save(mine, &s, &err), &err);
}

static int use(const char *where, const char *id, bool readonly, struct err *err)
{
	const struct volume_use u = { .id = (char *)id,
				      .root = (char *)where,
				      .device = 2,
				      .index = 5,
				      .readonly = readonly };

	return volume_use_add(fd, &u, err);
}

static size_t count(void)
{
	struct volume_use *list = NULL;
	struct err err = { 0 };
	size_t n = 99;

	unit_ok(volume_use_list(fd, &list, &n, &err), &err);
	volume_use_list_free(list, n);
	return n;
}

START_TEST(one_writer_or_readers)
{
	struct volume_use *list = NULL;
	struct err err = { 0 };
	size_t n = 0;

	setup();
	make_container(root, "a", true);
	make_container(root, "b", true);
	make_container(root, "c", true);
	unit_ok(use(root, "a", true, &err), &err);
	unit_ok(use(root, "b", true, &err), &err);
	unit_fails(use(root, "c", false, &err), EBUSY, &err, "in use by container 'a' in");
	ck_assert_ptr_nonnull(strstr(err.msg, "(read-only)"));
	/* Said again, and of another root */
	unit_ok(use(root, "a", true, &err), &err);
	make_container(other, "a", true);
	unit_fails(use(other, "a", true, &err), EBUSY, &err, "in use by container 'a' in");
	unit_ok(volume_use_list(fd, &list, &n, &err), &err);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(list[0].id, "a");
	ck_assert_str_eq(list[0].root, root);
	ck_assert_uint_eq(list[0].device, 2);
	ck_assert_uint_eq(list[0].index, 5);
	ck_assert_ptr_null(list[0].name);
	volume_use_list_free(list, n);
	volume_use_drop((char *const[]){ dir, NULL }, "a", other);
	ck_assert_uint_eq(count(), 2);
	volume_use_drop((char *const[]){ dir, NULL }, "a", root);
	volume_use_drop((char *const[]){ dir, (char *)"/nonexistent", NULL }, "b", root);
	unit_ok(use(root, "c", false, &err), &err);
	unit_fails(use(root, "a", true, &err), EBUSY, &err, "in use by container 'c' in");
	teardown();
}
END_TEST

START_TEST(the_dead_block_nobody)
{
	struct err err = { 0 };
	_close_ int all = -EBADF, held = -EBADF;

	setup();
	make_container(root, "dead", false);
	unit_ok(use(root, "dead", false, &err), &err);
	unit_ok(use(root, "gone", false, &err), &err);
	make_container(root, "a", true);
	unit_ok(use(root, "a", false, &err), &err);
	ck_assert_uint_eq(count(), 1);
	/* Still being made: nothing is recorded, but its command holds the lock. */
	all = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	held = store_claim(all, "new", &err);
	unit_ok(held, &err);
	volume_use_drop((char *const[]){ dir, NULL }, "a", root);
	unit_ok(use(root, "new", false, &err), &err);
	unit_fails(use(root, "a", true, &err), EBUSY, &err, "container 'new'");
	close(take_fd(held));
	unit_ok(use(root, "a", true, &err), &err);
	teardown();
}
END_TEST

START_TEST(plugged_in)
{
	struct volume_use u = { .id = (char *)"a", .device = 1, .index = 3 };
	struct volume_use *list = NULL;
	struct err err = { 0 };
	size_t n = 0;

	setup();
	u.root = root;
	make_container(root, "a", true);
	/* First that it will be, then as what. */
	unit_ok(volume_use_add(fd, &u, &err), &err);
	u.name = (char *)"blk7";
	unit_ok(volume_use_add(fd, &u, &err), &err);
	unit_ok(volume_use_list(fd, &list, &n, &err), &err);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(list[0].name, "blk7");
	volume_use_list_free(list, n);
	teardown();
}
END_TEST

START_TEST(other_files)
{
	static const char *const texts[] = { "", "{}", "[]", "{\"root\":7}", "{\"root\":\"/r\"}" };
	struct err err = { 0 };

	setup();
	make_container(root, "a", true);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		/* An empty file is what Kata leaves. */
		unit_ok(io_write_file(fd, "a", texts[i], strlen(texts[i]), 0600, false, &err), &err);
		ck_assert_uint_eq(count(), 0);
	}
	ck_assert_int_eq(faccessat(fd, "a", F_OK, 0), 0);
	unit_fails(use(root, "mountInfo.json", true, &err), EINVAL, &err, "cannot use volumes");
	teardown();
}
END_TEST

UNIT_MAIN("volume_use", one_writer_or_readers, the_dead_block_nobody, plugged_in, other_files)
