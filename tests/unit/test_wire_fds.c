/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: those that a connection can be over, frames that come from one, frames that bring one. */
#include <fcntl.h>
#include <pty.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "tests/unit/test_wire_conn.h"
#include "wire/conn.h"

static void send_by_pipe(struct end *e, int pipe[2], uint32_t id, const uint8_t *p, uint32_t len)
{
	uint8_t byte;

	put(pipe[1], WIRE_DATA, id, p, len);
	wire_send_pipe(e->c, pipe[0], WIRE_HEADER_SIZE + len);
	/* It is empty, whatever became of the frame. */
	ck_assert_int_eq(read(pipe[0], &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

/* Frames from a pipe keep their place among the others, also when the peer does not take them at once. */
START_TEST(from_a_pipe)
{
	enum { LEN = 200000, ROUNDS = 8 };
	struct loop *l = new_loop();
	uint64_t sum, all = 0;
	_free_ uint8_t *p = pattern(LEN, &sum);
	struct end e, peer;
	int fd[2], pipe[2];

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	ck_assert_int_eq(pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_ge(fcntl(pipe[1], F_SETPIPE_SZ, 2 * LEN), 2 * LEN);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		send_by_pipe(&e, pipe, 2 * i, p, LEN);
		ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 2 * i + 1, "x", 1), 0);
		for (size_t k = 0; k < LEN; k++)
			all = all * 31 + p[k];
		all = all * 31 + 'x';
	}
	ck_assert_uint_gt(wire_conn_queued(e.c), 0);
	end_init(&peer, l, fd[1], false, false);
	peer.want = 2 * ROUNDS;
	while (peer.frames < peer.want)
		run(l);
	for (uint32_t i = 0; i < peer.want; i++)
		ck_assert_uint_eq(peer.order[i], i);
	ck_assert_uint_eq(peer.sum, all);
	wire_conn_free(peer.c);
	send_by_pipe(&e, pipe, 1, p, LEN); /* to nobody */
	while (e.closed == 0)
		run(l);
	send_by_pipe(&e, pipe, 1, p, LEN); /* the same when that is known */
	wire_conn_free(e.c);
	close(pipe[0]);
	close(pipe[1]);
	loop_free(l);
}
END_TEST

/* A read-only and a write-only end of pipes, and a terminal as a character device. */
START_TEST(other_descriptors)
{
	struct loop *l = new_loop();
	struct end e;
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	end_init(&e, l, p[0], false, false);
	e.want = 1;
	put(p[1], WIRE_EVENT, 0, "{}", 2);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	close(p[1]);
	run(l);
	ck_assert_int_eq(e.err.code, ENODATA);
	wire_conn_free(e.c);

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	end_init(&e, l, p[1], false, false);
	ck_assert_int_eq(wire_send(e.c, WIRE_EVENT, 0, "{}", 2), 0);
	uint8_t got[14];
	ck_assert_int_eq(io_read_all(p[0], got, sizeof(got)), 0);
	ck_assert_mem_eq(got + 12, "{}", 2);
	close(p[0]);
	run(l);
	ck_assert_uint_eq(e.closed, 1);
	wire_conn_free(e.c);

	int master, slave;
	struct termios raw;
	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
	end_init(&e, l, slave, false, false);
	e.want = 1;
	put(master, WIRE_DATA, 5, "abc", 3);
	run(l);
	ck_assert_mem_eq(e.first, "abc", 3);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 5, "defgh", 5), 0);
	uint8_t back[17];
	ck_assert_int_eq(io_read_all(master, back, sizeof(back)), 0);
	ck_assert_mem_eq(back + 12, "defgh", 5);
	wire_conn_free(e.c);
	close(master);
	loop_free(l);
}
END_TEST

static void quit_now(struct loop_source *src, void *data)
{
	loop_quit(data, 0);
}

/*
 * A port whose reads give 0 while nobody is there (here: a pipe without writer):
 * no close, no spinning, half frames forgotten, and life after the return.
 */
START_TEST(port_away)
{
	struct loop *l = new_loop();
	struct end e;
	char *dir = unit_mkdtemp(), *path = path_join(dir, "port");
	uint8_t h[WIRE_HEADER_SIZE];

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int w = open(path, O_WRONLY | O_CLOEXEC);
	end_init(&e, l, fd, false, true);
	put(w, WIRE_DATA, 1, "abc", 3);
	wire_put_header(h, WIRE_DATA, 2, 10);
	ck_assert_int_eq(io_write_all(w, h, sizeof(h)), 0); /* half */
	close(w);
	struct loop_source *t = loop_add_timer(l, 50, quit_now, l, NULL);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	ck_assert_uint_eq(e.closed, 0);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, "x", 1), 0); /* dropped */
	ck_assert_uint_eq(wire_conn_queued(e.c), 0);

	struct timespec before, after;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	loop_set_timer(t, 200);
	run(l);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	ck_assert_int_lt((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec,
			 50000000);

	w = open(path, O_WRONLY | O_CLOEXEC);
	put(w, WIRE_DATA, 3, "defg", 4);
	e.want = 2;
	run(l);
	ck_assert_uint_eq(e.frames, 2);
	ck_assert_uint_eq(e.last.id, 3);
	ck_assert_uint_eq(e.closed, 0);
	loop_remove(t);
	close(w);
	wire_conn_free(e.c);
	loop_free(l);
	free(path);
	unit_rmdir(dir);
}
END_TEST

START_TEST(new_takes_descriptor)
{
	struct loop *l = new_loop();
	struct wire_options opt = { 0 };
	struct wire_conn *c = NULL;
	struct err err = { 0 };
	int before = unit_count_fds();
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* epoll refuses it */

	unit_fails(wire_conn_new(l, fd, &opt, &handler, NULL, &c, &err), EPERM, &err,
		   "watch connection");
	ck_assert_ptr_null(c);
	err.code = 0;
	unit_fails(wire_conn_new(l, -EBADF, &opt, &handler, NULL, &c, &err), EBADF, &err,
		   "connection");
	ck_assert_int_eq(unit_count_fds(), before);
	loop_free(l);
}
END_TEST

/* ---- frames that bring a descriptor ---- */

struct taker {
	struct loop *loop;
	unsigned int frames;
	int got[3]; /* what each frame brought */
};

static int on_passed(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct taker *t = data;

	(void)err;
	/* Frame 2 does not look. */
	t->got[t->frames] = f->id == 2 ? -EBADF : wire_conn_take_fd(c);
	ck_assert_int_eq(f->id == 2 ? -EBADF : wire_conn_take_fd(c), -EBADF);
	if (++t->frames == 3)
		loop_quit(t->loop, 0);
	return 0;
}

static void unexpected(struct wire_conn *c, const struct err *err, void *data)
{
	(void)c;
	(void)data;
	ck_abort_msg("closed: %s", err->msg);
}

static void put_with_fd(int sock, uint32_t id)
{
	_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint8_t h[WIRE_HEADER_SIZE];

	wire_put_header(h, WIRE_EOF, id, 0);
	ck_assert_int_eq(sock_send_fds(sock, h, sizeof(h), &null, 1), 0);
}

START_TEST(descriptors)
{
	static const struct wire_handler taking = { on_passed, unexpected, NULL };
	static const struct wire_options opt = { .accept_fds = true };
	struct taker t = { .loop = new_loop() };
	struct wire_conn *c;
	struct err err = { 0 };
	struct stat st;
	int fd[2], before = unit_count_fds();

	new_pair(fd);
	unit_ok(wire_conn_new(t.loop, fd[0], &opt, &taking, &t, &c, &err), &err);
	put_with_fd(fd[1], 1);
	put_with_fd(fd[1], 2); /* closed when the next one comes, */
	put_with_fd(fd[1], 3);
	run(t.loop);
	for (int i = 0; i < 3; i += 2) {
		ck_assert_int_eq(fstat(t.got[i], &st), 0);
		ck_assert(S_ISCHR(st.st_mode));
		ck_assert_int_eq(fcntl(t.got[i], F_GETFD), FD_CLOEXEC);
		close(t.got[i]);
	}
	put_with_fd(fd[1], 2); /* or at the end */
	t.frames = 2;
	run(t.loop);
	wire_conn_free(c);
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);
	loop_free(t.loop);
}
END_TEST

UNIT_MAIN("wire_fds", other_descriptors, port_away, new_takes_descriptor, from_a_pipe, descriptors)
