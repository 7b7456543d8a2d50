/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/tty.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#define CHUNK (32u * 1024) /* one read; the writer of a full pipe still has the other half */
#define QUEUE_MAX \
	((size_t)128 * 1024) /* what may wait in the channel's queue before outputs pause */
#define CREDIT_STEP (WIRE_WINDOW / 4)

/* Its pages exist only once there was that much output at a time. */
static uint8_t chunk[CHUNK];

static void on_io(struct loop_source *src, uint32_t revents, void *data);

int stream_new(struct stdio *owner, uint32_t offset, int fd, bool tty, struct stream **slot,
	       struct err *err)
{
	struct stream *st = calloc(1, sizeof(*st));

	if (!st) {
		fd_close(fd);
		return err_errno(err, ENOMEM, "stream");
	}
	*st = (struct stream){
		.mux = owner->mux,
		.owner = owner,
		.id = owner->id + offset,
		.fd = fd,
		.tty = tty,
		.input = wire_to_process(offset),
		.last = '\n',
	};
	wire_window_init(&st->window);
	st->next = st->mux->streams;
	st->mux->streams = st;
	*slot = st;
	stream_pump(st);
	return 0;
}

struct stream *stream_free(struct stream *st)
{
	if (!st)
		return NULL;
	for (struct stream **p = &st->mux->streams; *p; p = &(*p)->next) {
		if (*p == st) {
			*p = st->next;
			break;
		}
	}
	loop_remove(st->src);
	if (!st->mux->streams)
		bulk_done(&st->mux->bulk);
	fd_close(st->fd);
	buf_done(&st->queue);
	free(st);
	return NULL;
}

/* Waits for events, for hang-ups only (events 0), or not at all (watch false). */
static void set_watch(struct stream *st, bool watch, uint32_t events)
{
	struct err err;

	if (!watch) {
		st->src = loop_remove(st->src);
	} else if (st->src) {
		loop_set_events(st->src, events);
	} else {
		st->src = loop_add_io(st->mux->loop, st->fd, events, on_io, st, &err);
		if (!st->src)
			log_error("stream %u: %s", st->id, err.msg);
	}
}

static void send_frame(struct stream *st, enum wire_type type, const void *data, size_t len)
{
	if (st->mux->conn)
		wire_send(st->mux->conn, type, st->id, data, len);
}

/* ---- output ---- */

/* The owner hears nothing more of it. */
static void leave_owner(struct stream *st)
{
	struct stdio *s = st->owner;

	if (!s)
		return;
	send_frame(st, WIRE_EOF, NULL, 0);
	st->owner = NULL;
	s->v[st->id - s->id] = NULL;
}

void stream_orphan(struct stream *st)
{
	leave_owner(st);
	set_watch(st, true, EPOLLIN);
}

static ssize_t read_some(struct stream *st, size_t max)
{
	ssize_t n;

	do
		n = read(st->fd, chunk, max < sizeof(chunk) ? max : sizeof(chunk));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void drop_output(struct stream *st)
{
	ssize_t n = read_some(st, sizeof(chunk));

	/* EIO: the last user of a terminal is gone. */
	if (n == 0 || (n < 0 && n != -EAGAIN))
		stream_free(st);
}

/* Nothing more will be sent of this one. writers: somebody may still have it open. */
static void finish_output(struct stream *st, bool writers)
{
	struct stdio *s = st->owner;

	if (writers) {
		stream_orphan(st);
	} else {
		leave_owner(st);
		stream_free(st);
	}
	stdio_check(s);
}

/* Sends up to max bytes; otherwise as read_some(). */
static ssize_t send_some(struct stream *st, size_t max)
{
	struct mux *m = st->mux;
	ssize_t n = st->tty ? 0 : (ssize_t)bulk_send(&m->bulk, m->conn, st->id, st->fd, max);

	if (n > 0)
		return n;
	n = read_some(st, max);
	if (n > 0)
		send_frame(st, WIRE_DATA, chunk, (size_t)n);
	return n;
}

/* One frame at a time, so that a busy stream does not hold up the others. */
static void pump_output(struct stream *st)
{
	size_t max = st->window.avail;
	ssize_t n;

	if (st->ending && st->left < max)
		max = st->left;
	if (st->ending && st->left == 0) {
		finish_output(st, true);
		return;
	}
	if (max == 0 || !st->mux->conn || wire_conn_queued(st->mux->conn) >= QUEUE_MAX) {
		st->paused = true;
		set_watch(st, false, 0);
		return;
	}
	st->paused = false;
	n = send_some(st, max);
	if (n == -EAGAIN && !st->ending) {
		set_watch(st, true, EPOLLIN);
	} else if (n <= 0) {
		finish_output(st, n == -EAGAIN);
	} else {
		wire_window_take(&st->window, (uint32_t)n);
		st->owner->sent += (uint64_t)n;
		if (st->ending)
			st->left -= (size_t)n;
		/* At the end there may be no event to come for what is left. */
		if (st->ending)
			pump_output(st);
		else
			set_watch(st, true, EPOLLIN);
	}
}

void stream_end(struct stream *st, size_t left)
{
	st->ending = true;
	st->left = left;
	pump_output(st);
}

void stream_close(struct stream *st)
{
	struct stdio *s = st->owner;

	/* A terminal ends for input too, with a hang-up. */
	if (st->tty) {
		s->v[0] = stream_free(s->v[0]);
		s->slave = fd_close(s->slave);
	}
	/* A socket stays open for its other direction: writing to it is to fail nevertheless. */
	(void)shutdown(st->fd, SHUT_RD);
	leave_owner(st);
	stream_free(st);
	stdio_check(s);
}

/* ---- input ---- */

static void give_credit(struct stream *st, size_t n)
{
	st->owed += (uint32_t)n;
	/* In large steps: the sender still has most of its window. */
	if (st->owed < CREDIT_STEP)
		return;
	wire_window_give(&st->window, st->owed);
	if (st->mux->conn)
		wire_send_credit(st->mux->conn, st->id, st->owed);
	st->owed = 0;
}

/* The process does not read any more. */
static void break_input(struct stream *st)
{
	st->broken = true;
	buf_done(&st->queue);
	st->queue = (struct buf){ 0 };
	st->taken = 0;
	set_watch(st, false, 0);
	send_frame(st, WIRE_CLOSE, NULL, 0);
	/* A terminal's descriptor is the process's end of it, not a pipe of its own. */
	if (!st->tty)
		st->fd = fd_close(st->fd);
}

/* Bytes that were taken (0: try later), or -errno. */
static ssize_t write_some(struct stream *st, const uint8_t *data, size_t len)
{
	ssize_t n;

	do
		n = write(st->fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n > 0) {
		st->last = data[n - 1];
		give_credit(st, (size_t)n);
	}
	return n;
}

/* End of file, once everything before it was taken. */
static void end_input(struct stream *st)
{
	uint8_t chars[2];
	size_t n;

	if (!st->tty) {
		st->broken = true;
		set_watch(st, false, 0);
		/* A socket's other direction has a descriptor of its own. */
		(void)shutdown(st->fd, SHUT_WR);
		st->fd = fd_close(st->fd);
		return;
	}
	n = tty_eof(st->fd, st->last != '\n' && st->last != '\r', chars);
	st->eof = false;
	if (n > 0 && write(st->fd, chars, n) < 0)
		log_debug("stream %u: end of file: %s", st->id, err_str(errno));
}

static void pump_input(struct stream *st)
{
	while (!st->broken && st->taken < st->queue.len) {
		ssize_t n = write_some(st, (const uint8_t *)st->queue.data + st->taken,
				       st->queue.len - st->taken);

		if (n < 0) {
			break_input(st);
			return;
		}
		if (n == 0) {
			set_watch(st, true, EPOLLOUT);
			return;
		}
		st->taken += (size_t)n;
	}
	if (st->broken)
		return;
	if (st->queue.cap) {
		buf_done(&st->queue);
		st->queue = (struct buf){ 0 };
		st->taken = 0;
	}
	/* A pipe tells that it has lost its reader; a terminal has nothing to say here. */
	set_watch(st, !st->tty, 0);
	if (st->eof)
		end_input(st);
}

int stream_data(struct stream *st, const uint8_t *data, uint32_t len, struct err *err)
{
	ssize_t n = 0;

	if (!wire_window_take(&st->window, len))
		return err_set(err, EPROTO, "stream %u: more data than credit", st->id);
	if (st->broken || st->eof)
		return 0;
	if (st->queue.len == 0)
		n = write_some(st, data, len);
	if (n < 0) {
		break_input(st);
		return 0;
	}
	if ((uint32_t)n < len) {
		buf_append(&st->queue, data + n, len - (size_t)n);
		if (!buf_ok(&st->queue))
			return err_errno(err, ENOMEM, "stream %u", st->id);
		pump_input(st);
	}
	return 0;
}

void stream_eof(struct stream *st)
{
	if (st->broken || st->eof)
		return;
	st->eof = true;
	pump_input(st);
}

/* ---- both ---- */

void stream_pump(struct stream *st)
{
	if (st->input)
		pump_input(st);
	else if (st->owner)
		pump_output(st);
	else
		drop_output(st);
}

static void on_io(struct loop_source *src, uint32_t revents, void *data)
{
	struct stream *st = data;

	if (st->input && (revents & (EPOLLERR | EPOLLHUP)) && !(revents & EPOLLOUT))
		break_input(st);
	else
		stream_pump(st);
}
