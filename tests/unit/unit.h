/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test program shares. A program is a list of tests and
 *
 *	UNIT_MAIN("json", parse_numbers, parse_depth, ...)
 *
 * as its last line. Check forks for each test; a test that hangs is killed
 * after UNIT_TIMEOUT seconds (define it before the include for another).
 */
#ifndef MOAT_TESTS_UNIT_H
#define MOAT_TESTS_UNIT_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/path.h"

#ifndef UNIT_TIMEOUT
#define UNIT_TIMEOUT 30
#endif

static inline int unit_run(const char *name, const TTest *const *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, UNIT_TIMEOUT);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define UNIT_MAIN(name, ...)                                                    \
	int main(void)                                                          \
	{                                                                       \
		const TTest *const tests[] = { __VA_ARGS__ };                   \
                                                                                \
		return unit_run(name, tests, sizeof(tests) / sizeof(tests[0])); \
	}

/* UNIT_MAIN() of tests that need root. */
#define UNIT_MAIN_ROOT(name, ...)                                                       \
	int main(void)                                                                  \
	{                                                                               \
		const TTest *const tests[] = { __VA_ARGS__ };                           \
                                                                                        \
		if (geteuid() != 0)                                                     \
			printf("%s: not root, nothing is tested\n", name);              \
		return unit_run(name, tests,                                            \
				geteuid() != 0 ? 0 : sizeof(tests) / sizeof(tests[0])); \
	}

/* r is what a function with a struct err gave: fails with its message. */
#define unit_ok(r, err)                                            \
	do {                                                       \
		long _r = (long)(r);                               \
		ck_assert_msg(_r >= 0, "%ld: %s", _r, (err)->msg); \
	} while (0)

/* The code and a part of the message. */
#define unit_fails(r, want, err, part)                                                             \
	do {                                                                                       \
		long _r = (long)(r);                                                               \
		ck_assert_msg(_r == -(long)(want), "got %ld (%s), not %ld", _r, (err)->msg,        \
			      -(long)(want));                                                      \
		ck_assert_int_eq((err)->code, want);                                               \
		ck_assert_msg(strstr((err)->msg, part) != NULL, "\"%s\" lacks \"%s\"", (err)->msg, \
			      part);                                                               \
	} while (0)

/* Open descriptors of this process; compare before and after. */
static inline int unit_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -1; /* its own */

	ck_assert_ptr_nonnull(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* A fresh directory, removed with unit_rmdir(). */
static inline char *unit_mkdtemp(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = path_join(tmp ? tmp : "/tmp", "moat-unit-XXXXXX");

	ck_assert_ptr_nonnull(path);
	ck_assert_ptr_nonnull(mkdtemp(path));
	return path;
}

static inline void unit_rmdir(char *path)
{
	struct err err = { 0 };

	unit_ok(path_remove_tree(-100 /* AT_FDCWD */, path, &err), &err);
	free(path);
}

#endif
