/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/store.h"
#include "tests/unit/unit.h"

static char *dir;

static int open_root(void)
{
	struct err err = {};
	_free_ char *root = NULL;
	int fd;

	dir = unit_mkdtemp();
	root = path_join(dir, "a/b");
	fd = store_open(root, true, &err);
	unit_ok(fd, &err);
	return fd;
}

START_TEST(root_directory)
{
	struct err err = {};
	struct stat st;
	_close_ int fd = open_root();

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(store_open("/nonexistent/x", false, &err), -ENOENT);
	unit_fails(store_open("", true, &err), EINVAL, &err, "--root");
	_free_ char *file = path_join(dir, "file"), *below = path_join(dir, "file/x");
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	unit_fails(store_open(below, true, &err), ENOTDIR, &err, "--root");
	unit_rmdir(dir);
}
END_TEST

START_TEST(claim_once)
{
	_close_ int root = open_root(), a = -EBADF;
	struct err err = {};

	a = store_claim(root, "c1", &err);
	unit_ok(a, &err);
	unit_fails(store_claim(root, "c1", &err), EEXIST, &err,
		   "container with given ID already exists");
	unit_fails(store_claim(root, "../c1", &err), EINVAL, &err, "invalid container ID format");
	unit_fails(store_claim(root, "", &err), EINVAL, &err, "container id cannot be empty");
	unit_fails(store_lock(root, "c1", 20, &err), ETIMEDOUT, &err, "in use by another command");
	unit_fails(store_lock(root, "c2", 20, &err), ENOENT, &err, "container does not exist");
	unit_rmdir(dir);
}
END_TEST

/* A waiter that gets the lock of a directory which was removed meanwhile must not take it for the container. */
START_TEST(lock_of_a_removed_directory)
{
	_close_ int root = open_root();
	struct err err = {};
	int held, status;
	pid_t child;

	held = store_claim(root, "c1", &err);
	unit_ok(held, &err);
	child = fork();
	if (child == 0) {
		close(held); /* the lock belongs to the open file description, which fork shares */
		_exit(store_lock(root, "c1", 5000, &err) == -ENOENT ? 0 : 1);
	}
	usleep(20000); /* lets the child reach its wait; without it the test is weaker, never wrong */
	unit_ok(store_remove(root, "c1", &err), &err);
	close(held);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	unit_rmdir(dir);
}
END_TEST

START_TEST(race_of_claims)
{
	_close_ int root = open_root();
	int i, status, won = 0;

	for (i = 0; i < 16; i++)
		if (fork() == 0)
			_exit(store_claim(root, "same", NULL) >= 0 ? 1 : 0);
	for (i = 0; i < 16; i++) {
		wait(&status);
		won += WEXITSTATUS(status);
	}
	ck_assert_int_eq(won, 1);
	unit_rmdir(dir);
}
END_TEST

START_TEST(listing)
{
	_close_ int root = open_root();
	struct err err = {};
	_strv_ char **ids = NULL;

	mkdirat(root, "b", 0700);
	mkdirat(root, "a", 0700);
	mkdirat(root, "not an id", 0700);
	close(openat(root, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	unit_ok(store_list(root, &ids, &err), &err);
	ck_assert_uint_eq(strv_len(ids), 2);
	ck_assert_str_eq(ids[0], "a");
	ck_assert_str_eq(ids[1], "b");
	unit_rmdir(dir);
}
END_TEST

START_TEST(planted_entries)
{
	_close_ int root = open_root();
	struct err err = {};

	ck_assert_int_eq(symlinkat("/etc", root, "link"), 0);
	unit_fails(store_claim(root, "link", &err), EEXIST, &err, "already exists");
	ck_assert_int_lt(store_get(root, "link", &err), 0);
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("store", root_directory, claim_once, lock_of_a_removed_directory, race_of_claims, listing,
	  planted_entries)
