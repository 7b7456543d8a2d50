/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qmp.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "hypervisor/qmp_command.h"
#include "hypervisor/qmp_message.h"

#define NEGOTIATE_MS 30000
#define READ_SIZE 16384
#define READS_PER_TURN 8 /* then other sources of the loop have their turn */

struct call {
	struct call *next;
	int64_t deadline; /* ms, CLOCK_MONOTONIC */
	qmp_reply_fn fn;
	void *data;
	struct qmp_command command;
};

enum state { WAIT_GREETING, NEGOTIATING, READY, CLOSED };

struct qmp {
	struct loop *loop;
	int fd;
	struct loop_source *io, *timer;
	const struct qmp_handler *handler;
	void *data;
	enum state state;
	struct qmp_lines lines;
	struct call *calls; /* open, in the order in which they are sent */
	uint64_t next_id;
	unsigned int busy; /* callbacks on the stack */
	bool dead;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void call_free(struct call *c)
{
	qmp_command_done(&c->command);
	free(c);
}

static void enter(struct qmp *q)
{
	q->busy++;
}

static void leave(struct qmp *q)
{
	if (--q->busy == 0 && q->dead)
		free(q);
}

static void disconnect(struct qmp *q)
{
	q->state = CLOSED;
	q->io = loop_remove(q->io);
	q->timer = loop_remove(q->timer);
	q->fd = fd_close(q->fd);
	qmp_lines_done(&q->lines);
}

void qmp_free(struct qmp *q)
{
	struct call *c;

	if (!q || q->dead)
		return;
	disconnect(q);
	while ((c = q->calls)) {
		q->calls = c->next;
		call_free(c);
	}
	q->dead = true;
	if (q->busy == 0)
		free(q);
}

/* The nearest deadline; while negotiating there is always one, that of the first call. */
static void arm_timer(struct qmp *q)
{
	int64_t next = INT64_MAX, now = now_ms();

	for (const struct call *c = q->calls; c; c = c->next)
		if (c->deadline < next)
			next = c->deadline;
	loop_set_timer(q->timer, next == INT64_MAX ? -1 : next > now ? next - now : 1);
}

static void fail(struct qmp *q, const struct err *err)
{
	struct call *c;

	if (q->state == CLOSED)
		return;
	disconnect(q);
	while (!q->dead && (c = q->calls)) {
		struct err e = { .code = ECONNRESET };

		q->calls = c->next;
		memcpy(e.msg, err->msg, sizeof(e.msg));
		err_wrap(&e, "%s", c->command.name);
		e.code = ECONNRESET;
		c->fn(c->data, NULL, &e);
		call_free(c);
	}
	if (!q->dead && q->handler->on_closed)
		q->handler->on_closed(q, err, q->data);
}

static void flush(struct qmp *q)
{
	bool full = false;

	if (q->state != NEGOTIATING && q->state != READY)
		return;
	for (struct call *c = q->calls; c; c = c->next) {
		if (!qmp_command_send(&c->command, q->fd)) {
			full = true;
			break;
		}
		/* The first call is qmp_capabilities: nothing else before its reply. */
		if (q->state == NEGOTIATING)
			break;
	}
	loop_set_events(q->io, EPOLLIN | (full ? EPOLLOUT : 0));
}

static int error_code(const char *class)
{
	if (strcmp(class, "DeviceNotFound") == 0)
		return ENODEV;
	if (strcmp(class, "CommandNotFound") == 0)
		return ENOSYS;
	return EIO;
}

static void on_reply(struct qmp *q, const struct qmp_message *m)
{
	struct call **p = &q->calls, *c;
	struct err err = { 0 };

	while (*p && (*p)->command.id != m->id)
		p = &(*p)->next;
	c = *p;
	/* Late: its deadline has passed. */
	if (!c || !qmp_command_sent(&c->command)) {
		log_debug("qmp: reply to unknown call %llu", (unsigned long long)m->id);
		return;
	}
	*p = c->next;
	arm_timer(q);
	if (m->kind == QMP_ERROR) {
		char *s;

		err_set(&err, error_code(m->class), "%s: %s", c->command.name, m->text);
		for (s = err.msg; *s; s++)
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				*s = ' ';
	}
	c->fn(c->data, m->kind == QMP_RETURN ? m->body : NULL, &err);
	call_free(c);
}

/* The first call's callback: runs inside on_reply(), or on time-out or end. */
static void on_capabilities(void *data, json_t *ret, const struct err *err)
{
	struct qmp *q = data;

	if (!ret) {
		fail(q, err);
		return;
	}
	q->state = READY;
	if (q->handler->on_ready)
		q->handler->on_ready(q, q->data);
	if (!q->dead)
		flush(q);
}

static int on_message(struct qmp *q, const struct qmp_message *m, struct err *err)
{
	switch (m->kind) {
	case QMP_GREETING:
		if (q->state != WAIT_GREETING)
			return err_set(err, EPROTO, "second qmp greeting");
		q->state = NEGOTIATING;
		flush(q);
		return 0;
	case QMP_EVENT:
		if (q->state == READY && q->handler->on_event)
			q->handler->on_event(q, m->text, m->body, q->data);
		return 0;
	case QMP_RETURN:
	case QMP_ERROR:
		if (m->id == 0)
			return err_set(err, EPROTO, "qmp reply without an id: %s", m->text);
		on_reply(q, m);
		return 0;
	}
	return 0;
}

static int read_some(struct qmp *q, struct err *err)
{
	char chunk[READ_SIZE];
	const char *line;
	ssize_t n;
	size_t len;
	int r;

	do {
		n = recv(q->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return err_errno(err, errno, "read from qmp socket");
	/* ECONNRESET: it had not read everything. */
	if (n <= 0)
		return err_set(err, ECONNRESET, "qemu closed the qmp connection");
	r = qmp_lines_add(&q->lines, chunk, (size_t)n, err);
	if (r < 0)
		return r;
	while ((r = qmp_lines_next(&q->lines, &line, &len, err)) > 0) {
		struct qmp_message m;

		r = qmp_parse(line, len, &m, err);
		if (r < 0)
			return r;
		r = on_message(q, &m, err);
		qmp_message_done(&m);
		if (r < 0)
			return r;
		if (q->state == CLOSED)
			return 0;
	}
	return r < 0 ? r : 1;
}

static void receive(struct qmp *q, unsigned int reads)
{
	struct err err = { 0 };
	int r = 1;

	while (r > 0 && reads-- > 0 && q->state != CLOSED)
		r = read_some(q, &err);
	if (r < 0 && q->state != CLOSED)
		fail(q, &err);
}

static void on_io(struct loop_source *src, uint32_t revents, void *data)
{
	struct qmp *q = data;

	enter(q);
	if (revents & EPOLLOUT)
		flush(q);
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(q, READS_PER_TURN);
	leave(q);
}

void qmp_drain(struct qmp *q)
{
	enter(q);
	receive(q, 1024);
	leave(q);
}

static void on_timer(struct loop_source *src, void *data)
{
	struct qmp *q = data;
	struct call **p, *c;

	enter(q);
	/* A callback may change the list: look from the start again. */
	for (p = &q->calls; (c = *p);) {
		struct err err = { 0 };

		if (c->deadline > now_ms()) {
			p = &c->next;
			continue;
		}
		/* Half a command cannot be taken back: nothing can follow it. */
		if (!qmp_command_sent(&c->command) && c->command.off > 0) {
			err_set(&err, ETIMEDOUT, "qemu does not read its qmp socket");
			fail(q, &err);
			break;
		}
		err_set(&err, ETIMEDOUT, "%s: qemu did not answer in time", c->command.name);
		*p = c->next;
		c->fn(c->data, NULL, &err);
		call_free(c);
		if (q->state == CLOSED)
			break;
		p = &q->calls;
	}
	if (q->state != CLOSED)
		arm_timer(q);
	leave(q);
}

int qmp_call(struct qmp *q, const char *command, json_t *args, int fd, int timeout_ms,
	     qmp_reply_fn fn, void *data, struct err *err)
{
	_json_ json_t *owned = args;
	struct call *c, **p;

	if (q->state == CLOSED)
		return err_set(err, EPIPE, "%s: no connection to qemu", command);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, ENOMEM, "out of memory");
	c->deadline = now_ms() + timeout_ms;
	c->fn = fn;
	c->data = data;
	if (qmp_command_init(&c->command, q->next_id++, command, owned, fd) < 0) {
		call_free(c);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (p = &q->calls; *p; p = &(*p)->next)
		;
	*p = c;
	arm_timer(q);
	flush(q);
	return 0;
}

int qmp_new(struct loop *loop, int fd, const struct qmp_handler *h, void *data, struct qmp **ret,
	    struct err *err)
{
	struct qmp *q;
	int r;

	q = calloc(1, sizeof(*q));
	if (!q) {
		fd_close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	q->loop = loop;
	q->fd = fd;
	q->handler = h;
	q->data = data;
	q->next_id = 1;
	r = fd_set_nonblock(fd, true);
	if (r < 0) {
		err_errno(err, -r, "make qmp socket non-blocking");
		goto fail;
	}
	r = -ENOMEM;
	q->io = loop_add_io(loop, fd, EPOLLIN, on_io, q, err);
	if (!q->io)
		goto fail;
	q->timer = loop_add_timer(loop, -1, on_timer, q, err);
	if (!q->timer)
		goto fail;
	r = qmp_call(q, "qmp_capabilities", NULL, -EBADF, NEGOTIATE_MS, on_capabilities, q, err);
	if (r < 0)
		goto fail;
	*ret = q;
	return 0;
fail:
	qmp_free(q);
	return r;
}
