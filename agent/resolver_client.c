/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/resolver_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "wire/queue.h"

#define QUEUE_MAX \
	((size_t)256 * 1024) /* answers that a client does not take, before it is cut off */

struct resolver_client {
	struct resolver_client *next;
	struct resolver *resolver;
	int fd;
	struct loop_source *src;
	uint8_t in[2 + RESOLVER_QUESTION_MAX]; /* a question's length and it, as far as it has come */
	size_t in_len;
	struct wire_queue out;
	size_t pending; /* questions on their way */
	bool eof; /* it asks no more */
};

static void unlink_client(struct resolver_client *c)
{
	for (struct resolver_client **p = &c->resolver->clients; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			return;
		}
	}
}

static void client_free(struct resolver_client *c)
{
	struct resolver *r = c->resolver;

	unlink_client(c);
	r->n_clients--;
	for (size_t i = 0; i < RESOLVER_PENDING; i++)
		if (r->slots[i].used && r->slots[i].client == c)
			r->slots[i].client = NULL;
	loop_remove(c->src);
	fd_close(c->fd);
	wire_queue_clear(&c->out);
	free(c);
}

/* Asks what has come whole. False: that was no question, the client is to go. */
static bool ask_whole(struct resolver_client *c)
{
	struct resolver *r = c->resolver;

	while (c->in_len >= 2) {
		size_t len = resolver_get_u16(c->in);
		struct resolver_slot *s;

		if (len < RESOLVER_HEADER || len > RESOLVER_QUESTION_MAX)
			return false;
		if (c->in_len < 2 + len)
			break;
		if (!resolver_ready(r))
			break;
		s = resolver_is_question(c->in + 2, len) ?
			    resolver_ask(r, RESOLVER_TCP, c->in + 2, len) :
			    NULL;
		if (!s)
			return false;
		s->client = c;
		c->pending++;
		c->in_len -= 2 + len;
		memmove(c->in, c->in + 2 + len, c->in_len);
	}
	return true;
}

/* Goes if there is nothing to do for it any more; else waits for what can be done. */
static void client_watch(struct resolver_client *c)
{
	bool room = c->in_len < sizeof(c->in) && resolver_ready(c->resolver);

	if (c->eof && !c->pending && c->out.len == 0 && c->in_len == 0) {
		client_free(c);
		return;
	}
	loop_set_events(c->src, (!c->eof && room ? EPOLLIN : 0) | (c->out.len > 0 ? EPOLLOUT : 0));
}

/* False: it hears no more. */
static bool client_write(struct resolver_client *c)
{
	while (c->out.len > 0) {
		const void *p;
		size_t len = wire_queue_peek(&c->out, &p);
		ssize_t n = send(c->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		wire_queue_consume(&c->out, (size_t)n);
	}
	return true;
}

/* False: it has gone. */
static bool client_read(struct resolver_client *c)
{
	ssize_t n;

	if (c->eof || c->in_len == sizeof(c->in))
		return true;
	n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->eof = n == 0;
	c->in_len += (size_t)n;
	return true;
}

/* Half a question that nobody will complete. */
static void drop_rest(struct resolver_client *c)
{
	if (c->eof && (c->in_len < 2 || c->in_len < 2 + (size_t)resolver_get_u16(c->in)))
		c->in_len = 0;
}

static void client_go_on(struct resolver_client *c)
{
	if (!ask_whole(c)) {
		client_free(c);
		return;
	}
	drop_rest(c);
	client_watch(c);
}

static void on_client(struct loop_source *src, uint32_t revents, void *data)
{
	struct resolver_client *c = data;
	struct resolver *r = c->resolver;

	/* A hang-up cannot be masked, and nobody is there to hear an answer. */
	if (revents & (EPOLLERR | EPOLLHUP) || !client_write(c) ||
	    (revents & EPOLLIN && !client_read(c))) {
		client_free(c);
		return;
	}
	if (revents & EPOLLIN) {
		unlink_client(c);
		c->next = r->clients;
		r->clients = c;
	}
	client_go_on(c);
	resolver_watch(r);
}

static void add_client(struct resolver *r, int fd)
{
	struct resolver_client *c = calloc(1, sizeof(*c)), *last;

	if (!c) {
		fd_close(fd);
		return;
	}
	if (r->n_clients == RESOLVER_CLIENTS) {
		for (last = r->clients; last->next; last = last->next)
			;
		client_free(last);
	}
	c->resolver = r;
	c->fd = fd;
	c->next = r->clients;
	r->clients = c;
	r->n_clients++;
	c->src = loop_add_io(r->mux->loop, fd, EPOLLIN, on_client, c, NULL);
	if (!c->src)
		client_free(c);
	else
		client_watch(c);
}

void resolver_on_connect(struct loop_source *src, uint32_t revents, void *data)
{
	int fd = accept4(loop_fd(src), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		add_client(data, fd);
}

void resolver_client_answer(struct resolver_client *c, const uint8_t *dns, size_t len)
{
	uint8_t prefix[2];
	struct iovec iov[] = { { prefix, sizeof(prefix) }, { (void *)dns, len } };

	if (!c)
		return;
	c->pending--;
	resolver_put_u16(prefix, (uint16_t)len);
	if (c->out.len > QUEUE_MAX || wire_queue_append(&c->out, iov, 2, 0) < 0 || !client_write(c))
		client_free(c);
	else
		client_watch(c);
}

void resolver_clients_resume(struct resolver *r)
{
	struct resolver_client *c, *next;

	for (c = r->clients; c; c = next) {
		next = c->next;
		client_go_on(c);
	}
}

void resolver_clients_free(struct resolver *r)
{
	while (r->clients)
		client_free(r->clients);
}
