/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "base/str.h"
#include "tests/unit/unit.h"

/* A directory whose path is far beyond sun_path. */
static char *deep_dir(char **top)
{
	struct err err = { 0 };
	char name[101];

	*top = unit_mkdtemp();
	memset(name, 'd', 100);
	name[100] = '\0';
	char *path = str_printf("%s/%s/%s", *top, name, name);
	unit_ok(path_mkdirs(path, 0755, &err), &err);
	return path;
}

START_TEST(long_paths)
{
	struct err err = { 0 };
	char *top, name[101];
	_free_ char *dir = deep_dir(&top);
	_close_ int dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds = unit_count_fds();
	struct stat st;

	umask(0);
	int l = sock_listen_at(dfd, "s", &err);
	unit_ok(l, &err);
	ck_assert_int_eq(fstatat(dfd, "s", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode, S_IFSOCK | 0600);
	ck_assert_int_eq(fcntl(l, F_GETFD), FD_CLOEXEC);

	int c = sock_connect_at(dfd, "s", &err);
	unit_ok(c, &err);
	ck_assert_int_eq(fcntl(c, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(c, F_GETFL) & O_NONBLOCK, 0);
	uid_t uid = 12345;
	ck_assert_int_eq(sock_peer_uid(c, &uid), 0);
	ck_assert_uint_eq(uid, geteuid());
	close(c);

	_free_ char *path = path_join(dir, "s");
	c = sock_connect_at(AT_FDCWD, path, &err);
	unit_ok(c, &err);
	close(c);

	/* Nothing is replaced. */
	unit_fails(sock_listen_at(dfd, "s", &err), EADDRINUSE, &err,
		   "bind 's': address already in use");
	unit_fails(sock_listen_at(AT_FDCWD, path, &err), EADDRINUSE, &err, "already in use");
	memset(name, 'n', 100);
	name[100] = '\0';
	unit_fails(sock_listen_at(dfd, name, &err), ENAMETOOLONG, &err, "too long");
	unit_fails(sock_listen_at(dfd, "x/", &err), ENOENT, &err, "listen at 'x/'");
	unit_fails(sock_connect_at(dfd, "none", &err), ENOENT, &err, "connect to 'none'");
	close(l);
	unit_fails(sock_connect_at(dfd, "s", &err), ECONNREFUSED, &err, "refused");
	ck_assert_int_eq(unit_count_fds(), fds);
	unit_rmdir(top);
}
END_TEST

START_TEST(peer_uid_of_unconnected)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uid_t uid = 7;

	ck_assert_int_eq(sock_peer_uid(fd, &uid), -ENOTCONN);
	ck_assert_int_eq(sock_peer_uid(-1, &uid), -EBADF);
	ck_assert_uint_eq(uid, 7);
	close(fd);
}
END_TEST

START_TEST(pass_fds)
{
	struct err err = { 0 };
	int s[2], fds[SOCK_MAX_FDS], got[SOCK_MAX_FDS];
	struct stat a, b;
	char data[64];
	size_t n;

	unit_ok(sock_pair(s, &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = open(i % 2 ? "/dev/null" : "/", O_PATH | O_CLOEXEC);
	int open_fds = unit_count_fds();

	for (size_t k = 0; k <= SOCK_MAX_FDS; k++) {
		ck_assert_int_eq(sock_send_fds(s[0], "hello", 5, fds, k), 0);
		n = SOCK_MAX_FDS;
		ck_assert_int_eq(sock_recv_fds(s[1], data, sizeof(data), got, &n), 5);
		ck_assert_uint_eq(n, k);
		for (size_t i = 0; i < n; i++) {
			ck_assert_int_eq(fstat(fds[i], &a), 0);
			ck_assert_int_eq(fstat(got[i], &b), 0);
			ck_assert(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
			ck_assert_int_eq(fcntl(got[i], F_GETFD), FD_CLOEXEC);
			close(got[i]);
		}
	}
	ck_assert_int_eq(sock_send_fds(s[0], "x", 1, fds, SOCK_MAX_FDS + 1), -EINVAL);
	ck_assert_int_eq(sock_send_fds(s[0], "", 0, fds, 1), -EINVAL);
	ck_assert_int_eq(sock_send_fds(s[0], "", 0, NULL, 0), 0);
	/* More than asked for: all are closed. */
	ck_assert_int_eq(sock_send_fds(s[0], "x", 1, fds, 3), 0);
	n = 2;
	got[0] = 77;
	ck_assert_int_eq(sock_recv_fds(s[1], data, sizeof(data), got, &n), -EMFILE);
	ck_assert_int_eq(got[0], 77);
	ck_assert_int_eq(unit_count_fds(), open_fds);
	ck_assert_int_eq(sock_send_fds(s[0], "x", 1, fds, 1), 0);
	ck_assert_int_eq(sock_recv_fds(s[1], data, sizeof(data), NULL, NULL), -EMFILE);
	ck_assert_int_eq(unit_count_fds(), open_fds);
	close(s[0]);
	n = 2;
	ck_assert_int_eq(sock_recv_fds(s[1], data, sizeof(data), got, &n), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(sock_send_fds(s[1], "x", 1, fds, 1), -EPIPE);
	close(s[1]);
	ck_assert_int_eq(sock_recv_fds(s[1], data, sizeof(data), got, &n), -EBADF);
}
END_TEST

/* Far more than SOCK_MAX_FDS from a hostile peer. */
START_TEST(flood_of_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(253 * sizeof(int))];
	} control = { 0 };
	struct err err = { 0 };
	int s[2], got[2];
	char c = 'x';
	struct iovec iov = { &c, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	size_t n = 2;

	unit_ok(sock_pair(s, &err), &err);
	int before = unit_count_fds();
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(253 * sizeof(int));
	for (int i = 0; i < 253; i++)
		memcpy(CMSG_DATA(h) + i * sizeof(int), &s[0], sizeof(int));
	ck_assert_int_eq(sendmsg(s[0], &msg, 0), 1);
	ck_assert_int_eq(sock_recv_fds(s[1], &c, 1, got, &n), -EMFILE);
	ck_assert_int_eq(unit_count_fds(), before);

	/* Cut short because our own table is full. */
	ck_assert_int_eq(sendmsg(s[0], &msg, 0), 1);
	struct rlimit lim = { 40, 40 };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lim), 0);
	ck_assert_int_eq(sock_recv_fds(s[1], &c, 1, got, &n), -EPROTO);
	ck_assert_int_eq(unit_count_fds(), before);
	close(s[0]);
	close(s[1]);
}
END_TEST

/* More data than one sendmsg takes: the descriptors come once. */
START_TEST(long_message)
{
	enum { SIZE = 1 << 20 };
	struct err err = { 0 };
	int s[2], got[4], total_fds = 0;
	char *data = calloc(1, SIZE), *buf = malloc(SIZE);
	size_t total = 0;

	unit_ok(sock_pair(s, &err), &err);
	pid_t pid = fork();
	if (pid == 0)
		_exit(-sock_send_fds(s[0], data, SIZE, &s[0], 1));
	close(s[0]);
	for (;;) {
		size_t n = 4;
		ssize_t r = sock_recv_fds(s[1], buf, SIZE, got, &n);

		ck_assert_int_ge(r, 0);
		for (size_t i = 0; i < n; i++)
			close(got[i]);
		total_fds += (int)n;
		if (r == 0)
			break;
		total += (size_t)r;
	}
	ck_assert_uint_eq(total, SIZE);
	ck_assert_int_eq(total_fds, 1);
	close(s[1]);
	free(data);
	free(buf);
}
END_TEST

UNIT_MAIN("sock", long_paths, peer_uid_of_unconnected, pass_fds, flood_of_fds, long_message)
