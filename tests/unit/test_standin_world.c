// SPDX-License-Identifier: Apache-2.0
/* Namespaces, mounts and rights of a stand-in, looked at from outside through /proc. */
#include <dirent.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/io.h"
#include "tests/unit/test_standin.h"
#include "wire/frame.h"

static const struct rig_options init = { 0 }, exec = { .no_pidns = true };
static struct rig rig;

/* /proc/PID/root + path */
static const char *seen(const char *path)
{
	static char buf[4][PATH_MAX];
	static unsigned int i;

	i = (i + 1) % 4;
	snprintf(buf[i], sizeof(buf[i]), "/proc/%d/root%s", rig.pid, path);
	return buf[i];
}

static char *proc_text(pid_t pid, const char *name)
{
	char path[64], *text = NULL;
	struct err err = { 0 };

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	unit_ok(io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL, &err), &err);
	return text;
}

static ino_t ns(pid_t pid, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_ino;
}

static int open_ns(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	_free_ char *path = path_join(dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void expect_text(const char *path, const char *want)
{
	char text[1000];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ssize_t n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	ck_assert_str_eq(text, want);
}

static void expect_fs(const char *path, long magic)
{
	struct statfs st;

	ck_assert_msg(statfs(path, &st) == 0, "%s: %s", path, strerror(errno));
	ck_assert_msg(st.f_type == magic, "%s is of type %lx", path, (long)st.f_type);
}

#define EXT_PROC 0x9fa0
#define EXT_SYSFS 0x62656572
#define EXT_TMPFS 0x01021994
#define EXT_DEVPTS 0x1cd1
#define EXT_MQUEUE 0x19800202

static size_t n_warnings(void)
{
	return json_array_size(json_object_get(rig.reply, "warnings"));
}

static const char *warning(size_t i)
{
	return json_string_value(json_array_get(json_object_get(rig.reply, "warnings"), i));
}

/* What config.json usually asks for, and nothing of it reaches the host's mount table. */
START_TEST(whole_world)
{
	char *vol = unit_mkdtemp();
	_free_ char *file = path_join(vol, "hosts");
	_free_ char *mounts = proc_text(getpid(), "mountinfo");

	write_file(vol, "hosts", "127.0.0.1 localhost\n");
	rig_init(&rig);
	rig_mount(&rig, "/proc", "proc", NULL);
	rig_mount(&rig, "/dev", "dev", "mode=755,size=65536k");
	rig_mount(&rig, "/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5");
	rig_mount(&rig, "/dev/shm", "tmpfs", "mode=1777,size=1m");
	rig_mount(&rig, "/dev/mqueue", "mqueue", NULL);
	rig_mount(&rig, "/sys", "sysfs", NULL);
	rig_mount(&rig, "/sys/fs/cgroup", "cgroup", NULL);
	rig_mount(&rig, "/run/later/on", "skip", NULL);
	rig_bind(&rig, vol, "/data/vol", false);
	rig_bind(&rig, vol, "/data/ro", true);
	rig_bind(&rig, file, "/etc/hosts", false);
	json_object_set_new(rig.msg, "hostname", json_string("guest-1"));
	json_object_set_new(rig.msg, "domainname", json_string("example.org"));
	json_object_set_new(json_object_get(rig.msg, "root"), "readonly", json_true());
	rig_start(&rig, &init);
	ck_assert_msg(n_warnings() == 0, "%s", warning(0));

	expect_fs(seen("/proc"), EXT_PROC);
	expect_fs(seen("/dev"), EXT_TMPFS);
	expect_fs(seen("/dev/pts"), EXT_DEVPTS);
	expect_fs(seen("/dev/shm"), EXT_TMPFS);
	expect_fs(seen("/dev/mqueue"), EXT_MQUEUE);
	expect_fs(seen("/sys"), EXT_SYSFS);
	/* the container's processes are those of the pid namespace: the stand-in alone */
	struct stat st;
	ck_assert_int_eq(stat(seen("/proc/1"), &st), 0);
	ck_assert_int_eq(stat(seen("/proc/2"), &st), -1);
	_free_ char *cmdline = proc_text(rig.pid, "cmdline");
	ck_assert_str_eq(cmdline, "sleep");
	ck_assert_str_eq(cmdline + 6, "1000");
	/* writing to the host through it is impossible */
	ck_assert_int_eq(open(seen("/proc/sys/kernel/hostname"), O_WRONLY), -1);
	ck_assert_int_eq(errno, EROFS);
	ck_assert_int_eq(mkdir(seen("/sys/x"), 0755), -1);
	ck_assert_int_eq(stat(seen("/dev/null"), &st), 0);
	ck_assert(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3) && (st.st_mode & 0777) == 0666);
	ck_assert_int_eq(lstat(seen("/dev/ptmx"), &st), 0);
	ck_assert_int_eq(stat(seen("/dev/shm"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 01777);
	struct statfs fs;
	ck_assert_int_eq(statfs(seen("/dev/shm"), &fs), 0);
	ck_assert_uint_eq((size_t)fs.f_blocks * (size_t)fs.f_bsize, 1 << 20);
	/* binds, one of them read-only; the root read-only */
	expect_text(seen("/etc/hosts"), "127.0.0.1 localhost\n");
	write_file(seen("/data/vol"), "new", "written");
	expect_text(seen("/data/ro/new"), "written");
	ck_assert_int_eq(open(seen("/data/ro/other"), O_WRONLY | O_CREAT, 0600), -1);
	ck_assert_int_eq(errno, EROFS);
	ck_assert_int_eq(mkdir(seen("/other"), 0755), -1);
	ck_assert_int_eq(errno, EROFS);
	/* no program, device or set-uid bit of an image works for a process of the host in here */
	_free_ char *table = proc_text(rig.pid, "mountinfo");
	for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg(strstr(line, "nosuid") && strstr(line, "noexec"), "%s", line);
		ck_assert_msg(strstr(line, "nodev") || strstr(line, " /dev ") ||
				      strstr(line, " /dev/pts "),
			      "%s", line);
	}
	/* the guest finds every mount point in the root file system */
	static const char *const points[] = { "proc",    "dev",       "sys",         "data/vol",
					      "data/ro", "etc/hosts", "run/later/on" };
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		_free_ char *p = path_join(rig.root, points[i]);

		ck_assert_msg(stat(p, &st) == 0, "%s", p);
		ck_assert_msg(S_ISDIR(st.st_mode) == (i != 5), "%s", p);
		ck_assert_uint_eq(st.st_mode & 0777, i == 5 ? 0644 : 0755);
	}
	/* namespaces of its own, and names set there only */
	static const char *const kinds[] = { "mnt", "net", "ipc", "uts", "pid" };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		ck_assert_msg(ns(rig.pid, kinds[i]) != ns(getpid(), kinds[i]), "%s", kinds[i]);
	pid_t child = fork();
	if (child == 0) {
		char name[65], domain[65], path[64];
		_free_ char *flags = NULL;
		int r;

		r = setns(open_ns(rig.pid, "uts"), 0) | setns(open_ns(rig.pid, "net"), 0);
		r |= gethostname(name, sizeof(name)) | getdomainname(domain, sizeof(domain));
		/* joining the mount namespace leads into the container */
		r |= setns(open_ns(rig.pid, "mnt"), 0);
		snprintf(path, sizeof(path), "/sys/class/net/lo/flags");
		r |= io_read_file(AT_FDCWD, path, 100, &flags, NULL, NULL);
		_exit(r                             ? 1 :
		      strcmp(name, "guest-1")       ? 2 :
		      strcmp(domain, "example.org") ? 3 :
		      strcmp(flags, "0x9\n")        ? 4 :
		      access("/data/vol/new", F_OK) ? 5 :
		      access(vol, F_OK) == 0        ? 6 :
						      0);
	}
	int status;
	waitpid(child, &status, 0);
	ck_assert_int_eq(status, 0);
	_free_ char *own = proc_text(rig.pid, "mountinfo");
	ck_assert_ptr_null(strstr(own, "shared:"));
	_free_ char *now = proc_text(getpid(), "mountinfo");
	ck_assert_str_eq(now, mounts);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":0}");
	rig_expect_exit(&rig, 0);
	rig_done(&rig);
	unit_rmdir(vol);
}
END_TEST

/* Rights and descriptors of the running stand-in. */
START_TEST(rights)
{
	rig_init(&rig);
	rig_start(&rig, &init);
	usleep(50000);
	_free_ char *status = proc_text(rig.pid, "status");
	static const char *const lines[] = {
		"\nCapInh:\t0000000000000000",
		"\nCapPrm:\t0000000000000000",
		"\nCapEff:\t0000000000000000",
		"\nCapBnd:\t0000000000000000",
		"\nCapAmb:\t0000000000000000",
		"\nNoNewPrivs:\t1",
		"\nThreads:\t1",
#ifndef STANDIN_INSTRUMENTED
		"\nSeccomp:\t2",
#endif
	};
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		ck_assert_msg(strstr(status, lines[i]), "no%s in %s", lines[i], status);
	_free_ char *limits = proc_text(rig.pid, "limits");
	ck_assert_ptr_nonnull(strstr(limits, "Max core file size        0                    0 "));
	ck_assert_ptr_nonnull(strstr(limits, "Max open files            122                  122 "));
	/* 0-2, the monitor's socket, epoll, signalfd; the set-up socket is closed */
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", rig.pid);
	DIR *d = opendir(path);
	int n = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	ck_assert_int_eq(n, 6);
	ck_assert_int_eq(getsid(rig.pid), rig.pid);
	char cwd[8] = "";
	snprintf(path, sizeof(path), "/proc/%d/cwd", rig.pid);
	ck_assert_int_eq(readlink(path, cwd, sizeof(cwd)), 1);
	rig_done(&rig);
}
END_TEST

/* A tree of canaries that must stay as it is. */
static char *make_canary(void)
{
	char *dir = unit_mkdtemp();
	_free_ char *sub = path_join(dir, "sub");

	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(mkdir(sub, 0755), 0);
	write_file(dir, "file", "canary");
	return dir;
}

static void check_canary(char *dir)
{
	_free_ char *sub = path_join(dir, "sub"), *file = path_join(dir, "file");
	int n = 0;

	expect_text(file, "canary");
	DIR *d = opendir(dir);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n++;
	closedir(d);
	ck_assert_int_eq(n, 4);
	ck_assert_int_eq(rmdir(sub), 0); /* empty, nothing mounted */
	unit_rmdir(dir);
}

static void link_in(const char *target, const char *name)
{
	_free_ char *path = path_join(rig.root, name);

	ck_assert_int_eq(symlink(target, path), 0);
}

START_TEST(hostile_links)
{
	char *canary = make_canary(), *vol = unit_mkdtemp();
	_free_ char *up = path_join("../../../../../..", canary), *sub = path_join(canary, "sub");
	_free_ char *mounts = proc_text(getpid(), "mountinfo");
	struct stat st;

	write_file(vol, "mark", "volume");
	rig_init(&rig);
	link_in("/etc", "proc"); /* dangling in the root, and of importance on the host */
	link_in("../../..", "dev");
	link_in(sub, "sys");
	link_in(up, "up");
	link_in("/proc/self/root", "magic");
	link_in("loop", "loop");
	write_file(rig.root, "file", "");
	rig_mount(&rig, "/proc", "proc", NULL);
	rig_mount(&rig, "/dev", "dev", NULL);
	rig_mount(&rig, "/sys", "sysfs", NULL);
	rig_mount(&rig, "/loop/x", "tmpfs", NULL);
	rig_mount(&rig, "/file", "tmpfs", NULL);
	rig_mount(&rig, "/../../../x", "tmpfs", NULL);
	rig_bind(&rig, vol, "/up/new/dir", false);
	rig_start(&rig, &init);
	expect_fs(seen("/etc"), EXT_PROC);
	expect_fs(seen(sub), EXT_SYSFS); /* below the root, where the link leads */
	expect_fs(seen("/x"), EXT_TMPFS);
	_free_ char *mark = path_join(canary, "new/dir/mark");
	expect_text(seen(mark), "volume");
	_free_ char *made = path_join(rig.root, sub);
	ck_assert_int_eq(stat(made, &st), 0);
	/* /dev leads to the root itself, which nothing may cover; a loop and a file are no mount points */
	size_t n = n_warnings();
	ck_assert_uint_eq(n, 3);
	ck_assert_ptr_nonnull(strstr(warning(0), "mount '/dev': it is the root"));
	ck_assert_ptr_nonnull(strstr(warning(1), "mount '/loop/x'"));
	ck_assert_ptr_nonnull(strstr(warning(2), "mount '/file'"));
	_free_ char *now = proc_text(getpid(), "mountinfo");
	ck_assert_str_eq(now, mounts);
	rig_done(&rig);
	check_canary(canary);
	unit_rmdir(vol);
}
END_TEST

/* Errors of root and binds name the destination; nothing is left. */
static void expect_error(const char *part)
{
	_free_ char *mounts = proc_text(getpid(), "mountinfo");

	rig_spawn(&rig, &init);
	rig_send_setup(&rig);
	json_t *e = json_object_get(rig_recv_reply(&rig), "error");
	ck_assert_ptr_nonnull(e);
	ck_assert_msg(strstr(js_get_str(e, "message"), part), "%s", js_get_str(e, "message"));
	ck_assert_int_gt(js_get_int(e, "code", 0), 0);
	rig_expect_exit(&rig, 1);
	_free_ char *now = proc_text(getpid(), "mountinfo");
	ck_assert_str_eq(now, mounts);
	rig_done(&rig);
}

START_TEST(failing_binds)
{
	char *vol = unit_mkdtemp();

	rig_init(&rig);
	write_file(rig.root, "file", "");
	rig_bind(&rig, vol, "/file", false);
	expect_error("mount '/file': ");
	rig_init(&rig);
	link_in("..", "dots");
	rig_bind(&rig, vol, "/dots", false);
	expect_error("mount '/dots': it is the root");
	rig_init(&rig);
	rig_bind(&rig, "/dev/null", "/", false);
	expect_error("mount '/': ");
	/* no mount tree at all */
	rig_init(&rig);
	json_array_append_new(json_object_get(rig.msg, "mounts"),
			      json_pack("{s:s,s:s,s:i}", "destination", "/x", "kind", "bind", "fd",
					rig_fd(&rig, open(vol, O_PATH | O_CLOEXEC))));
	expect_error("mount '/x': ");
	rig_init(&rig);
	json_object_set_new(rig.msg, "root",
			    json_pack("{s:i}", "fd", rig_fd(&rig, open(vol, O_PATH | O_CLOEXEC))));
	expect_error("root file system");
	rig_init(&rig);
	json_object_set_new(rig.msg, "netns",
			    json_integer(rig_fd(&rig, open("/dev/null", O_RDONLY | O_CLOEXEC))));
	expect_error("network namespace");
	unit_rmdir(vol);
}
END_TEST

START_TEST(warnings)
{
	rig_init(&rig);
	rig_mount(&rig, "/a", "tmpfs", "size=notanumber");
	rig_mount(&rig, "/b", "tmpfs", "nonsense\n\x1b[31m=1");
	rig_mount(&rig, "/c", "tmpfs", "size=64k,mode=0700,mpol=bind:0,0,nr_inodes=100");
	rig_start(&rig, &init);
	ck_assert_msg(n_warnings() == 2, "%s", warning(n_warnings() - 1));
	ck_assert_ptr_nonnull(strstr(
		warning(0), "mount '/a': file system tmpfs with options 'size=notanumber': "));
	ck_assert_ptr_nonnull(strstr(warning(1), "mount '/b'"));
	ck_assert_ptr_null(strchr(warning(1), '\n'));
	expect_fs(seen("/c"), EXT_TMPFS);
	rig_done(&rig);
}
END_TEST

/* A volume that is shared on the host: what appears inside it there appears here, never the other way. */
START_TEST(propagation)
{
	char *host = unit_mkdtemp();
	_free_ char *vol = path_join(host, "vol"), *sub = path_join(host, "vol/sub"),
		    *mark = path_join(host, "vol/sub/m");

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0); /* of this test's process */
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
	ck_assert_int_eq(mkdir(vol, 0755), 0);
	ck_assert_int_eq(mount("tmpfs", vol, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mount(NULL, vol, NULL, MS_SHARED, NULL), 0);
	ck_assert_int_eq(mkdir(sub, 0755), 0);
	rig_init(&rig);
	rig_bind(&rig, vol, "/vol", false);
	rig_mount(&rig, "/vol/inner", "tmpfs", NULL);
	_free_ char *mounts = proc_text(getpid(), "mountinfo");
	rig_start(&rig, &init);
	_free_ char *now = proc_text(getpid(), "mountinfo");
	ck_assert_str_eq(now, mounts);
	_free_ char *own = proc_text(rig.pid, "mountinfo");
	ck_assert_ptr_null(strstr(own, "shared:"));
	ck_assert_ptr_nonnull(strstr(own, "master:"));
	ck_assert_int_eq(mount("tmpfs", sub, "tmpfs", 0, NULL), 0);
	write_file(sub, "m", "later");
	expect_text(seen("/vol/sub/m"), "later");
	/* and it does not keep the host from unmounting */
	ck_assert_int_eq(umount(sub), 0);
	ck_assert_int_eq(access(seen("/vol/sub/m"), F_OK), -1);
	rig_done(&rig);
	ck_assert_int_eq(umount(vol), 0);
	unit_rmdir(host);
}
END_TEST

/* An exec joins the init's namespaces; containers of a pod share some. */
START_TEST(joining)
{
	static struct rig second;
	static const char *const kinds[] = { "mnt", "uts", "ipc", "net" };

	rig_init(&rig);
	write_file(rig.root, "mark", "container");
	json_object_set_new(rig.msg, "hostname", json_string("pod"));
	rig_start(&rig, &init);
	struct rig first = rig;

	rig_init(&second);
	json_object_del(second.msg, "root");
	json_object_del(second.msg, "mounts");
	json_object_set_new(second.msg, "exec", json_string("e1"));
	json_t *join = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		json_object_set_new(join, kinds[i],
				    json_integer(rig_fd(&second, open_ns(first.pid, kinds[i]))));
	json_object_set_new(second.msg, "join", join);
	rig_spawn(&second, &exec);
	rig_send_setup(&second);
	rig_expect_ok(&second);
	rig_expect(&second, WIRE_REQUEST, 1,
		   "{\"method\":\"attach\",\"params\":{\"id\":\"c1\",\"exec\":\"e1\"}}");
	rig_put_text(&second, WIRE_REPLY, 1, "{}");
	rig_go(&second);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		ck_assert_msg(ns(second.pid, kinds[i]) == ns(first.pid, kinds[i]), "%s", kinds[i]);
	rig = second;
	expect_text(seen("/mark"), "container");
	rig_put_text(&second, WIRE_EVENT, 0, "{\"event\":\"exit\",\"signal\":15}");
	int status = rig_wait(&second);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	rig_done(&second);

	/* a second container with the first one's network, ipc and uts */
	rig_init(&second);
	json_object_set_new(second.msg, "netns",
			    json_integer(rig_fd(&second, open_ns(first.pid, "net"))));
	json_object_set_new(second.msg, "ipcns",
			    json_integer(rig_fd(&second, open_ns(first.pid, "ipc"))));
	json_object_set_new(second.msg, "utsns",
			    json_integer(rig_fd(&second, open_ns(first.pid, "uts"))));
	rig_start(&second, &init);
	for (size_t i = 1; i < ARRAY_SIZE(kinds); i++)
		ck_assert_msg(ns(second.pid, kinds[i]) == ns(first.pid, kinds[i]), "%s", kinds[i]);
	ck_assert(ns(second.pid, "mnt") != ns(first.pid, "mnt"));
	rig_done(&second);

	/* the host's uts namespace keeps its name */
	char before[65], after[65];
	gethostname(before, sizeof(before));
	rig_init(&second);
	json_object_set_new(second.msg, "utsns",
			    json_integer(rig_fd(&second, open_ns(getpid(), "uts"))));
	json_object_set_new(second.msg, "hostname", json_string("evil"));
	rig_start(&second, &init);
	gethostname(after, sizeof(after));
	ck_assert_str_eq(before, after);
	ck_assert_ptr_nonnull(strstr(
		json_string_value(json_array_get(json_object_get(second.reply, "warnings"), 0)),
		"hostname not set"));
	rig_done(&second);
	rig = first;
	rig_done(&rig);
}
END_TEST

/* What binds the top directories of the host, wherever this checkout is, into a plain directory, which becomes the root. */
static void enter_chroot(char *dir)
{
	DIR *root = opendir("/");
	struct dirent *top;

	ck_assert_ptr_nonnull(root);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
	while ((top = readdir(root))) {
		_free_ char *source = path_join("/", top->d_name);
		_free_ char *path = path_join(dir, top->d_name);
		struct stat st;

		if (top->d_name[0] == '.' || stat(source, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		ck_assert_int_eq(mkdir(path, 0755), 0);
		ck_assert_int_eq(mount(source, path, NULL, MS_BIND | MS_REC, NULL), 0);
	}
	closedir(root);
	write_file(dir, "in-chroot", "");
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(chroot("."), 0);
}

/* A command in a chroot, whose root cannot be pivoted: who joins the namespace meets the container all the same. */
START_TEST(in_chroot)
{
	char *dir = unit_mkdtemp();
	int status;

	rig_init(&rig);
	write_file(rig.root, "mark", "container");
	rig_mount(&rig, "/proc", "proc", NULL);
	pid_t pid = fork();
	if (pid == 0) {
		enter_chroot(dir);
		rig_start(&rig, &init);
		ck_assert_uint_eq(n_warnings(), 0);
		expect_text(seen("/mark"), "container");
		ck_assert_int_eq(access(seen("/in-chroot"), F_OK), -1);
		int target = open_ns(rig.pid, "mnt");
		ck_assert_int_eq(setns(target, CLONE_NEWNS), 0);
		expect_text("/mark", "container");
		ck_assert_int_eq(access("/usr", F_OK), -1);
		kill(rig.pid, SIGKILL);
		waitpid(rig.pid, NULL, 0);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	rig_done(&rig);
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN_ROOT("standin_world", whole_world, rights, hostile_links, failing_binds, warnings,
	       propagation, joining, in_chroot)
