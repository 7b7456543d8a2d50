// SPDX-License-Identifier: Apache-2.0
#include "wire/conn.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/sock.h"
#include "wire/queue.h"

#define BUFFER_SIZE \
	(WIRE_HEADER_SIZE + WIRE_MAX_DATA) /* the usual one; only larger frames get more */
#define READS_PER_WAKEUP 8 /* then the loop's other sources have their turn */
#define DRAIN_ROUNDS 64 /* what is still read after writing has failed */
#define PAGE 4096
#define PAGES_PER_READ 64 /* of a character device */
#define SMALL_WRITE 4096 /* header and payload go to a character device in one piece up to this */

struct wire_conn {
	struct loop *loop;
	struct loop_source *src, *fail_timer;
	int fd;
	struct wire_options opt;
	struct wire_handler h;
	void *data;
	uint8_t *in; /* bytes in_start to in_end are unread input */
	size_t in_start, in_end, in_cap;
	size_t need; /* size of the frame that is begun, as far as known */
	struct wire_queue out;
	int write_error; /* errno of the write that failed, 0 while all is well */
	unsigned int busy; /* frames of ours on the stack: memory must stay */
	bool is_socket, is_char;
	int passed; /* opt.accept_fds: of the last message that brought one */
	bool freed, closed;
	bool away; /* opt.port: the other side is not there */
};

static void conn_destroy(struct wire_conn *c)
{
	free(c->in);
	free(c);
}

static void conn_enter(struct wire_conn *c)
{
	c->busy++;
}

static void conn_leave(struct wire_conn *c)
{
	if (--c->busy == 0 && c->freed)
		conn_destroy(c);
}

static bool conn_gone(const struct wire_conn *c)
{
	return c->freed || c->closed;
}

/* The last thing the owner hears. */
static void conn_close(struct wire_conn *c, const struct err *err)
{
	c->closed = true;
	c->src = loop_remove(c->src);
	c->fail_timer = loop_remove(c->fail_timer);
	wire_queue_clear(&c->out);
	c->h.on_closed(c, err, c->data);
}

/* ---- output ---- */

static void conn_update_events(struct wire_conn *c)
{
	uint32_t events = c->away ? EPOLLIN | EPOLLET : EPOLLIN;

	if (c->out.len > 0)
		events |= EPOLLOUT;
	loop_set_events(c->src, events);
}

static void conn_on_write_failed(struct loop_source *src, void *data);

/* Not reported from here: the caller may be anywhere, and what has arrived is still to be read. */
static void conn_write_failed(struct wire_conn *c, int code)
{
	c->write_error = code;
	wire_queue_clear(&c->out);
	conn_update_events(c);
	c->fail_timer = loop_add_timer(c->loop, 0, conn_on_write_failed, c,
				       NULL); /* without it, reading will tell */
}

static ssize_t conn_write(struct wire_conn *c, const struct iovec *iov, size_t n)
{
	ssize_t r;

	do {
		if (c->is_socket) {
			struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };

			r = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		} else if (c->is_char && n == 2 && iov[0].iov_len + iov[1].iov_len <= SMALL_WRITE) {
			uint8_t one[SMALL_WRITE]; /* a virtio port makes each piece a buffer and an exit of its own */

			memcpy(one, iov[0].iov_base, iov[0].iov_len);
			memcpy(one + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
			r = write(c->fd, one, iov[0].iov_len + iov[1].iov_len);
		} else {
			r = writev(c->fd, iov, (int)n);
		}
	} while (r < 0 && errno == EINTR);
	if (r >= 0)
		return r;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

int wire_send(struct wire_conn *c, enum wire_type type, uint32_t id, const void *payload, size_t len)
{
	uint8_t header[WIRE_HEADER_SIZE];
	struct iovec iov[2] = { { header, sizeof(header) }, { (void *)payload, len } };
	size_t n_iov = len > 0 ? 2 : 1;
	ssize_t n = 0;
	int r;

	if (conn_gone(c))
		return -EPIPE;
	if (!wire_length_valid(type, len))
		return -EMSGSIZE;
	if (c->write_error != 0 || c->away)
		return 0; /* nobody will read it; on_closed or the next session follows */
	wire_put_header(header, type, id, (uint32_t)len);
	if (c->out.len == 0) {
		n = conn_write(c, iov, n_iov);
		if (n < 0) {
			conn_write_failed(c, (int)-n);
			return 0;
		}
	}
	r = wire_queue_append(&c->out, iov, n_iov, (size_t)n);
	if (r < 0) {
		if (n > 0) /* half a frame is out: nothing can follow it */
			conn_write_failed(c, -r);
		return r;
	}
	conn_update_events(c);
	return 0;
}

/* The rest of a frame that is in a pipe goes behind what is queued, or is dropped. */
static int conn_queue_pipe(struct wire_conn *c, int pipe, size_t len)
{
	bool drop = conn_gone(c) || c->write_error != 0 || c->away;
	uint8_t part[16384];
	struct iovec iov = { .iov_base = part };
	int r = 0;

	while (len > 0) {
		ssize_t n = read(pipe, part, len < sizeof(part) ? len : sizeof(part));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		len -= (size_t)n;
		iov.iov_len = (size_t)n;
		if (r >= 0 && !drop)
			r = wire_queue_append(&c->out, &iov, 1, 0);
	}
	return r;
}

void wire_send_pipe(struct wire_conn *c, int pipe, size_t len)
{
	int r;

	while (!conn_gone(c) && c->write_error == 0 && !c->away && c->out.len == 0 && len > 0) {
		ssize_t n = splice(pipe, NULL, c->fd, NULL, len, SPLICE_F_NONBLOCK);

		if (n > 0)
			len -= (size_t)n;
		else if (n < 0 && (errno == EAGAIN ||
				   errno == EINVAL)) /* or: it cannot be done with this one */
			break;
		else if (n == 0 || errno != EINTR)
			/* 0: a port's driver had no memory to pass on what it had already taken. */
			conn_write_failed(c, n < 0 ? errno : ENOMEM);
	}
	if (len == 0)
		return;
	r = conn_queue_pipe(c, pipe, len);
	if (r < 0 && !conn_gone(c) && c->write_error == 0)
		conn_write_failed(c, -r);
	else if (!conn_gone(c))
		conn_update_events(c);
}

static void conn_flush(struct wire_conn *c)
{
	struct iovec iov;
	const void *p;
	ssize_t n;

	if (c->out.len == 0)
		return;
	while ((iov.iov_len = wire_queue_peek(&c->out, &p)) > 0) {
		iov.iov_base = (void *)p;
		n = conn_write(c, &iov, 1);
		if (n == 0)
			return;
		if (n < 0) {
			conn_write_failed(c, (int)-n);
			return;
		}
		wire_queue_consume(&c->out, (size_t)n);
	}
	conn_update_events(c);
	if (c->h.on_drained)
		c->h.on_drained(c, c->data);
}

/* ---- input ---- */

/* Makes room for the rest of the frame that is begun; gives back what a large one has left. */
static int conn_make_room(struct wire_conn *c)
{
	size_t have = c->in_end - c->in_start;
	size_t cap = c->need > BUFFER_SIZE ? c->need : BUFFER_SIZE;
	uint8_t *p;

	if (c->in_start > 0 && (have == 0 || c->in_cap - c->in_start < c->need || c->in_cap != cap)) {
		memmove(c->in, c->in + c->in_start, have);
		c->in_start = 0;
		c->in_end = have;
	}
	if (c->in_cap != cap) {
		p = realloc(c->in, cap);
		if (!p)
			return c->in_cap < c->need ? -ENOMEM : 0;
		c->in = p;
		c->in_cap = cap;
	}
	return 0;
}

/* Hands over every whole frame. */
static int conn_dispatch(struct wire_conn *c, struct err *err)
{
	struct wire_frame f;
	int r;

	c->need = WIRE_HEADER_SIZE;
	while (c->in_end - c->in_start >= WIRE_HEADER_SIZE) {
		r = wire_get_header(c->in + c->in_start, c->opt.accept_requests, &f, err);
		if (r < 0)
			return r;
		c->need = WIRE_HEADER_SIZE + (size_t)f.len;
		if (c->in_end - c->in_start < c->need)
			return 0;
		f.payload = c->in + c->in_start + WIRE_HEADER_SIZE;
		c->in_start += c->need;
		c->need = WIRE_HEADER_SIZE;
		r = c->h.on_frame(c, &f, c->data, err);
		if (conn_gone(c))
			return 0;
		if (r < 0) {
			if (err->code == 0)
				err_errno(err, -r, "frame refused");
			return r;
		}
	}
	return 0;
}

/* The host left the port: no half frame can go on, neither way. */
static void conn_set_away(struct wire_conn *c, bool away)
{
	if (away) {
		c->in_start = c->in_end = 0;
		c->need = WIRE_HEADER_SIZE;
		wire_queue_clear(&c->out);
	}
	c->away = away;
	conn_update_events(c);
}

/* A virtio port's driver fills each piece from one buffer of its own, which is a page. */
static ssize_t conn_receive_pages(struct wire_conn *c)
{
	struct iovec iov[PAGES_PER_READ];
	size_t n, room = c->in_cap - c->in_end;
	uint8_t *p = c->in + c->in_end;
	ssize_t r;

	for (n = 0; n < PAGES_PER_READ && room > 0; n++) {
		size_t part = room < PAGE ? room : PAGE;

		iov[n] = (struct iovec){ p, part };
		p += part;
		room -= part;
	}
	r = readv(c->fd, iov, (int)n);
	return r < 0 ? -errno : r;
}

/* A read may bring the end of one frame and a descriptor of the next: it is kept until that is handed over. */
static ssize_t conn_receive(struct wire_conn *c)
{
	size_t n_fds = 1;
	int fd = -EBADF;
	ssize_t n;

	if (c->is_char)
		return conn_receive_pages(c);
	if (!c->opt.accept_fds) {
		n = read(c->fd, c->in + c->in_end, c->in_cap - c->in_end);
		return n < 0 ? -errno : n;
	}
	n = sock_recv_fds(c->fd, c->in + c->in_end, c->in_cap - c->in_end, &fd, &n_fds);
	if (n > 0 && n_fds > 0) {
		fd_close(c->passed);
		c->passed = fd;
	}
	return n;
}

/* One read of 0 or more bytes: 1, 0 if there is nothing more for now, -errno at the end of the connection. */
static int conn_read_once(struct wire_conn *c, uint32_t revents, struct err *err)
{
	ssize_t n;

	if (conn_make_room(c) < 0)
		return err_set(err, ENOMEM, "no memory for a frame of %zu bytes", c->need);
	do
		n = conn_receive(c);
	while (n == -EINTR);
	if (n == -EAGAIN || n == -EWOULDBLOCK) {
		if (c->opt.port || !(revents & EPOLLHUP))
			return 0;
		return err_set(err, EIO, "connection hung up");
	}
	if (n < 0)
		return err_errno(err, (int)-n, "read from connection");
	if (n == 0 && c->opt.port) {
		conn_set_away(c, true);
		return 0;
	}
	if (n == 0 && c->in_start < c->in_end)
		return err_set(err, EPROTO, "connection ended inside a frame");
	if (n == 0)
		return err_set(err, ENODATA, "connection closed by the other side");
	if (c->away)
		conn_set_away(c, false);
	c->in_end += (size_t)n;
	return 1;
}

/* True when there is nothing more for now, or for ever. */
static bool conn_read(struct wire_conn *c, uint32_t revents)
{
	struct err err = { 0 };
	int r = 1;

	for (int i = 0; i < READS_PER_WAKEUP && r > 0; i++) {
		r = conn_read_once(c, revents, &err);
		if (r > 0 && conn_dispatch(c, &err) < 0)
			r = -1;
		if (conn_gone(c))
			return true;
	}
	if (r < 0)
		conn_close(c, &err);
	return r <= 0;
}

static void conn_on_io(struct loop_source *src, uint32_t revents, void *data)
{
	struct wire_conn *c = data;

	conn_enter(c);
	if (revents & EPOLLOUT)
		conn_flush(c);
	if (!conn_gone(c) && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)))
		conn_read(c, revents);
	conn_leave(c);
}

/* Writing has failed: what has already arrived is handed over, then it ends. */
static void conn_on_write_failed(struct loop_source *src, void *data)
{
	struct wire_conn *c = data;
	struct err err = { 0 };

	conn_enter(c);
	for (int i = 0; i < DRAIN_ROUNDS; i++)
		if (conn_read(c, 0))
			break;
	if (!conn_gone(c)) {
		err_errno(&err, c->write_error, "write to connection");
		conn_close(c, &err);
	}
	conn_leave(c);
}

/* ---- life ---- */

int wire_conn_new(struct loop *loop, int fd, const struct wire_options *opt,
		  const struct wire_handler *h, void *data, struct wire_conn **ret, struct err *err)
{
	struct wire_conn *c;
	struct stat st;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c) {
		fd_close(fd);
		return err_errno(err, ENOMEM, "new connection");
	}
	*c = (struct wire_conn){ .loop = loop,
				 .fd = fd,
				 .opt = *opt,
				 .h = *h,
				 .data = data,
				 .passed = -EBADF,
				 .need = WIRE_HEADER_SIZE };
	if (fstat(fd, &st) < 0) {
		r = err_errno(err, errno, "examine connection");
		goto fail;
	}
	c->is_socket = S_ISSOCK(st.st_mode);
	c->is_char = S_ISCHR(st.st_mode);
	r = fd_set_nonblock(fd, true);
	if (r < 0) {
		r = err_errno(err, -r, "make connection non-blocking");
		goto fail;
	}
	c->in = malloc(BUFFER_SIZE);
	c->in_cap = BUFFER_SIZE;
	if (!c->in) {
		r = err_errno(err, ENOMEM, "new connection");
		goto fail;
	}
	c->src = loop_add_io(loop, fd, EPOLLIN, conn_on_io, c, err);
	if (!c->src) {
		r = err_wrap(err, "watch connection");
		goto fail;
	}
	*ret = c;
	return 0;
fail:
	wire_conn_free(c);
	return r;
}

void wire_conn_free(struct wire_conn *c)
{
	if (!c || c->freed)
		return;
	c->freed = true;
	c->src = loop_remove(c->src);
	c->fail_timer = loop_remove(c->fail_timer);
	wire_queue_clear(&c->out);
	c->fd = fd_close(c->fd);
	c->passed = fd_close(c->passed);
	if (c->busy == 0)
		conn_destroy(c);
}

void wire_conn_freep(struct wire_conn **c)
{
	wire_conn_free(*c);
}

int wire_conn_fd(const struct wire_conn *c)
{
	return c->fd;
}

int wire_conn_take_fd(struct wire_conn *c)
{
	return take_fd(c->passed);
}

size_t wire_conn_queued(const struct wire_conn *c)
{
	return c->out.len;
}
