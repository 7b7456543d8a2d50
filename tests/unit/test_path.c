/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"
#include "tests/unit/unit.h"

/* <top>/root is the tree, <top>/secret must never be reached. */
static char *top;
static int top_fd, root;
static struct err err;

static void make_tree(void)
{
	top = unit_mkdtemp();
	top_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	umask(022);
	ck_assert_int_eq(mkdirat(top_fd, "root", 0755), 0);
	ck_assert_int_eq(mkdirat(top_fd, "secret", 0755), 0);
	unit_ok(io_write_file(top_fd, "secret/f", "secret", 6, 0644, false, &err), &err);
	root = openat(top_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
}

static void drop_tree(void)
{
	close(root);
	close(top_fd);
	unit_rmdir(top);
}

static bool same(int fd, int dirfd, const char *name)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dirfd, name, &b, 0) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

START_TEST(open_in_stays_inside)
{
	_free_ char *absolute = NULL;
	int fd;

	make_tree();
	absolute = path_join(top, "secret");
	ck_assert_int_eq(symlinkat(absolute, root, "abs"), 0);
	ck_assert_int_eq(symlinkat("../secret", root, "rel"), 0);
	ck_assert_int_eq(symlinkat("../../../../secret/f", root, "deep"), 0);
	ck_assert_int_eq(symlinkat("loop", root, "loop"), 0);
	ck_assert_int_eq(symlinkat("/", root, "top"), 0);
	ck_assert_int_eq(path_open_in(root, "abs", O_PATH, 0), -ENOENT);
	ck_assert_int_eq(path_open_in(root, "rel", O_PATH, 0), -ENOENT);
	ck_assert_int_eq(path_open_in(root, "/rel/f", O_RDONLY, 0), -ENOENT);
	ck_assert_int_eq(path_open_in(root, "deep", O_RDONLY, 0), -ENOENT);
	ck_assert_int_eq(path_open_in(root, "../secret/f", O_RDONLY, 0), -ENOENT);
	ck_assert_int_eq(path_open_in(root, "loop", O_RDONLY, 0), -ELOOP);
	ck_assert_int_eq(path_open_in(root, "", O_PATH, 0), -ENOENT);
	/* ".." and links to "/" end at the root of the tree. */
	static const char *const roots[] = { "/", ".", "..", "../..", "/../../", "top", "top/top/.." };
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		fd = path_open_in(root, roots[i], O_PATH, 0);
		ck_assert_msg(fd >= 0 && same(fd, top_fd, "root"), "%s", roots[i]);
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
	}
	drop_tree();
}
END_TEST

START_TEST(open_in_creates_and_refuses_magic)
{
	int fd;

	make_tree();
	/* The link's target is made inside the tree. */
	ck_assert_int_eq(symlinkat("/f", root, "link"), 0);
	fd = path_open_in(root, "/link", O_CREAT | O_WRONLY, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert(same(fd, root, "f"));
	close(fd);
	/* A mode without O_CREAT is not an error. */
	fd = path_open_in(root, "f", O_RDONLY, 0640);
	ck_assert_int_ge(fd, 0);
	close(fd);
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(path_open_in(proc, "self/root", O_PATH, 0), -ELOOP);
	ck_assert_int_eq(path_open_in(proc, "self/cwd", O_PATH, 0), -ELOOP);
	close(proc);
	drop_tree();
}
END_TEST

/* Somebody renames directories all the time: no answer may be outside. */
START_TEST(open_in_under_attack)
{
	make_tree();
	ck_assert_int_eq(mkdirat(root, "a", 0755), 0);
	ck_assert_int_eq(mkdirat(root, "a/b", 0755), 0);
	ck_assert_int_eq(mkdirat(root, "a/b/c", 0755), 0);
	pid_t pid = fork();
	if (pid == 0) {
		for (;;) {
			renameat(root, "a/b", top_fd, "moved");
			renameat(top_fd, "moved", root, "a/b");
		}
	}
	int good = 0;
	for (int i = 0; i < 20000; i++) {
		int fd = path_open_in(root, "a/b/c/../../../../secret/f", O_RDONLY, 0);

		ck_assert_msg(fd == -ENOENT || fd == -EAGAIN || fd == -EXDEV, "%d", fd);
		fd = path_open_in(root, "a/b/c/..", O_PATH, 0);
		if (fd >= 0) {
			good++;
			close(fd);
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert_int_gt(good, 0);
	drop_tree();
}
END_TEST

START_TEST(mkdirs_in)
{
	struct stat st;
	int fd, fds;

	make_tree();
	fds = unit_count_fds();
	fd = path_mkdirs_in(root, "/a/b//c/", 0750, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, root, "a/b/c"));
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_PATH, 0);
	close(fd);
	ck_assert_int_eq(fstatat(root, "a", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	fd = path_mkdirs_in(root, "a/b/c", 0700, &err); /* kept as it is */
	unit_ok(fd, &err);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0750);
	close(fd);
	fd = path_mkdirs_in(root, "a/../../x/../y", 0755, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, root, "y"));
	close(fd);
	fd = path_mkdirs_in(root, "/", 0755, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, top_fd, "root"));
	close(fd);
	unit_ok(io_write_file(root, "file", "", 0, 0644, false, &err), &err);
	unit_fails(path_mkdirs_in(root, "file", 0755, &err), ENOTDIR, &err, "make directory 'file'");
	unit_fails(path_mkdirs_in(root, "file/x", 0755, &err), ENOTDIR, &err, "not a directory");
	unit_fails(path_mkdirs_in(root, "", 0755, &err), ENOENT, &err, "make directory ''");
	ck_assert_int_eq(unit_count_fds(), fds);
	drop_tree();
}
END_TEST

/* Links, dangling ones too, lead to directories inside the tree. */
START_TEST(mkdirs_in_links)
{
	int fd, fds;

	make_tree();
	fds = unit_count_fds();
	ck_assert_int_eq(mkdirat(root, "var", 0755), 0);
	ck_assert_int_eq(symlinkat("/run", root, "var/run"), 0);
	ck_assert_int_eq(symlinkat("../../../secret/new", root, "var/out"), 0);
	ck_assert_int_eq(symlinkat("other", root, "var/chain"), 0);
	ck_assert_int_eq(symlinkat("./x/../z", root, "var/other"), 0);
	ck_assert_int_eq(symlinkat("b", root, "a"), 0);
	ck_assert_int_eq(symlinkat("a", root, "b"), 0);
	fd = path_mkdirs_in(root, "var/run/secrets", 0755, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, root, "run/secrets"));
	close(fd);
	fd = path_mkdirs_in(root, "var/out/dir", 0755, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, root, "secret/new/dir"));
	ck_assert_int_lt(faccessat(top_fd, "secret/new", F_OK, 0), 0);
	close(fd);
	fd = path_mkdirs_in(root, "var/chain/end", 0755, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, root, "var/z/end"));
	close(fd);
	unit_fails(path_mkdirs_in(root, "a/c", 0755, &err), ELOOP, &err, "too many levels");
	/* A link that grows the path without end. */
	ck_assert_int_eq(symlinkat("grow/more", root, "grow"), 0);
	ck_assert_int_lt(path_mkdirs_in(root, "grow/x", 0755, &err), 0);
	ck_assert_int_eq(unit_count_fds(), fds);
	drop_tree();
}
END_TEST

START_TEST(touch_in)
{
	struct stat st;
	int fd, fds;

	make_tree();
	fds = unit_count_fds();
	fd = path_touch_in(root, "/etc/deep/hosts", 0644, &err);
	unit_ok(fd, &err);
	ck_assert_int_eq(fstatat(root, "etc/deep/hosts", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0644);
	close(fd);
	/* What exists and is no directory is kept: content, kind and mode. */
	unit_ok(io_write_file(root, "f", "data", 4, 0600, false, &err), &err);
	fd = path_touch_in(root, "f", 0644, &err);
	unit_ok(fd, &err);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	close(fd);
	ck_assert_int_eq(mkfifoat(root, "fifo", 0600), 0);
	fd = path_touch_in(root, "fifo", 0644, &err);
	unit_ok(fd, &err);
	close(fd);
	/* Dangling links, whose way out ends in the tree. */
	ck_assert_int_eq(symlinkat("/etc/resolv", root, "etc/link"), 0);
	fd = path_touch_in(root, "etc/link", 0644, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, root, "etc/resolv"));
	close(fd);
	ck_assert_int_eq(symlinkat("../../new", root, "out"), 0);
	fd = path_touch_in(root, "out", 0644, &err);
	unit_ok(fd, &err);
	ck_assert(same(fd, root, "new"));
	close(fd);
	unit_fails(path_touch_in(root, "etc", 0644, &err), EISDIR, &err,
		   "make file 'etc': is a directory");
	unit_fails(path_touch_in(root, "/", 0644, &err), EISDIR, &err, "is a directory");
	unit_fails(path_touch_in(root, "none/", 0644, &err), EINVAL, &err, "make file 'none/'");
	unit_fails(path_touch_in(root, "none/..", 0644, &err), EINVAL, &err, "make file");
	unit_fails(path_touch_in(root, "", 0644, &err), EINVAL, &err, "make file ''");
	unit_fails(path_touch_in(root, "f/x", 0644, &err), ENOTDIR, &err, "not a directory");
	ck_assert_int_eq(unit_count_fds(), fds);
	drop_tree();
}
END_TEST

static const char *const joined[][3] = {
	{ "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "a//", "//b", "a/b" },
	{ "/", "b", "/b" },  { "//", "/b", "/b" }, { "", "b", "b" },
	{ "", "/b", "/b" },  { "a", "", "a" },     { "/", "", "/" },
	{ "/a/", "", "/a" }, { "", "", "" },       { "/x", "y/", "/x/y/" },
};

START_TEST(join)
{
	for (size_t i = 0; i < ARRAY_SIZE(joined); i++) {
		_free_ char *s = path_join(joined[i][0], joined[i][1]);

		ck_assert_str_eq(s, joined[i][2]);
	}
}
END_TEST

/* As Go's path.Clean. */
static const char *const cleaned[][2] = {
	{ "", "." },
	{ ".", "." },
	{ "/", "/" },
	{ "//", "/" },
	{ "/..", "/" },
	{ "/../../a", "/a" },
	{ "..", ".." },
	{ "../..", "../.." },
	{ "../../a", "../../a" },
	{ "a/..", "." },
	{ "a/../..", ".." },
	{ "a/../../b", "../b" },
	{ "//a/./b/../c", "/a/c" },
	{ "a//b/", "a/b" },
	{ "./a", "a" },
	{ "a/./.", "a" },
	{ "/a/b/../..", "/" },
	{ "a/b/../../..", ".." },
	{ "...", "..." },
	{ "/..a/.b", "/..a/.b" },
	{ "../a/../b", "../b" },
	{ "ab/cd/../ef", "ab/ef" },
	{ "/a/../b/../c", "/c" },
	{ "x/../x/../x", "x" },
};

START_TEST(clean)
{
	for (size_t i = 0; i < ARRAY_SIZE(cleaned); i++) {
		_free_ char *s = path_clean(cleaned[i][0]);

		ck_assert_msg(strcmp(s, cleaned[i][1]) == 0, "%s: %s, not %s", cleaned[i][0], s,
			      cleaned[i][1]);
	}
}
END_TEST

START_TEST(mkdirs)
{
	_free_ char *a = NULL, *f = NULL;

	make_tree();
	a = str_printf("%s/x//y/z/", top);
	unit_ok(path_mkdirs(a, 0700, &err), &err);
	unit_ok(path_mkdirs(a, 0700, &err), &err);
	unit_ok(path_mkdirs("/", 0700, &err), &err);
	unit_ok(path_mkdirs("/proc/self", 0700, &err), &err);
	f = str_printf("%s/secret/f/x", top);
	unit_fails(path_mkdirs(f, 0700, &err), ENOTDIR, &err, "not a directory");
	*strrchr(f, '/') = '\0';
	unit_fails(path_mkdirs(f, 0700, &err), ENOTDIR, &err, "secret/f'");
	unit_fails(path_mkdirs("", 0700, &err), ENOENT, &err, "''");
	unit_fails(path_mkdirs("/proc/none/x", 0700, &err), ENOENT, &err, "/proc/none'");
	ck_assert_int_eq(symlinkat("nowhere", top_fd, "dangling"), 0);
	_free_ char *d = path_join(top, "dangling");
	unit_fails(path_mkdirs(d, 0700, &err), EEXIST, &err, "dangling");
	drop_tree();
}
END_TEST

START_TEST(remove_tree)
{
	int fds;

	make_tree();
	fds = unit_count_fds();
	unit_ok(path_remove_tree(top_fd, "none", &err), &err);
	unit_ok(path_remove_tree(top_fd, "none/none", &err), &err);
	int d = path_mkdirs_in(root, "a/b/c", 0755, &err);
	unit_ok(d, &err);
	for (int i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		close(openat(d, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0));
	}
	close(d);
	/* Links are removed, not followed. */
	ck_assert_int_eq(symlinkat("../secret", root, "a/link"), 0);
	ck_assert_int_eq(symlinkat(top, root, "a/b/abs"), 0);
	ck_assert_int_eq(symlinkat("secret", top_fd, "toplink"), 0);
	ck_assert_int_eq(mkfifoat(root, "a/fifo", 0), 0);
	unit_ok(path_remove_tree(root, "a/", &err), &err);
	ck_assert_int_lt(faccessat(root, "a", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	unit_ok(path_remove_tree(top_fd, "toplink", &err), &err);
	ck_assert_int_eq(faccessat(top_fd, "secret/f", F_OK, 0), 0);
	/* One file, by a longer name */
	unit_ok(path_remove_tree(top_fd, "secret/f", &err), &err);
	ck_assert_int_lt(faccessat(top_fd, "secret/f", F_OK, 0), 0);
	unit_fails(path_remove_tree(top_fd, ".", &err), EINVAL, &err, "remove '.'");
	unit_fails(path_remove_tree(top_fd, "secret/..", &err), EINVAL, &err, "not a name");
	unit_fails(path_remove_tree(top_fd, "/", &err), EINVAL, &err, "not a name");
	unit_fails(path_remove_tree(top_fd, "", &err), EINVAL, &err, "not a name");
	unit_fails(path_remove_tree(AT_FDCWD, "/proc/self/status", &err), EPERM, &err, "status");
	ck_assert_int_eq(unit_count_fds(), fds);
	drop_tree();
}
END_TEST

START_TEST(remove_tree_depth)
{
	make_tree();
	int fd = openat(top_fd, "root", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 400; i++) {
		ck_assert_int_eq(mkdirat(fd, "d", 0755), 0);
		int next = openat(fd, "d", O_RDONLY | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	close(fd);
	int fds = unit_count_fds();
	unit_fails(path_remove_tree(root, "d", &err), ELOOP, &err, "directories deep");
	ck_assert_int_eq(unit_count_fds(), fds);
	/* Cut in the middle it goes. */
	_buf_ struct buf path = { 0 };
	for (int i = 0; i < 200; i++)
		buf_puts(&path, "d/");
	unit_ok(path_remove_tree(root, path.data, &err), &err);
	unit_ok(path_remove_tree(root, "d", &err), &err);
	drop_tree();
}
END_TEST

START_TEST(remove_tree_stops_at_mounts)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		return; /* needs root */
	make_tree();
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	int fd = path_mkdirs_in(root, "a/m", 0755, &err);
	unit_ok(fd, &err);
	close(fd);
	_free_ char *target = path_join(top, "root/a/m"), *secret = path_join(top, "secret");
	ck_assert_int_eq(mount(secret, target, NULL, MS_BIND, NULL), 0);
	unit_fails(path_remove_tree(root, "a", &err), EBUSY, &err, "mount point");
	ck_assert_int_eq(faccessat(top_fd, "secret/f", F_OK, 0), 0);
	/* Below the mount is another matter: that is where the caller points. */
	unit_ok(path_remove_tree(root, "a/m/f", &err), &err);
	ck_assert_int_eq(umount2(target, MNT_DETACH), 0);
	unit_ok(path_remove_tree(root, "a", &err), &err);
	drop_tree();
}
END_TEST

START_TEST(fd_path)
{
	ck_assert_str_eq(path_of_fd(0).s, "/proc/self/fd/0");
	ck_assert_str_eq(path_of_fd(2147483647).s, "/proc/self/fd/2147483647");
}
END_TEST

UNIT_MAIN("path", open_in_stays_inside, open_in_creates_and_refuses_magic, open_in_under_attack,
	  mkdirs_in, mkdirs_in_links, touch_in, join, clean, mkdirs, remove_tree, remove_tree_depth,
	  remove_tree_stops_at_mounts, fd_path)
