/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/user.h"
#include "agent/userns.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static void expect_home(const char *passwd, size_t len, uint32_t uid, const char *want)
{
	_close_ int fd = memfd_create("passwd", MFD_CLOEXEC);
	char home[64] = "untouched";

	ck_assert_int_eq(io_write_all(fd, passwd, len), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	user_home(fd, uid, home, sizeof(home));
	ck_assert_str_eq(home, want);
}

START_TEST(mapped_ids)
{
	static const struct oci_id_map map[] = { { 0, 100000, 10 },
						 { 20, 5, 1 },
						 { 4294967000, 7, 290 } };

	ck_assert_uint_eq(userns_outer(map, 3, 0), 100000);
	ck_assert_uint_eq(userns_outer(map, 3, 9), 100009);
	ck_assert_uint_eq(userns_outer(map, 3, 10), USERNS_NONE);
	ck_assert_uint_eq(userns_outer(map, 3, 20), 5);
	ck_assert_uint_eq(userns_outer(map, 3, 21), USERNS_NONE);
	ck_assert_uint_eq(userns_outer(map, 3, 4294967289), 296);
	ck_assert_uint_eq(userns_outer(map, 3, UINT32_MAX), USERNS_NONE);
	ck_assert_uint_eq(userns_outer(NULL, 0, 0), USERNS_NONE);
}
END_TEST

START_TEST(passwd)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
				   "# comment\n"
				   "\n"
				   "short:x:5\n"
				   "bad:x:12x:1::/bad:/bin/sh\n"
				   "negative:x:-7:1::/negative:\n"
				   "empty:x:9:9:::\n"
				   "user:x:1000:1000:A User,,,:/home/user:/bin/sh\n"
				   "twice:x:1000:1000::/home/twice:/bin/sh\n"
				   "big:x:4294967295:0::/big:/bin/sh\n"
				   "over:x:4294967296:0::/over:/bin/sh\n"
				   "last:x:77:77::/home/last"; /* no shell, no end of line */

	expect_home(text, strlen(text), 0, "/root");
	expect_home(text, strlen(text), 1000, "/home/user");
	expect_home(text, strlen(text), 77, "/home/last");
	expect_home(text, strlen(text), 4294967295U, "/big");
	expect_home(text, strlen(text), 5, "/");
	expect_home(text, strlen(text), 9, "/");
	expect_home(text, strlen(text), 12, "/");
	expect_home(text, strlen(text), 123, "/");
	expect_home("", 0, 0, "/");
	expect_home("\0\0\n\0:::0", 8, 0, "/");
}
END_TEST

START_TEST(passwd_long_lines)
{
	_buf_ struct buf b = { 0 };

	/* A line longer than any buffer, ending like a real one: it does not count. */
	for (int i = 0; i < 5000; i++)
		buf_puts(&b, "xy");
	buf_puts(&b, ":x:42:42::/forged:/bin/sh\nreal:x:42:42::/real:/bin/sh\n");
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "user%d:x:%d:1::/home/%d:/bin/sh\n", i, 1000 + i, i);
	ck_assert(buf_ok(&b));
	expect_home(b.data, b.len, 42, "/real");
	expect_home(b.data, b.len, 1999, "/home/999");
}
END_TEST

START_TEST(passwd_in_hostile_root)
{
	char *dir = unit_mkdtemp(), home[64];
	_close_ int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	user_home_in(root, 0, home, sizeof(home));
	ck_assert_str_eq(home, "/");
	ck_assert_int_eq(mkdirat(root, "etc", 0755), 0);
	ck_assert_int_eq(mkfifoat(root, "etc/passwd", 0666), 0);
	user_home_in(root, 0, home, sizeof(home)); /* does not wait */
	ck_assert_str_eq(home, "/");
	ck_assert_int_eq(unlinkat(root, "etc/passwd", 0), 0);
	/* Not the host's, whose root has another home. */
	ck_assert_int_eq(symlinkat("/../../../../etc/passwd", root, "etc/passwd"), 0);
	user_home_in(root, 0, home, sizeof(home));
	ck_assert_str_eq(home, "/");
	unit_rmdir(dir);
}
END_TEST

/* ---- environment ---- */

static char **env_of(char **given, bool terminal, const char *home)
{
	struct oci_process p = { .env = given, .terminal = terminal };
	struct err err = { 0 };
	char **env = NULL;

	unit_ok(user_env(&p, home, &env, &err), &err);
	return env;
}

/* Entries that were added are fresh memory. */
static void free_env(char **env, char **given)
{
	for (size_t i = 0; env[i]; i++) {
		bool borrowed = false;

		for (size_t j = 0; given && given[j]; j++)
			borrowed |= env[i] == given[j];
		if (!borrowed)
			free(env[i]);
	}
	free(env);
}

START_TEST(env_last_counts)
{
	char *given[] = { (char *)"A=1",     (char *)"B=2", (char *)"A=3", (char *)"AB=4",
			  (char *)"HOME=/h", (char *)"B=",  NULL };
	char **env = env_of(given, false, "/x");

	ck_assert_uint_eq(strv_len(env), 4);
	ck_assert_str_eq(env[0], "A=3");
	ck_assert_str_eq(env[1], "B=");
	ck_assert_str_eq(env[2], "AB=4");
	ck_assert_str_eq(env[3], "HOME=/h");
	free_env(env, given);
}
END_TEST

START_TEST(env_additions)
{
	char *given[] = { (char *)"HOME=", NULL };
	char **env = env_of(given, true, "/home/x");

	ck_assert_str_eq(strv_getenv(env, "HOME"), "/home/x");
	ck_assert_str_eq(strv_getenv(env, "TERM"), "xterm");
	ck_assert_uint_eq(strv_len(env), 2);
	free_env(env, given);
	env = env_of(NULL, false, "/");
	ck_assert_uint_eq(strv_len(env), 1);
	free_env(env, NULL);
	char *with_term[] = { (char *)"TERM=vt100", NULL };
	env = env_of(with_term, true, "/");
	ck_assert_str_eq(strv_getenv(env, "TERM"), "vt100");
	free_env(env, with_term);
}
END_TEST

START_TEST(env_bad)
{
	static const char *const bad[] = { "NOEQUALS", "", "=x" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *given[] = { (char *)"A=1", (char *)bad[i], NULL };
		struct oci_process p = { .env = given };
		struct err err = { 0 };
		char **env = NULL;

		unit_fails(user_env(&p, "/", &env, &err), EINVAL, &err,
			   "invalid environment variable: ");
		ck_assert_ptr_null(env);
	}
}
END_TEST

/* failures.md A16: quadratic work would take minutes. */
START_TEST(env_huge)
{
	const size_t n = 200000;
	char **given = calloc(n + 1, sizeof(*given)), **env;
	struct timespec a, b;

	for (size_t i = 0; i < n; i++)
		given[i] = str_printf("NAME%zu=%zu", i / 2, i);
	clock_gettime(CLOCK_MONOTONIC, &a);
	env = env_of(given, false, "/");
	clock_gettime(CLOCK_MONOTONIC, &b);
	ck_assert_int_lt(b.tv_sec - a.tv_sec, 3);
	ck_assert_uint_eq(strv_len(env), n / 2 + 1);
	ck_assert_str_eq(env[n / 2 - 1], given[n - 1]);
	free(env[n / 2]);
	free(env);
	strv_free(given);
}
END_TEST

UNIT_MAIN("agent_user", mapped_ids, passwd, passwd_long_lines, passwd_in_hostile_root,
	  env_last_counts, env_additions, env_bad, env_huge)
