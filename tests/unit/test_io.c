/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "tests/unit/unit.h"

static void nothing(int sig)
{
}

/* Interrupts every system call again and again, without SA_RESTART. */
static void alarm_storm(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct itimerval t = { { 0, 1000 }, { 0, 1000 } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

START_TEST(whole_transfers_despite_signals)
{
	enum { SIZE = 4 << 20 };
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	char *data = malloc(SIZE), *got = malloc(SIZE);
	for (int i = 0; i < SIZE; i++)
		data[i] = (char)(i * 31);
	pid_t pid = fork();
	if (pid == 0) {
		alarm_storm();
		_exit(io_write_all(p[1], data, SIZE) == 0 ? 0 : 1);
	}
	close(p[1]);
	alarm_storm();
	ck_assert_int_eq(io_read_all(p[0], got, SIZE), 0);
	ck_assert_mem_eq(data, got, SIZE);
	ck_assert_int_eq(io_read_all(p[0], got, 1), -ENODATA);
	int status;
	while (waitpid(pid, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	ck_assert_int_eq(status, 0);
	free(data);
	free(got);
	close(p[0]);
}
END_TEST

START_TEST(short_read_is_enodata)
{
	int p[2];
	char buf[4];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(io_write_all(p[1], "abc", 3), 0);
	close(p[1]);
	ck_assert_int_eq(io_read_all(p[0], buf, 0), 0);
	ck_assert_int_eq(io_read_all(p[0], buf, 4), -ENODATA);
	close(p[0]);
	ck_assert_int_eq(io_read_all(p[0], buf, 1), -EBADF);
	ck_assert_int_eq(io_write_all(p[0], buf, 1), -EBADF);
	ck_assert_int_eq(io_write_all(-1, buf, 0), 0);
}
END_TEST

START_TEST(at_a_place)
{
	enum { SIZE = 300000 };
	struct err err = { 0 };
	char *dir = unit_mkdtemp(), *data = malloc(SIZE), *got = malloc(SIZE);
	_free_ char *path = path_join(dir, "f");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct rlimit lim = { 4096, RLIM_INFINITY };
	int p[2];

	for (int i = 0; i < SIZE; i++)
		data[i] = (char)(i * 31);
	alarm_storm();
	ck_assert_int_eq(lseek(fd, 7, SEEK_SET), 7);
	ck_assert_int_eq(io_write_at(fd, data, SIZE, 1000), 0);
	ck_assert_int_eq(io_read_at(fd, got, SIZE, 1000), 0);
	ck_assert_mem_eq(data, got, SIZE);
	/* What was skipped is a hole; the position stays. */
	ck_assert_int_eq(io_read_at(fd, got, 1001, 0), 0);
	ck_assert_int_eq(got[0] | got[999], 0);
	ck_assert_int_eq(got[1000], data[0]);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 7);
	/* The end in the middle, at once, and beyond */
	ck_assert_int_eq(io_read_at(fd, got, SIZE, 1001), -ENODATA);
	ck_assert_int_eq(io_read_at(fd, got, 1, SIZE + 1000), -ENODATA);
	ck_assert_int_eq(io_read_at(fd, got, 1, (off_t)1 << 40), -ENODATA);
	ck_assert_int_eq(io_read_at(fd, got, 0, (off_t)1 << 40), 0);
	ck_assert_int_eq(io_write_at(fd, data, 0, 0), 0);
	ck_assert_int_eq(io_read_at(fd, got, 1, -1), -EINVAL);
	ck_assert_int_eq(io_write_at(-1, data, 1, 0), -EBADF);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert_int_eq(io_write_at(p[1], data, 1, 0), -ESPIPE);
	ck_assert_int_eq(io_read_at(p[0], got, 1, 0), -ESPIPE);
	_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(io_write_at(full, data, 1, 0), -ENOSPC);
	/* Room for a part of it */
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	ck_assert_int_eq(io_write_at(fd, data, 4096, 1), -EFBIG);
	free(data);
	free(got);
	close(p[0]);
	close(p[1]);
	close(fd);
	unit_ok(path_remove_tree(AT_FDCWD, dir, &err), &err);
	free(dir);
}
END_TEST

/* Check would report the death by SIGPIPE. */
START_TEST(no_sigpipe_on_sockets)
{
	int s[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	close(s[1]);
	ck_assert_int_eq(io_write_all(s[0], "x", 1), -EPIPE);
	close(s[0]);
}
END_TEST

START_TEST(read_file)
{
	struct err err = { 0 };
	char *dir = unit_mkdtemp();
	int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *text = NULL;
	size_t len = 99;

	unit_ok(io_write_file(dfd, "f", "a\0bc", 4, 0644, false, &err), &err);
	unit_ok(io_read_file(dfd, "f", 4, &text, &len, &err), &err);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(text, "a\0bc", 5);
	free(text);
	unit_ok(io_read_file(dfd, "f", SIZE_MAX, &text, NULL, &err), &err);
	free(text);
	text = (char *)"untouched";
	unit_fails(io_read_file(dfd, "f", 3, &text, &len, &err), EFBIG, &err,
		   "'f' is larger than 3 bytes");
	unit_fails(io_read_file(dfd, "f", 0, &text, &len, &err), EFBIG, &err, "larger");
	unit_fails(io_read_file(dfd, "none", 9, &text, &len, &err), ENOENT, &err,
		   "open 'none': no such file");
	unit_fails(io_read_file(dfd, ".", 9, &text, &len, &err), EINVAL, &err, "not a regular file");
	ck_assert_str_eq(text, "untouched");
	ck_assert_uint_eq(len, 4);
	unit_ok(io_write_file(dfd, "empty", "", 0, 0644, false, &err), &err);
	unit_ok(io_read_file(dfd, "empty", 0, &text, &len, &err), &err);
	ck_assert_uint_eq(len, 0);
	ck_assert_str_eq(text, "");
	free(text);
	close(dfd);
	unit_rmdir(dir);
}
END_TEST

START_TEST(read_big_file)
{
	enum { SIZE = 3000001 };
	struct err err = { 0 };
	char *dir = unit_mkdtemp();
	int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *data = malloc(SIZE), *text = NULL;
	size_t len;

	memset(data, 'x', SIZE);
	unit_ok(io_write_file(dfd, "f", data, SIZE, 0600, true, &err), &err);
	unit_ok(io_read_file(dfd, "f", SIZE, &text, &len, &err), &err);
	ck_assert_uint_eq(len, SIZE);
	ck_assert_mem_eq(data, text, SIZE);
	free(text);
	unit_fails(io_read_file(dfd, "f", SIZE - 1, &text, &len, &err), EFBIG, &err, "larger");
	free(data);
	close(dfd);
	unit_rmdir(dir);
}
END_TEST

START_TEST(read_oddities)
{
	struct err err = { 0 };
	char *dir = unit_mkdtemp();
	int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *text = NULL, path[64];
	size_t len;

	/* Nobody ever opens the other end: this must not wait. */
	ck_assert_int_eq(mkfifoat(dfd, "fifo", 0600), 0);
	unit_fails(io_read_file(dfd, "fifo", 9, &text, &len, &err), EINVAL, &err,
		   "not a regular file");
	unit_fails(io_read_file(AT_FDCWD, "/dev/zero", 9, &text, &len, &err), EINVAL, &err,
		   "not a regular file");
	/* Size 0 according to stat */
	unit_ok(io_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &text, &len, &err), &err);
	ck_assert_ptr_nonnull(strstr(text, "Threads:"));
	free(text);
	unit_fails(io_read_file(AT_FDCWD, "/proc/self/status", 10, &text, &len, &err), EFBIG, &err,
		   "larger");
	/* Magic links are not followed, ordinary ones are. */
	unit_ok(io_write_file(dfd, "f", "x", 1, 0600, false, &err), &err);
	int fd = openat(dfd, "f", O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	unit_fails(io_read_file(AT_FDCWD, path, 9, &text, &len, &err), ELOOP, &err, path);
	ck_assert_int_eq(symlinkat("f", dfd, "link"), 0);
	unit_ok(io_read_file(dfd, "link", 9, &text, &len, &err), &err);
	free(text);
	close(fd);
	close(dfd);
	unit_rmdir(dir);
}
END_TEST

static int count_entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

START_TEST(map)
{
	struct io_map m = { 0 };
	struct err err = { 0 };
	char *dir = unit_mkdtemp();
	_free_ char *path = path_join(dir, "f");
	_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fds = unit_count_fds();

	unit_ok(io_write_file(dirfd, "f", "abc", 3, 0600, false, &err), &err);
	unit_ok(io_map(path, &m, &err), &err);
	ck_assert_uint_eq(m.len, 3);
	ck_assert_mem_eq(m.data, "abc", 3);
	io_unmap(&m);
	ck_assert_ptr_null(m.data);
	io_unmap(&m);
	unit_ok(io_write_file(dirfd, "f", "", 0, 0600, false, &err), &err);
	unit_ok(io_map(path, &m, &err), &err);
	ck_assert_uint_eq(m.len, 0);
	io_unmap(&m);
	unit_fails(io_map("/nonexistent", &m, &err), ENOENT, &err, "open '/nonexistent'");
	unit_fails(io_map(dir, &m, &err), EINVAL, &err, "is not a regular file");
	ck_assert_int_eq(unit_count_fds(), fds);
	unit_rmdir(dir);
}
END_TEST

START_TEST(write_file)
{
	struct err err = { 0 };
	char *dir = unit_mkdtemp();
	int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	char *text, name[256];
	int fds = unit_count_fds();

	umask(077);
	unit_ok(io_write_file(dfd, "f", "one", 3, 0644, true, &err), &err);
	ck_assert_int_eq(fstatat(dfd, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0644); /* whatever the umask */
	/* Replaces, also a link rather than its target, and leaves nothing beside it. */
	ck_assert_int_eq(symlinkat("f", dfd, "link"), 0);
	unit_ok(io_write_file(dfd, "link", "two", 3, 0600, false, &err), &err);
	unit_ok(io_read_file(dfd, "f", 9, &text, NULL, &err), &err);
	ck_assert_str_eq(text, "one");
	free(text);
	ck_assert_int_eq(fstatat(dfd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(count_entries(dir), 2);
	/* By a path, and with the longest name there is. */
	memset(name, 'n', 255);
	name[255] = '\0';
	_free_ char *path = path_join(dir, name);
	unit_ok(io_write_file(AT_FDCWD, path, "x", 1, 0600, true, &err), &err);
	ck_assert_int_eq(count_entries(dir), 3);
	ck_assert_int_eq(unit_count_fds(), fds);
	close(dfd);
	unit_rmdir(dir);
}
END_TEST

START_TEST(write_file_fails_cleanly)
{
	struct err err = { 0 };
	char *dir = unit_mkdtemp();
	int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds = unit_count_fds();

	unit_fails(io_write_file(dfd, "no/f", "x", 1, 0600, false, &err), ENOENT, &err,
		   "write 'no/f'");
	unit_fails(io_write_file(dfd, "", "x", 1, 0600, false, &err), EINVAL, &err,
		   "not a file name");
	unit_fails(io_write_file(dfd, "a/", "x", 1, 0600, false, &err), EINVAL, &err,
		   "not a file name");
	unit_fails(io_write_file(dfd, "..", "x", 1, 0600, false, &err), EINVAL, &err,
		   "not a file name");
	/* What is no file is not replaced. */
	ck_assert_int_eq(mkdirat(dfd, "d", 0700), 0);
	unit_fails(io_write_file(dfd, "d", "x", 1, 0600, false, &err), EISDIR, &err,
		   "write 'd': it is not a regular file");
	ck_assert_int_eq(mkfifoat(dfd, "fifo", 0600), 0);
	unit_fails(io_write_file(dfd, "fifo", "x", 1, 0600, false, &err), EINVAL, &err,
		   "not a regular file");
	unit_fails(io_write_file(AT_FDCWD, "/dev/null", "x", 1, 0600, false, &err), EINVAL, &err,
		   "write '/dev/null': it is not a regular file");
	ck_assert_int_eq(unlinkat(dfd, "fifo", 0), 0);
	/* The disk is full, so to say: no temporary file stays. */
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit lim = { 10, RLIM_INFINITY };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
	unit_fails(io_write_file(dfd, "f", "more than ten bytes", 19, 0600, false, &err), EFBIG,
		   &err, "write 'f': file too large");
	lim.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &lim);
	ck_assert_int_eq(count_entries(dir), 1);
	ck_assert_int_eq(unit_count_fds(), fds);
	close(dfd);
	unit_rmdir(dir);
}
END_TEST

START_TEST(write_string)
{
	struct err err = { 0 };
	char *dir = unit_mkdtemp();
	int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *text;

	unit_fails(io_write_string(dfd, "f", "x", &err), ENOENT, &err,
		   "open 'f'"); /* never creates */
	unit_ok(io_write_file(dfd, "f", "old", 3, 0600, false, &err), &err);
	unit_ok(io_write_string(dfd, "f", "new", &err), &err);
	unit_ok(io_read_file(dfd, "f", 9, &text, NULL, &err), &err);
	ck_assert_str_eq(text, "new");
	free(text);
	unit_fails(io_write_string(AT_FDCWD, "/dev/full", "x", &err), ENOSPC, &err,
		   "write 'x' to '/dev/full'");
	unit_fails(io_write_string(AT_FDCWD, "/proc/self/oom_score_adj", "junk", &err), EINVAL,
		   &err, "junk");
	close(dfd);
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("io", whole_transfers_despite_signals, short_read_is_enodata, at_a_place,
	  no_sigpipe_on_sockets, read_file, read_big_file, read_oddities, map, write_file,
	  write_file_fails_cleanly, write_string)
