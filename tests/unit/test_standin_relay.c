// SPDX-License-Identifier: Apache-2.0
/* Streams of a stand-in: every kind of descriptor, every way a reader or writer can behave. */
#include <sys/un.h>

#include "base/io.h"
#include "tests/unit/test_standin.h"
#include "wire/conn.h"
#include "wire/frame.h"

static const struct rig_options plain = { 0 };
static struct rig rig;

/* ---- a process in the guest that is `cat`: stream 0 comes back on 1, with credit both ways ---- */

struct cat {
	struct loop *loop;
	struct wire_conn *c;
	struct wire_window to_standin;
	uint8_t *held; /* came in, not yet sent back */
	size_t n_held, most_held;
	bool eof, on_stderr;
};

static void cat_pump(struct cat *cat)
{
	uint32_t stream = cat->on_stderr ? 2 : 1;

	while (cat->n_held > 0) {
		uint32_t n = cat->n_held < WIRE_MAX_DATA ? (uint32_t)cat->n_held : WIRE_MAX_DATA;

		if (n > cat->to_standin.avail)
			n = cat->to_standin.avail;
		if (n == 0)
			return;
		wire_window_take(&cat->to_standin, n);
		ck_assert_int_eq(wire_send(cat->c, WIRE_DATA, stream, cat->held, n), 0);
		ck_assert_int_eq(wire_send_credit(cat->c, 0, n), 0);
		cat->n_held -= n;
		memmove(cat->held, cat->held + n, cat->n_held);
	}
	if (cat->eof) {
		cat->eof = false;
		wire_send(cat->c, WIRE_EOF, 1, NULL, 0);
		wire_send(cat->c, WIRE_EOF, 2, NULL, 0);
		json_t *e = json_pack("{s:s,s:i}", "event", "exit", "code", 0);
		wire_send_event(cat->c, e);
		json_decref(e);
	}
}

static int cat_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct cat *cat = data;

	if (f->type == WIRE_DATA) {
		ck_assert_uint_eq(f->id, 0);
		ck_assert_uint_le(cat->n_held + f->len, WIRE_WINDOW); /* it kept to its credit */
		memcpy(cat->held + cat->n_held, f->payload, f->len);
		cat->n_held += f->len;
		if (cat->n_held > cat->most_held)
			cat->most_held = cat->n_held;
	} else if (f->type == WIRE_EOF) {
		cat->eof = true;
	} else if (f->type == WIRE_CREDIT) {
		ck_assert(wire_window_give(&cat->to_standin, wire_get_u32(f->payload)));
	} else {
		ck_abort_msg("frame of type %d", f->type);
	}
	cat_pump(cat);
	return 0;
}

static void cat_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct cat *cat = data;

	wire_conn_free(c);
	loop_quit(cat->loop, 0);
}

static void run_cat(bool on_stderr)
{
	static const struct wire_handler h = { cat_frame, cat_closed, NULL };
	struct wire_options opt = { .accept_requests = true };
	struct cat cat = { .held = malloc(WIRE_WINDOW), .on_stderr = on_stderr };
	struct err err = { 0 };

	wire_window_init(&cat.to_standin);
	unit_ok(loop_new(&cat.loop, &err), &err);
	unit_ok(wire_conn_new(cat.loop, take_fd(rig.mon), &opt, &h, &cat, &cat.c, &err), &err);
	unit_ok(loop_run(cat.loop, &err), &err);
	loop_free(cat.loop);
	free(cat.held);
}

/* A child that writes or checks len pseudo-random bytes. */
static pid_t pattern_child(int fd, size_t len, bool check, int other)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close(other);
	uint32_t x = 12345;
	static uint8_t buf[50000], got[50000];
	for (size_t done = 0; done < len;) {
		size_t n = len - done < sizeof(buf) ? len - done : (done % sizeof(buf)) / 2 + 1;

		if (n > len - done)
			n = len - done;
		for (size_t i = 0; i < n; i++) {
			x = x * 1664525 + 1013904223;
			buf[i] = (uint8_t)(x >> 24);
		}
		if (check ? io_read_all(fd, got, n) < 0 || memcmp(got, buf, n) != 0 :
			    io_write_all(fd, buf, n) < 0)
			_exit(1);
		done += n;
	}
	_exit(check && read(fd, got, 1) != 0 ? 2 : 0);
}

static void expect_child(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

#define BULK 0x3200000u /* 50 MiB */

static void bulk(const struct rig_options *o, bool on_stderr)
{
	rig_init(&rig);
	rig_start(&rig, o);
	pid_t writer = pattern_child(rig.in, BULK, false, on_stderr ? rig.err : rig.out);
	pid_t reader = pattern_child(on_stderr ? rig.err : rig.out, BULK, true, rig.in);
	rig.in = fd_close(rig.in);
	run_cat(on_stderr);
	expect_child(writer);
	expect_child(reader);
	rig_expect_exit(&rig, 0);
	rig_done(&rig);
}

START_TEST(bulk_pipes)
{
	bulk(&plain, false);
	bulk(&plain, true);
}
END_TEST

START_TEST(bulk_sockets)
{
	int in[2], out[2];
	struct err err = { 0 };

	unit_ok(sock_pair(in, &err), &err);
	unit_ok(sock_pair(out, &err), &err);
	struct rig_options o = { .stdio = { in[0], out[0], 0 } };
	rig_init(&rig);
	rig_start(&rig, &o);
	rig.in = in[1];
	rig.out = out[1];
	/* the caller's open files were not made non-blocking: they are shared with us here */
	ck_assert_int_eq(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(out[0], F_GETFL) & O_NONBLOCK, 0);
	close(in[0]);
	close(out[0]);
	pid_t writer = pattern_child(rig.in, BULK, false, rig.out);
	pid_t reader = pattern_child(rig.out, BULK, true, rig.in);
	rig.in = fd_close(rig.in);
	run_cat(false);
	expect_child(writer);
	expect_child(reader);
	rig_expect_exit(&rig, 0);
	rig_done(&rig);
}
END_TEST

START_TEST(bulk_files)
{
	char *dir = unit_mkdtemp(), *a = path_join(dir, "in"), *b = path_join(dir, "out");
	int in = open(a, O_RDWR | O_CREAT | O_CLOEXEC, 0600),
	    out = open(b, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	expect_child(pattern_child(in, BULK, false, -1));
	ck_assert_int_eq(lseek(in, 0, SEEK_SET), 0);
	struct rig_options o = { .stdio = { in, out, 0 } };
	rig_init(&rig);
	rig_start(&rig, &o);
	run_cat(false);
	rig_expect_exit(&rig, 0);
	/* the position is that of the caller's open file */
	ck_assert_int_eq(lseek(out, 0, SEEK_CUR), BULK);
	ck_assert_int_eq(lseek(out, 0, SEEK_SET), 0);
	expect_child(pattern_child(out, BULK, true, -1));
	rig_done(&rig);
	close(in);
	close(out);
	free(a);
	free(b);
	unit_rmdir(dir);
}
END_TEST

/* ---- readers ---- */

/* Sends n blocks of 256 KiB as far as the credit goes: how many went. */
static unsigned int send_blocks(uint32_t stream, unsigned int n, struct wire_window *w)
{
	static const uint8_t block[WIRE_MAX_DATA];
	struct wire_frame f;
	unsigned int sent = 0;

	while (sent < n) {
		while (w->avail < sizeof(block)) {
			if (!rig_get(&rig, &f, 200))
				return sent;
			ck_assert_int_eq(f.type, WIRE_CREDIT);
			ck_assert_uint_eq(f.id, stream);
			ck_assert(wire_window_give(w, wire_get_u32(f.payload)));
		}
		wire_window_take(w, sizeof(block));
		rig_put(&rig, WIRE_DATA, stream, block, sizeof(block));
		sent++;
	}
	return sent;
}

/* A reader that takes nothing stops its own stream only, and within the window. */
START_TEST(stopped_reader)
{
	struct wire_window out, err;
	static uint8_t sink[1 << 20];

	rig_init(&rig);
	rig_start(&rig, &plain);
	wire_window_init(&out);
	wire_window_init(&err);
	/* the pipe takes 64 KiB, the stand-in holds 1 MiB */
	ck_assert_uint_le(send_blocks(1, 20, &out), 5);
	pid_t reader = fork();
	if (reader == 0) {
		size_t got = 0;
		ssize_t n;

		close(rig.out);
		while (got < 12u << 20 && (n = read(rig.err, sink, sizeof(sink))) > 0)
			got += (size_t)n;
		_exit(got == 12u << 20 ? 0 : 1);
	}
	ck_assert_uint_eq(send_blocks(2, 48, &err), 48);
	expect_child(reader);
	ck_assert_int_eq(io_write_all(rig.in, "typed", 5), 0);
	struct wire_frame f;
	do
		ck_assert(rig_get(&rig, &f, 5000));
	while (f.type == WIRE_CREDIT);
	ck_assert_str_eq((const char *)rig.buf, "typed");
	/* it reads again: all that was held comes, then the exit is taken */
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":5}");
	usleep(50000);
	ck_assert_int_eq(waitpid(rig.pid, NULL, WNOHANG), 0);
	size_t got = 0;
	ssize_t n;
	while ((n = read(rig.out, sink, sizeof(sink))) > 0)
		got += (size_t)n;
	ck_assert_uint_ge(got, WIRE_WINDOW);
	ck_assert_uint_eq(got % WIRE_MAX_DATA, 0);
	rig_expect_exit(&rig, 5);
	rig_done(&rig);
}
END_TEST

static void closed_reader(int stdout_fd, bool queued)
{
	struct rig_options o = { .stdio = { 0, stdout_fd, 0 } };
	static const uint8_t block[WIRE_MAX_DATA];
	struct wire_frame f;

	rig_init(&rig);
	rig_start(&rig, &o);
	if (queued)
		for (int i = 0; i < 3; i++)
			rig_put(&rig, WIRE_DATA, 1, block, sizeof(block));
	if (queued)
		usleep(20000);
	rig.out = fd_close(rig.out);
	if (!queued)
		rig_put_text(&rig, WIRE_DATA, 1, "x");
	do
		ck_assert(rig_get(&rig, &f, 5000));
	while (f.type == WIRE_CREDIT);
	ck_assert(f.type == WIRE_CLOSE && f.id == 1);
	/* what is under way is dropped; the others live */
	rig_put_text(&rig, WIRE_DATA, 1, "y");
	rig_put(&rig, WIRE_EOF, 1, NULL, 0);
	rig_put_text(&rig, WIRE_DATA, 2, "z");
	char byte;
	ck_assert_int_eq(read(rig.err, &byte, 1), 1);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":0}");
	rig_expect_exit(&rig, 0);
	rig_done(&rig);
}

START_TEST(reader_closes)
{
	closed_reader(0, false);
	closed_reader(0, true);
	/* no space left on the device is the same to the process as nobody reading */
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	closed_reader(full, false);
	close(full);
	/* closed before it starts: opening the pipe again fails then */
	int p[2];
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	closed_reader(p[1], false);
	close(p[1]);
	/* a socket */
	struct err err = { 0 };
	unit_ok(sock_pair(p, &err), &err);
	close(p[0]);
	closed_reader(p[1], false);
	close(p[1]);
	/* not open for writing at all */
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	closed_reader(null, false);
	close(null);
}
END_TEST

/* With "drop" a reader that takes nothing is given a second; one that takes something is not cut. */
START_TEST(drop)
{
	static uint8_t block[WIRE_MAX_DATA];
	struct timespec a, b;

	for (int slow = 0; slow < 2; slow++) {
		rig_init(&rig);
		rig_start(&rig, &plain);
		for (int i = 0; i < 4; i++)
			rig_put(&rig, WIRE_DATA, 1, block, sizeof(block));
		clock_gettime(CLOCK_MONOTONIC, &a);
		rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":9,\"drop\":true}");
		for (int i = 0; slow && i < 4; i++) {
			usleep(400000);
			ck_assert_int_eq(io_read_all(rig.out, block, sizeof(block)), 0);
		}
		rig_expect_exit(&rig, 9);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ck_assert_int_ge((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000,
				 900);
		ck_assert_int_lt(b.tv_sec - a.tv_sec, 5);
		rig_done(&rig);
	}
}
END_TEST

/* ---- ends ---- */

START_TEST(half_close)
{
	char buf[16];

	rig_init(&rig);
	rig_start(&rig, &plain);
	ck_assert_int_eq(io_write_all(rig.in, "abc", 3), 0);
	rig.in = fd_close(rig.in);
	rig_expect(&rig, WIRE_DATA, 0, "abc");
	rig_expect(&rig, WIRE_EOF, 0, NULL);
	rig_put_text(&rig, WIRE_DATA, 1, "still here");
	ck_assert_int_eq(io_read_all(rig.out, buf, 10), 0);
	/* the process closed its stdout: so does the reader see it, while stderr goes on */
	rig_put(&rig, WIRE_EOF, 1, NULL, 0);
	ck_assert_int_eq(read(rig.out, buf, 1), 0);
	rig_put_text(&rig, WIRE_DATA, 2, "err");
	ck_assert_int_eq(io_read_all(rig.err, buf, 3), 0);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":0}");
	rig_expect_exit(&rig, 0);
	rig_done(&rig);
}
END_TEST

/* The process reads no more: whoever writes to the pipe gets EPIPE. */
START_TEST(process_closes_stdin)
{
	rig_init(&rig);
	rig_start(&rig, &plain);
	rig_put(&rig, WIRE_CLOSE, 0, NULL, 0);
	rig_put(&rig, WIRE_CLOSE, 0, NULL, 0); /* harmless */
	rig_put(&rig, WIRE_CREDIT, 0, "\0\0\0\0", 4);
	struct pollfd p = { .fd = rig.in, .events = 0 };
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	ck_assert_int_eq(write(rig.in, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":0}");
	rig_expect_exit(&rig, 0);
	rig_done(&rig);
}
END_TEST

/* Without credit nothing is read, and an idle stand-in with a hung-up stdin does not spin. */
START_TEST(credit_of_stdin)
{
	static uint8_t block[2 * WIRE_WINDOW];
	struct wire_frame f;
	size_t got = 0;

	rig_init(&rig);
	rig_start(&rig, &plain);
	pid_t writer = fork();
	if (writer == 0)
		_exit(io_write_all(rig.in, block, sizeof(block)) == 0 ? 0 : 1);
	rig.in = fd_close(rig.in);
	while (rig_get(&rig, &f, 200)) {
		ck_assert_int_eq(f.type, WIRE_DATA);
		got += f.len;
	}
	ck_assert_uint_eq(got, WIRE_WINDOW);
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	long before = rig_stat(&rig, 14);
	usleep(300000);
	long after = rig_stat(&rig, 14);
	ck_assert_int_le(after - before, 2); /* ticks of user time */
	rig_put(&rig, WIRE_CREDIT, 0, "\1\0\0\0", 4);
	f = rig_expect(&rig, WIRE_DATA, 0, NULL);
	ck_assert_uint_eq(f.len, 1);
	rig_done(&rig);
}
END_TEST

/* ---- other descriptors ---- */

static void expect_input_end(int fd)
{
	struct rig_options o = { .stdio = { fd, 0, 0 } };

	rig_init(&rig);
	rig_start(&rig, &o);
	rig_expect(&rig, WIRE_EOF, 0, NULL);
	rig_put_text(&rig, WIRE_EVENT, 0, "{\"event\":\"exit\",\"code\":0}");
	rig_expect_exit(&rig, 0);
	rig_done(&rig);
}

START_TEST(odd_inputs)
{
	int dir = open("/", O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int wronly = open("/dev/null", O_WRONLY | O_CLOEXEC), path = open("/", O_PATH | O_CLOEXEC);

	expect_input_end(dir);
	expect_input_end(null);
	expect_input_end(wronly);
	expect_input_end(path);
	expect_input_end(-1);
	close(dir);
	close(null);
	close(wronly);
	close(path);

	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	struct rig_options o = { .stdio = { zero, 0, 0 } };
	struct wire_frame f;
	size_t got = 0;
	rig_init(&rig);
	rig_start(&rig, &o);
	while (rig_get(&rig, &f, 200))
		got += f.len;
	ck_assert_uint_eq(got, WIRE_WINDOW);
	rig_done(&rig);
	close(zero);
}
END_TEST

/* A named pipe that nobody has opened for reading must block nothing. */
START_TEST(fifo_without_reader)
{
	char *dir = unit_mkdtemp(), *path = path_join(dir, "fifo");
	char buf[8];

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	/* as containerd holds it: open for both, so that it can be opened at all */
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct rig_options o = { .stdio = { 0, fd, 0 } };
	rig_init(&rig);
	rig_start(&rig, &o);
	rig_put_text(&rig, WIRE_DATA, 1, "early");
	struct wire_window w;
	wire_window_init(&w);
	w.avail -= 5;
	ck_assert_uint_lt(send_blocks(1, 20, &w), 6); /* the pipe is full, no more credit */
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	int reader = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(io_read_all(reader, buf, 5), 0);
	ck_assert_mem_eq(buf, "early", 5);
	close(fd);
	close(reader);
	rig_done(&rig);
	free(path);
	unit_rmdir(dir);
}
END_TEST

/* stdout and stderr are one pipe, of which the caller keeps a copy with his flags. */
START_TEST(shared_pipe)
{
	int p[2];
	char buf[8];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	struct rig_options o = { .stdio = { 0, p[1], p[1] } };
	rig_init(&rig);
	rig_start(&rig, &o);
	rig_put_text(&rig, WIRE_DATA, 1, "one");
	ck_assert_int_eq(io_read_all(p[0], buf, 3), 0);
	rig_put_text(&rig, WIRE_DATA, 2, "two");
	ck_assert_int_eq(io_read_all(p[0], buf, 3), 0);
	ck_assert_mem_eq(buf, "two", 3);
	ck_assert_int_eq(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0);
	close(p[1]);
	rig_put(&rig, WIRE_EOF, 1, NULL, 0);
	rig_put(&rig, WIRE_EOF, 2, NULL, 0);
	ck_assert_int_eq(read(p[0], buf, 1), 0); /* nobody else holds it */
	close(p[0]);
	rig_done(&rig);
}
END_TEST

UNIT_MAIN_ROOT("standin_relay", bulk_pipes, bulk_sockets, bulk_files, stopped_reader, reader_closes,
	       drop, half_close, process_closes_stdin, credit_of_stdin, odd_inputs,
	       fifo_without_reader, shared_pipe)
