/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts that come into and leave a namespace whose owner does as he likes. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/mount_child.h"
#include "base/cleanup.h"
#include "base/fd.h"

static char *top;
static pid_t pid; /* the container */
static int pidfd = -EBADF, root = -EBADF, volume = -EBADF, proc = -EBADF;
static dev_t dev;

/* Its root is top/root, with a /proc. */
static void contain(int ready)
{
	if (unshare(CLONE_NEWNS) < 0 || chdir(top) < 0 ||
	    mount("root", "root", NULL, MS_BIND, NULL) < 0 || chdir("root") < 0 ||
	    mount("proc", "proc", "proc", 0, NULL) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void make_dir(const char *name)
{
	_free_ char *path = path_join(top, name);

	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static int open_in(const char *base, const char *name)
{
	_free_ char *path = path_join(base, name);

	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* A detached copy of the file system that stands for a volume's. */
static int copy(void)
{
	int fd = mount_clone(volume, false);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void setup(void)
{
	_close_ int target = -EBADF;
	char path[64], byte;
	struct stat st;
	int ready[2];

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	top = unit_mkdtemp();
	ck_assert_int_eq(mount("tmpfs", top, "tmpfs", 0, "mode=755"), 0);
	make_dir("root");
	make_dir("root/proc");
	make_dir("volume");
	volume = mount_new_fs("tmpfs", "tmpfs", 0, "mode=755");
	target = open_in(top, "volume");
	ck_assert_int_eq(mount_attach(volume, target), 0);
	ck_assert_int_eq(fstat(volume, &st), 0);
	dev = st.st_dev;
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		contain(ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert(pidfd >= 0 && root >= 0 && proc >= 0);
}

static void teardown(void)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd_close(pidfd);
	fd_close(root);
	fd_close(volume);
	fd_close(proc);
	umount2(top, MNT_DETACH);
	unit_rmdir(top);
}

static int place(const char *dest, struct err *err)
{
	static const char name[] = "disk";
	const struct mount_op op = { .kind = MOUNT_BIND_VOLUME,
				     .type = name,
				     .source = name,
				     .dest = (char *)dest };
	_close_ int mnt = copy();

	return mount_child_place(pidfd, &op, mnt, err);
}

static int take(const char *dest, bool detach, struct err *err)
{
	return mount_child_take(pidfd, dest, dev, detach, proc, err);
}

static bool is_there(const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == dev;
}

START_TEST(come_and_go)
{
	struct err err = { 0 };

	setup();
	unit_ok(place("/new/place", &err), &err);
	ck_assert(is_there("new/place"));
	ck_assert_int_eq(take("/new/place", false, &err), 1);
	ck_assert(!is_there("new/place"));
	/* Once more: nothing is there, nor in a directory that is not there. */
	ck_assert_int_eq(take("/new/place", false, &err), 0);
	ck_assert_int_eq(take("/nowhere/place", false, &err), 0);
	teardown();
}
END_TEST

START_TEST(links)
{
	struct err err = { 0 };

	setup();
	make_dir("root/real");
	ck_assert_int_eq(symlinkat("../../../real", root, "link"), 0);
	ck_assert_int_eq(symlinkat("/proc/sys", root, "trap"), 0);
	ck_assert_int_eq(symlinkat("/proc/self/cwd", root, "magic"), 0);
	unit_ok(place("/link/x", &err), &err);
	ck_assert(is_there("real/x"));
	ck_assert_int_eq(take("/link/x", false, &err), 1);
	/* The last part of the path is one. */
	unit_ok(place("/link", &err), &err);
	ck_assert(is_there("real"));
	ck_assert_int_eq(take("/link", false, &err), 1);
	ck_assert(!is_there("real"));
	unit_fails(place("/trap", &err), EINVAL, &err, "inside /proc");
	ck_assert_int_lt(place("/magic", &err), 0);
	teardown();
}
END_TEST

START_TEST(in_use)
{
	struct err err = { 0 };
	int fd;

	setup();
	unit_ok(place("/v", &err), &err);
	fd = openat(root, "v", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unit_fails(take("/v", false, &err), EBUSY, &err, "the volume at /v is in use");
	ck_assert(is_there("v"));
	ck_assert_int_eq(take("/v", true, &err), 1);
	ck_assert(!is_there("v"));
	close(fd);
	teardown();
}
END_TEST

/* Nothing but the volume is taken off. */
START_TEST(others)
{
	const char *name = "other";
	const struct mount_op op = { .kind = MOUNT_BIND_VOLUME,
				     .type = name,
				     .source = name,
				     .dest = (char *)"/v" };
	_close_ int other = -EBADF;
	struct err err = { 0 };

	setup();
	unit_ok(place("/v", &err), &err);
	/* A directory of it is not its mount. */
	ck_assert_int_eq(mkdirat(root, "v/below", 0755), 0);
	ck_assert_int_eq(take("/v/below", false, &err), 0);
	other = mount_new_fs("tmpfs", "tmpfs", 0, NULL);
	unit_ok(mount_child_place(pidfd, &op, other, &err), &err);
	ck_assert_int_eq(take("/v", false, &err), 0);
	ck_assert_int_eq(take("/v", true, &err), 0);
	ck_assert_int_eq(take("/", true, &err), 0);
	ck_assert(!is_there("v"));
	teardown();
}
END_TEST

START_TEST(gone)
{
	struct err err = { 0 };

	setup();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unit_fails(place("/v", &err), ESRCH, &err, "mount namespace");
	unit_fails(take("/v", false, &err), ESRCH, &err, "mount namespace");
	pid = fork();
	if (pid == 0)
		_exit(0);
	teardown();
}
END_TEST

UNIT_MAIN_ROOT("agent_mount_child", come_and_go, links, in_use, others, gone)
