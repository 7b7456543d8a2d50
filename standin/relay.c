// SPDX-License-Identifier: Apache-2.0
#include "standin/relay.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define CHUNK WIRE_MAX_DATA /* what is read at once; the usual pipe gives a quarter */
#define CHUNKS_PER_TURN 8 /* then the other sources have their turn */
#define QUEUE_HIGH 0x20000u /* 128 KiB: no more input while that much waits for the monitor */
#define CREDIT_STEP (WIRE_WINDOW / 4) /* credit is given back in steps, not for every byte typed */

/* ---- input: from a descriptor to its stream ---- */

static void input_update(struct input *in);

static void input_stop(struct input *in)
{
	in->done = true;
	in->src = loop_remove(in->src);
	in->turn = loop_remove(in->turn);
	if (!in->relay->terminal || in->stream > 0)
		sio_close(&in->io);
}

static bool input_wanted(const struct input *in)
{
	const struct wire_conn *c = in->relay->conn;

	return in->started && !in->done && c && in->credit.avail > 0 &&
	       wire_conn_queued(c) < QUEUE_HIGH;
}

static void input_read(struct input *in)
{
	static uint8_t buf[CHUNK];

	for (int i = 0; i < CHUNKS_PER_TURN && input_wanted(in); i++) {
		size_t len = in->credit.avail < CHUNK ? in->credit.avail : CHUNK;
		ssize_t n = sio_read(&in->io, buf, len);

		if (n == -EAGAIN)
			break;
		if (n <= 0) { /* the end; an error (a terminal that hung up) is one too */
			wire_send(in->relay->conn, WIRE_EOF, in->stream, NULL, 0);
			input_stop(in);
			return;
		}
		wire_window_take(&in->credit, (uint32_t)n);
		if (wire_send(in->relay->conn, WIRE_DATA, in->stream, buf, (size_t)n) == -ENOMEM) {
			/* A gap must not be taken for what the user typed. */
			wire_send(in->relay->conn, WIRE_EOF, in->stream, NULL, 0);
			input_stop(in);
			return;
		}
	}
	input_update(in);
}

static void input_on_ready(struct loop_source *src, uint32_t revents, void *data)
{
	input_read(data);
}

static void input_on_turn(struct loop_source *src, void *data)
{
	input_read(data);
}

/*
 * Watches the descriptor exactly while data is wanted: a pipe without writers
 * would report its hang-up all the time. Files, which epoll refuses, get a
 * turn of the loop for each few chunks.
 */
static void input_update(struct input *in)
{
	struct relay *r = in->relay;
	struct err err = { 0 };

	if (!input_wanted(in)) {
		in->src = loop_remove(in->src);
		return;
	}
	if (!in->src && !in->turn) {
		in->src = loop_add_io(r->loop, in->io.fd, EPOLLIN, input_on_ready, in, &err);
		if (!in->src)
			in->turn = loop_add_timer(r->loop, -1, input_on_turn, in, &err);
		if (!in->src && !in->turn) {
			wire_send(r->conn, WIRE_EOF, in->stream, NULL, 0);
			input_stop(in);
		}
	}
	if (in->turn)
		loop_set_timer(in->turn, 0);
}

/* ---- output: from a stream to its descriptor ---- */

static void output_end(struct output *out)
{
	out->src = loop_remove(out->src);
	wire_queue_clear(&out->queue);
	/* A terminal stays ours until we end. */
	if (out->relay->terminal && out->stream < 3)
		return;
	/* The other direction of a socket has a descriptor of its own. */
	if (out->io.kind == SIO_SOCKET && out->stream > 2)
		(void)shutdown(out->io.fd, SHUT_WR);
	sio_close(&out->io);
}

/* The reader is gone, the disk is full, the terminal hung up: the process is to hear of it. */
static void output_broken(struct output *out)
{
	out->closed = true;
	output_end(out);
	if (out->relay->conn && !out->eof)
		wire_send(out->relay->conn, WIRE_CLOSE, out->stream, NULL, 0);
}

static void output_written(struct output *out, size_t n)
{
	out->owed += (uint32_t)n;
	if (out->owed < CREDIT_STEP || out->eof || !out->relay->conn)
		return;
	if (wire_send_credit(out->relay->conn, out->stream, out->owed) == -ENOMEM)
		return; /* with the next piece */
	wire_window_give(&out->window, out->owed);
	out->owed = 0;
}

static void output_on_ready(struct loop_source *src, uint32_t revents, void *data);

/* Writes what can be written of data (or breaks the stream): the number of bytes. */
static size_t output_write(struct output *out, const uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = sio_write(&out->io, data + done, len - done);

		if (n == -EAGAIN)
			break;
		if (n <= 0) {
			output_broken(out);
			return done;
		}
		done += (size_t)n;
	}
	if (done > 0)
		output_written(out, done);
	return done;
}

/* Something is queued, so the descriptor gave EAGAIN, so epoll takes it. */
static void output_watch(struct output *out)
{
	struct err err = { 0 };

	if (!out->src)
		out->src = loop_add_io(out->relay->loop, out->io.fd, EPOLLOUT, output_on_ready, out,
				       &err);
	if (!out->src)
		output_broken(out);
}

static void output_on_ready(struct loop_source *src, uint32_t revents, void *data)
{
	struct output *out = data;
	const void *p;
	size_t len, n;

	do {
		len = wire_queue_peek(&out->queue, &p);
		n = output_write(out, p, len);
		wire_queue_consume(&out->queue, n);
	} while (n == len && out->queue.len > 0);
	if (!out->closed && out->queue.len == 0) {
		out->src = loop_remove(out->src);
		if (out->eof)
			output_end(out);
	}
	if (out->relay->on_progress)
		out->relay->on_progress(out->relay->data);
}

static int output_data(struct output *out, const struct wire_frame *f, struct err *err)
{
	struct iovec iov = { (void *)f->payload, f->len };
	size_t n = 0;

	if (out->eof)
		return err_set(err, EPROTO, "data on stream %u after its end", f->id);
	if (!wire_window_take(&out->window, f->len))
		return err_set(err, EPROTO, "more data on stream %u than credit", f->id);
	if (out->closed)
		return 0; /* was under way */
	if (out->queue.len == 0)
		n = output_write(out, f->payload, f->len);
	if (n == f->len || out->closed)
		return 0;
	if (wire_queue_append(&out->queue, &iov, 1, n) < 0)
		return err_set(err, ENOMEM, "no memory for output");
	output_watch(out);
	return 0;
}

static int output_frame(struct output *out, const struct wire_frame *f, struct err *err)
{
	if (f->type == WIRE_DATA)
		return output_data(out, f, err);
	if (f->type != WIRE_EOF)
		return err_set(err, EPROTO, "frame of type %d on stream %u", f->type, f->id);
	if (out->eof)
		return err_set(err, EPROTO, "second end of stream %u", f->id);
	out->eof = true;
	if (!out->closed && out->queue.len == 0)
		output_end(out);
	return 0;
}

/* ---- both ---- */

static int input_frame(struct input *in, const struct wire_frame *f, struct err *err)
{
	if (f->type == WIRE_CLOSE) {
		if (!in->done)
			input_stop(in);
		return 0;
	}
	if (f->type != WIRE_CREDIT)
		return err_set(err, EPROTO, "frame of type %d on stream %u", f->type, f->id);
	if (!wire_window_give(&in->credit, wire_get_u32(f->payload)))
		return err_set(err, EPROTO, "too much credit on stream %u", f->id);
	if (!in->done)
		input_update(in);
	return 0;
}

static struct input *input_of(struct relay *r, uint32_t stream)
{
	return stream == 0 ? &r->in : &r->passed[(stream - 4) / 2].in;
}

static struct output *output_of(struct relay *r, uint32_t stream)
{
	return stream < 3 ? &r->out[stream - 1] : &r->passed[(stream - 4) / 2].out;
}

int relay_frame(struct relay *r, const struct wire_frame *f, struct err *err)
{
	if (!wire_stream_exists(f->id, r->n_passed) || (f->id == 2 && r->terminal))
		return err_set(err, EPROTO, "no stream %u", f->id);
	return wire_to_process(f->id) ? input_frame(input_of(r, f->id), f, err) :
					output_frame(output_of(r, f->id), f, err);
}

static void input_init(struct input *in, struct relay *r, uint32_t stream, int fd)
{
	*in = (struct input){ .relay = r, .stream = stream, .done = fd < 0 };
	wire_window_init(&in->credit);
	sio_init(&in->io, fd);
}

static void output_init(struct output *out, struct relay *r, uint32_t stream, int fd)
{
	*out = (struct output){ .relay = r, .stream = stream, .closed = fd < 0 };
	wire_window_init(&out->window);
	sio_init(&out->io, fd);
}

void relay_init(struct relay *r, struct loop *loop, bool terminal)
{
	*r = (struct relay){ .loop = loop, .terminal = terminal };
	input_init(&r->in, r, 0, 0);
	for (int i = 0; i < 2; i++)
		output_init(&r->out[i], r, (uint32_t)i + 1, i + 1);
}

int relay_pass(struct relay *r, int first, const struct setup_passed *passed, size_t n)
{
	r->passed = calloc(n ? n : 1, sizeof(*r->passed));
	if (!r->passed)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int fd = first + (int)i, out = passed[i].out ? fd : -EBADF;

		if (passed[i].in && passed[i].out)
			out = fd_dup(fd);
		if (passed[i].in && passed[i].out && out < 0)
			return -EMFILE;
		input_init(&r->passed[i].in, r, wire_passed_stream(i, true),
			   passed[i].in ? fd : -EBADF);
		output_init(&r->passed[i].out, r, wire_passed_stream(i, false), out);
		r->n_passed = i + 1;
	}
	return 0;
}

/* Calls fn with every input. */
static void each_input(struct relay *r, void (*fn)(struct input *in))
{
	fn(&r->in);
	for (size_t i = 0; i < r->n_passed; i++)
		fn(&r->passed[i].in);
}

void relay_done(struct relay *r)
{
	each_input(r, input_stop);
	for (int i = 0; i < 2; i++)
		output_end(&r->out[i]);
	for (size_t i = 0; i < r->n_passed; i++)
		output_end(&r->passed[i].out);
	free(r->passed);
	r->passed = NULL;
	r->n_passed = 0;
}

static void input_start(struct input *in)
{
	in->started = true;
	if (!in->done)
		input_update(in);
}

void relay_start(struct relay *r)
{
	each_input(r, input_start);
}

static void input_drained(struct input *in)
{
	if (!in->done)
		input_update(in);
}

void relay_drained(struct relay *r)
{
	each_input(r, input_drained);
}

void relay_finish(struct relay *r)
{
	each_input(r, input_stop);
}

bool relay_flushed(const struct relay *r)
{
	for (size_t i = 0; i < r->n_passed; i++)
		if (r->passed[i].out.queue.len > 0)
			return false;
	return r->out[0].queue.len == 0 && r->out[1].queue.len == 0;
}
