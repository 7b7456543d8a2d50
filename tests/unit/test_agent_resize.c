/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's processors, as the kernel shows them. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/resize.h"
#include "base/cleanup.h"
#include "base/io.h"

static char *dir;

static void make(const char *name, const char *online)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *file = path ? path_join(path, "online") : NULL;
	struct err err = {};

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	if (online)
		unit_ok(io_write_file(AT_FDCWD, file, online, strlen(online), 0644, false, &err),
			&err);
}

static void is(const char *name, const char *want)
{
	_free_ char *path = path_join(dir, name);
	_free_ char *text = NULL;
	struct err err = {};

	unit_ok(io_read_file(AT_FDCWD, path, 16, &text, NULL, &err), &err);
	/* A file of /sys is as it was written. */
	ck_assert_int_eq(text[0], want[0]);
}

START_TEST(all_are_used)
{
	struct err err = {};

	dir = unit_mkdtemp();
	make("cpu0", NULL); /* it cannot be switched off */
	make("cpu1", "1\n");
	make("cpu2", "0\n");
	make("cpu10", "0\n");
	make("cpufreq", "0\n");
	make("cpu", "0\n");
	make("cpuidle", NULL);
	make("power", "0\n");
	ck_assert_int_eq(resize_online_cpus(dir, &err), 4);
	is("cpu2/online", "1");
	is("cpu10/online", "1");
	is("cpufreq/online", "0");
	is("cpu/online", "0");
	ck_assert_int_eq(resize_online_cpus(dir, &err), 4);
	unit_rmdir(dir);
}
END_TEST

START_TEST(refusals)
{
	struct err err = {};

	unit_fails(resize_online_cpus("/nonexistent", &err), ENOENT, &err, "/nonexistent");
	dir = unit_mkdtemp();
	make("cpu3", NULL);
	_free_ char *file = path_join(dir, "cpu3/online");
	ck_assert_int_eq(mkdir(file, 0755), 0);
	ck_assert_int_lt(resize_online_cpus(dir, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "cpu3"));
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("agent_resize", all_are_used, refusals)
