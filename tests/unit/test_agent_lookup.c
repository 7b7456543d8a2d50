/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "agent/lookup.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static char *dir;

static void make(const char *name, mode_t mode)
{
	_free_ char *path = path_join(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void set_up(void)
{
	dir = unit_mkdtemp();
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(mkdir("bin", 0755), 0);
	ck_assert_int_eq(mkdir("sbin", 0755), 0);
	ck_assert_int_eq(mkdir("sbin/tool", 0755), 0);
	make("bin/tool", 0755);
	make("bin/data", 0644);
	make("sbin/data", 0755);
}

/* env: the value of PATH, "@" standing for the directory; NULL: no PATH. */
static int find(const char *name, const char *path, char **ret, struct err *err)
{
	_buf_ struct buf b = { 0 };
	char *env[] = { (char *)"OTHER=x", NULL, NULL };

	for (const char *p = path; p && *p; p++)
		if (*p == '@')
			buf_puts(&b, dir);
		else
			buf_append(&b, p, 1);
	_free_ char *entry = str_printf("PATH=%s", b.data ? b.data : "");
	if (path)
		env[1] = entry;
	return exec_lookup(name, env, ret, err);
}

static void expect_found(const char *name, const char *path, const char *want)
{
	_free_ char *got = NULL, *full = path_join(dir, want);
	struct err err = { 0 };

	unit_ok(find(name, path, &got, &err), &err);
	ck_assert_str_eq(got, *name == '.' ? name : full);
}

static void expect_error(const char *name, const char *path, int code, const char *msg)
{
	struct err err = { 0 };
	char *got = NULL;

	ck_assert_int_eq(find(name, path, &got, &err), -code);
	ck_assert_str_eq(err.msg, msg);
	ck_assert_ptr_null(got);
}

START_TEST(in_path)
{
	set_up();
	expect_found("tool", "@/bin", "bin/tool");
	expect_found("tool", "/nonexistent:@/sbin:@/bin", "bin/tool"); /* a directory is no program */
	expect_found("data", "@/bin:@/sbin", "sbin/data"); /* nor a file without x */
	expect_found("tool", ":::@/bin/", "bin/tool");
	unit_rmdir(dir);
}
END_TEST

START_TEST(not_in_path)
{
	static const char msg[] = "exec: \"none\": executable file not found in $PATH";

	set_up();
	expect_error("none", "@/bin:@/sbin", ENOENT, msg);
	expect_error("none", "", ENOENT, msg);
	expect_error("none", NULL, ENOENT, msg);
	expect_error("", "@/bin", ENOENT, "exec: \"\": executable file not found in $PATH");
	expect_error("data", "@/bin", ENOENT, "exec: \"data\": executable file not found in $PATH");
	ck_assert_int_eq(chdir("bin"), 0);
	expect_error("tool", ":@/sbin", EACCES,
		     "exec: \"tool\": cannot run executable found relative to current directory");
	unit_rmdir(dir);
}
END_TEST

START_TEST(with_slash)
{
	set_up();
	expect_found("./bin/tool", NULL, "");
	expect_error("./bin/none", NULL, ENOENT,
		     "exec: \"./bin/none\": stat ./bin/none: no such file or directory");
	expect_error("./bin/data", NULL, EACCES, "exec: \"./bin/data\": permission denied");
	expect_error("/", NULL, EACCES, "exec: \"/\": permission denied");
	expect_error("./bin/tool/x", NULL, ENOTDIR,
		     "exec: \"./bin/tool/x\": stat ./bin/tool/x: not a directory");
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("agent_lookup", in_path, not_in_path, with_slash)
