// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/sock.h"
#include "tests/unit/unit.h"
#include "wire/conn.h"
#include "wire/message.h"

/* One end under test; it stops the loop after `want` frames or at its close. */
struct end {
	struct loop *loop;
	struct wire_conn *c;
	unsigned int frames, want, drained, closed;
	size_t bytes; /* of payload */
	struct wire_frame last; /* without payload */
	uint8_t first[64];
	uint32_t order[64]; /* ids in the order of arrival */
	uint64_t sum;
	bool free_in_frame, free_in_closed, refuse, echo;
	struct err err;
};

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct end *e = data;

	ck_assert_ptr_eq(c, e->c);
	if (e->frames < ARRAY_SIZE(e->order))
		e->order[e->frames] = f->id;
	e->frames++;
	e->bytes += f->len;
	e->last = *f;
	e->last.payload = NULL;
	for (uint32_t i = 0; i < f->len; i++)
		e->sum = e->sum * 31 + f->payload[i];
	memcpy(e->first, f->payload, f->len < sizeof(e->first) ? f->len : sizeof(e->first));
	if (e->free_in_frame) {
		wire_conn_free(c);
		ck_assert_int_eq(wire_send(c, WIRE_EOF, 1, NULL, 0),
				 -EPIPE); /* memory lives until we return */
		e->c = NULL;
		if (f->len)
			e->sum += f->payload[f->len - 1];
		loop_quit(e->loop, 0);
		return 0;
	}
	if (e->echo)
		ck_assert_int_eq(wire_send(c, f->type, f->id, f->payload, f->len), 0);
	if (e->refuse)
		return err_set(err, EBADMSG, "refused by the handler");
	if (e->frames == e->want)
		loop_quit(e->loop, 0);
	return 0;
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct end *e = data;

	ck_assert_ptr_eq(c, e->c);
	e->closed++;
	e->err = *err;
	ck_assert_int_eq(wire_send(c, WIRE_EOF, 1, NULL, 0), -EPIPE);
	if (e->free_in_closed) {
		wire_conn_free(c);
		e->c = NULL;
	}
	loop_quit(e->loop, 0);
}

static void on_drained(struct wire_conn *c, void *data)
{
	struct end *e = data;

	ck_assert_uint_eq(wire_conn_queued(c), 0);
	e->drained++;
	loop_quit(e->loop, 0);
}

static const struct wire_handler handler = { on_frame, on_closed, on_drained };

static void end_init(struct end *e, struct loop *loop, int fd, bool requests, bool port)
{
	struct wire_options opt = { .accept_requests = requests, .port = port };
	struct err err = { 0 };

	*e = (struct end){ .loop = loop };
	unit_ok(wire_conn_new(loop, fd, &opt, &handler, e, &e->c, &err), &err);
	ck_assert_int_eq(wire_conn_fd(e->c), fd);
}

static struct loop *new_loop(void)
{
	struct err err = { 0 };
	struct loop *l;

	signal(SIGPIPE, SIG_IGN);
	unit_ok(loop_new(&l, &err), &err);
	return l;
}

static void new_pair(int fd[2])
{
	struct err err = { 0 };

	unit_ok(sock_pair(fd, &err), &err);
}

static void run(struct loop *l)
{
	struct err err = { 0 };

	unit_ok(loop_run(l, &err), &err);
}

static void put(int fd, enum wire_type type, uint32_t id, const void *payload, uint32_t len)
{
	uint8_t h[WIRE_HEADER_SIZE];

	wire_put_header(h, type, id, len);
	ck_assert_int_eq(io_write_all(fd, h, sizeof(h)), 0);
	if (len)
		ck_assert_int_eq(io_write_all(fd, payload, len), 0);
}

static uint8_t *pattern(size_t len, uint64_t *sum)
{
	uint8_t *p = malloc(len);

	*sum = 0;
	for (size_t i = 0; i < len; i++) {
		p[i] = (uint8_t)(i * 7 + i / 251);
		*sum = *sum * 31 + p[i];
	}
	return p;
}

struct trickle {
	struct loop *loop;
	int fd;
	const uint8_t *p;
	size_t len;
};

static void trickle_one(struct loop_source *src, void *data)
{
	struct trickle *t = data;

	if (t->len == 0)
		return;
	ck_assert_int_eq(write(t->fd, t->p, 1), 1);
	t->p++;
	t->len--;
	loop_set_timer(src, 0);
}

/* Every byte arrives in a turn of its own. */
START_TEST(one_byte_a_turn)
{
	struct loop *l = new_loop();
	struct end e;
	int fd[2];
	uint8_t bytes[3 * WIRE_HEADER_SIZE + 4 + 7];
	struct trickle t;

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	wire_put_header(bytes, WIRE_CREDIT, 1, 4);
	wire_put_u32(bytes + 12, 77);
	wire_put_header(bytes + 16, WIRE_EOF, 2, 0);
	wire_put_header(bytes + 28, WIRE_DATA, 3, 7);
	memcpy(bytes + 40, "abcdefg", 7);
	t = (struct trickle){ l, fd[1], bytes, sizeof(bytes) };
	struct loop_source *src = loop_add_timer(l, 0, trickle_one, &t, NULL);
	e.want = 3;
	run(l);
	ck_assert_uint_eq(e.frames, 3);
	ck_assert_uint_eq(e.order[0], 1);
	ck_assert_uint_eq(e.order[1], 2);
	ck_assert_uint_eq(e.order[2], 3);
	ck_assert_mem_eq(e.first, "abcdefg", 7);
	ck_assert_uint_eq(t.len, 0);
	loop_remove(src);
	wire_conn_free(e.c);
	close(fd[1]);
	loop_free(l);
}
END_TEST

START_TEST(header_violation_closes)
{
	static const uint8_t bad[][WIRE_HEADER_SIZE] = {
		{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0 },
		{ 0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, 0, 0, 0, 0 },
		{ 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0 }, /* request on a side that takes none */
		{ 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct loop *l = new_loop();
		struct end e;
		int fd[2];

		new_pair(fd);
		end_init(&e, l, fd[0], false, false);
		put(fd[1], WIRE_EOF, 1, NULL, 0); /* a good one before */
		ck_assert_int_eq(io_write_all(fd[1], bad[i], sizeof(bad[i])), 0);
		put(fd[1], WIRE_EOF, 1, NULL, 0); /* never seen */
		run(l);
		ck_assert_uint_eq(e.frames, 1);
		ck_assert_uint_eq(e.closed, 1);
		ck_assert_int_eq(e.err.code, EPROTO);
		wire_conn_free(e.c);
		close(fd[1]);
		loop_free(l);
	}
}
END_TEST

START_TEST(end_of_file)
{
	static const struct {
		size_t bytes;
		int code;
	} rows[] = { { 0, ENODATA }, { 1, EPROTO },  { 11, EPROTO },
		     { 12, EPROTO }, { 15, EPROTO }, { 16, ENODATA } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct loop *l = new_loop();
		uint8_t frame[16];
		struct end e;
		int fd[2];

		wire_put_header(frame, WIRE_DATA, 1, 4);
		memset(frame + 12, 'x', 4);
		new_pair(fd);
		end_init(&e, l, fd[0], false, false);
		e.free_in_closed = true;
		ck_assert_int_eq(io_write_all(fd[1], frame, rows[i].bytes), 0);
		close(fd[1]);
		run(l);
		ck_assert_uint_eq(e.frames, rows[i].bytes == 16);
		ck_assert_int_eq(e.err.code, rows[i].code);
		ck_assert_uint_eq(e.closed, 1);
		loop_free(l);
	}
}
END_TEST

/* 20 MiB through a socket both ways, with small frames around it: nothing lost, order kept, memory given back. */
START_TEST(large_request)
{
	struct loop *l = new_loop();
	struct end a, b;
	uint64_t sum;
	uint8_t *big = pattern(WIRE_MAX_REQUEST, &sum);
	int fd[2];

	new_pair(fd);
	end_init(&a, l, fd[0], true, false);
	end_init(&b, l, fd[1], true, false);
	ck_assert_int_eq(wire_send(a.c, WIRE_DATA, 1, "x", 1), 0);
	ck_assert_int_eq(wire_send(a.c, WIRE_REQUEST, 2, big, WIRE_MAX_REQUEST), 0);
	ck_assert_int_eq(wire_send(a.c, WIRE_DATA, 3, "y", 1), 0);
	ck_assert_int_eq(wire_send(a.c, WIRE_REQUEST, 4, big, WIRE_MAX_REQUEST + 1), -EMSGSIZE);
	ck_assert_uint_gt(wire_conn_queued(a.c), 0x100000);
	b.want = 3;
	while (b.frames < 3)
		run(l);
	ck_assert_uint_eq(b.bytes, WIRE_MAX_REQUEST + 2);
	ck_assert_uint_eq(b.order[0], 1);
	ck_assert_uint_eq(b.order[1], 2);
	ck_assert_uint_eq(b.order[2], 3);
	while (a.drained == 0)
		run(l);
	ck_assert_uint_eq(a.drained, 1);
	ck_assert_uint_eq(wire_conn_queued(a.c), 0);
	free(big);
	wire_conn_free(a.c);
	wire_conn_free(b.c);
	loop_free(l);
}
END_TEST

/* Two echoing ends with frames of all sizes on many streams. */
START_TEST(interleaving)
{
	struct loop *l = new_loop();
	struct end a, b;
	uint64_t sum, want = 0;
	size_t total = 0;
	uint8_t *p = pattern(WIRE_MAX_DATA, &sum);
	int fd[2];

	new_pair(fd);
	end_init(&a, l, fd[0], false, false);
	end_init(&b, l, fd[1], false, false);
	b.echo = true;
	for (uint32_t i = 0; i < 400; i++) {
		size_t len = (i * 7919) % WIRE_MAX_DATA + 1;

		ck_assert_int_eq(wire_send(a.c, WIRE_DATA, i, p, len), 0);
		total += len;
		for (size_t k = 0; k < len; k++)
			want = want * 31 + p[k];
		if (i % 3 == 0)
			ck_assert_int_eq(wire_send(a.c, WIRE_EOF, i, NULL, 0), 0);
		if (i % 5 == 0)
			ck_assert_int_eq(wire_send_credit(a.c, i, 0), 0);
	}
	a.want = 400 + 134 + 80;
	while (a.frames < a.want)
		run(l);
	ck_assert_uint_eq(a.frames, b.frames);
	ck_assert_uint_eq(a.bytes, total + sizeof(uint32_t) * 80);
	ck_assert_uint_eq(a.sum, b.sum);
	ck_assert_uint_eq(a.closed + b.closed, 0);
	free(p);
	wire_conn_free(a.c);
	wire_conn_free(b.c);
	loop_free(l);
}
END_TEST

START_TEST(freed_in_callbacks)
{
	struct loop *l = new_loop();
	struct end e;
	int fd[2], before = unit_count_fds();

	/* in on_frame, with another frame waiting in the buffer */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	e.free_in_frame = true;
	put(fd[1], WIRE_DATA, 1, "abc", 3);
	put(fd[1], WIRE_DATA, 2, "def", 3);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	ck_assert_uint_eq(e.closed, 0);
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);

	/* in on_closed, after a refused frame */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	e.free_in_closed = e.refuse = true;
	put(fd[1], WIRE_DATA, 1, "abc", 3);
	put(fd[1], WIRE_DATA, 2, "def", 3);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	ck_assert_uint_eq(e.closed, 1);
	ck_assert_int_eq(e.err.code, EBADMSG);
	ck_assert_str_eq(e.err.msg, "refused by the handler");
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);

	/* with output queued, twice, and NULL */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	for (int i = 0; i < 100; i++) {
		static const uint8_t zeros[WIRE_MAX_DATA];

		ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, zeros, sizeof(zeros)), 0);
	}
	ck_assert_uint_gt(wire_conn_queued(e.c), 0);
	wire_conn_freep(&e.c);
	wire_conn_free(NULL);
	close(fd[1]);
	ck_assert_int_eq(unit_count_fds(), before);
	loop_free(l);
}
END_TEST

/* What the peer said before it left is read although our writing fails first. */
START_TEST(last_words)
{
	struct loop *l = new_loop();
	struct end e;
	int fd[2];

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	for (uint32_t i = 0; i < 50; i++)
		put(fd[1], WIRE_DATA, i, "abc", 3);
	close(fd[1]);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, "x", 1),
			 0); /* EPIPE inside, no callback from here */
	ck_assert_uint_eq(e.closed + e.frames, 0);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, "x", 1), 0);
	ck_assert_uint_eq(wire_conn_queued(e.c), 0);
	run(l);
	ck_assert_uint_eq(e.frames, 50);
	ck_assert_uint_eq(e.closed, 1);
	wire_conn_free(e.c);

	/* the reading side of the peer alone is gone: nothing but the write tells */
	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	put(fd[1], WIRE_DATA, 7, "abc", 3);
	ck_assert_int_eq(shutdown(fd[1], SHUT_RD), 0);
	ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, "x", 1), 0);
	run(l);
	ck_assert_uint_eq(e.frames, 1);
	ck_assert_int_eq(e.err.code, EPIPE);
	wire_conn_free(e.c);
	close(fd[1]);
	loop_free(l);
}
END_TEST

/* A peer that stops reading fills the queue of its own connection only. */
START_TEST(stalled_peer)
{
	static uint8_t block[65536];
	struct loop *l = new_loop();
	struct end e;
	int fd[2];

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(wire_send(e.c, WIRE_DATA, 1, block, sizeof(block)), 0);
	size_t queued = wire_conn_queued(e.c);
	ck_assert_uint_le(queued, 4 * (sizeof(block) + WIRE_HEADER_SIZE));
	size_t rest = 4 * (sizeof(block) + WIRE_HEADER_SIZE);
	while (rest > 0) {
		uint8_t buf[70000];
		ssize_t n = recv(fd[1], buf, sizeof(buf), MSG_DONTWAIT);

		if (n < 0) {
			run(l); /* until drained */
			continue;
		}
		rest -= (size_t)n;
	}
	ck_assert_uint_eq(wire_conn_queued(e.c), 0);
	wire_conn_free(e.c);
	close(fd[1]);
	loop_free(l);
}
END_TEST

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

START_TEST(json_senders)
{
	struct loop *l = new_loop();
	struct end e;
	struct err err = { 0 };
	int fd[2];

	new_pair(fd);
	end_init(&e, l, fd[0], false, false);
	json_t *params = json_pack("{s:s}", "id", "c1");
	ck_assert_int_eq(wire_send_request(e.c, 3, "container.start", params), 0);
	ck_assert_uint_eq(params->refcount, 1);
	json_decref(params);
	ck_assert_int_eq(wire_send_request(e.c, 4, "x", NULL), 0);
	ck_assert_int_eq(wire_send_result(e.c, 5, NULL), 0);
	err_set(&err, ENOENT, "no \x1b[31m\xff such\nfile");
	ck_assert_int_eq(wire_send_error(e.c, 6, &err), 0);
	json_t *event = json_pack("{s:s,s:i}", "event", "exit", "code", 3);
	ck_assert_int_eq(wire_send_event(e.c, event), 0);
	json_decref(event);
	wire_conn_free(e.c);

	static const char *const want[] = {
		"{\"method\":\"container.start\",\"params\":{\"id\":\"c1\"}}",
		"{\"method\":\"x\"}",
		"{\"result\":{}}",
		"{\"error\":{\"code\":2,\"message\":\"no ?[31m? such file\"}}",
		"{\"event\":\"exit\",\"code\":3}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		uint8_t h[WIRE_HEADER_SIZE];
		char body[256];
		struct wire_frame f;

		ck_assert_int_eq(io_read_all(fd[1], h, sizeof(h)), 0);
		err.code = 0;
		unit_ok(wire_get_header(h, true, &f, &err), &err);
		ck_assert_int_eq(io_read_all(fd[1], body, f.len), 0);
		body[f.len] = '\0';
		ck_assert_str_eq(body, want[i]);
	}
	close(fd[1]);
	loop_free(l);
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

UNIT_MAIN("wire_conn", one_byte_a_turn, header_violation_closes, end_of_file, large_request,
	  interleaving, freed_in_callbacks, last_words, stalled_peer, from_a_pipe,
	  other_descriptors, port_away, json_senders, new_takes_descriptor, descriptors)
