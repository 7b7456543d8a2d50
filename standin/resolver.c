/* SPDX-License-Identifier: Apache-2.0 */
#include "standin/resolver.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "wire/resolver.h"

#define QUEUE_HIGH 0x20000u /* 128 KiB: answers wait while that much waits for the monitor */
#define CREDIT_STEP (WIRE_WINDOW / 4)
#define ROUND_MS \
	8000 /* a question that a whole round has not answered has failed: after 8 to 16 s */

struct lookup {
	struct lookup *next;
	struct resolver *resolver;
	int fd;
	struct loop_source *src;
	enum resolver_transport transport;
	uint16_t id;
	bool old; /* was there when the round began */
	uint8_t *question; /* TCP: its length and it */
	size_t question_len, sent;
	uint8_t prefix[2]; /* TCP: the answer's length */
	uint8_t *answer; /* the payload of a frame */
	size_t answer_len, got; /* got: TCP, prefix included */
	bool done; /* answered, waits for credit */
};

struct resolver {
	struct loop *loop;
	struct wire_conn *conn;
	struct sockaddr_in server;
	struct lookup *lookups; /* the latest last */
	size_t n;
	struct loop_source *round;
	struct wire_window questions, answers; /* what the guest may send, and we */
	uint32_t owed; /* credit for questions that were taken */
};

static void lookup_free(struct lookup *l)
{
	struct resolver *r = l->resolver;

	for (struct lookup **p = &r->lookups; *p; p = &(*p)->next) {
		if (*p == l) {
			*p = l->next;
			r->n--;
			break;
		}
	}
	loop_remove(l->src);
	fd_close(l->fd);
	free(l->question);
	free(l->answer);
	free(l);
}

/* Sends what is answered as far as the guest and the monitor take it. */
static void deliver(struct resolver *r)
{
	struct lookup *l, *next;

	for (l = r->lookups; l; l = next) {
		next = l->next;
		if (!l->done)
			continue;
		if (wire_conn_queued(r->conn) >= QUEUE_HIGH ||
		    !wire_window_take(&r->answers, (uint32_t)l->answer_len))
			return;
		wire_send(r->conn, WIRE_DATA, WIRE_ANSWERS, l->answer, l->answer_len);
		lookup_free(l);
	}
}

/* The socket is not needed any more. */
static void finish(struct lookup *l)
{
	l->done = true;
	l->src = loop_remove(l->src);
	l->fd = fd_close(l->fd);
	deliver(l->resolver);
}

static void fail(struct lookup *l)
{
	size_t skip = l->transport == RESOLVER_TCP ? 2 : 0, len = l->question_len - skip;

	free(l->answer);
	l->answer = take_ptr(l->question);
	memmove(l->answer + 1, l->answer + skip, len);
	l->answer[0] = (uint8_t)l->transport;
	l->answer_len = 1 + len;
	resolver_fail(l->answer + 1);
	finish(l);
}

/* One datagram a wake-up. What is no answer to this question is as good as none. */
static void read_datagram(struct lookup *l)
{
	static uint8_t dns[RESOLVER_ANSWER_MAX];
	ssize_t n = recv(l->fd, dns, sizeof(dns), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(l);
		return;
	}
	if (n < RESOLVER_HEADER || resolver_get_u16(dns) != l->id)
		return;
	l->answer = malloc(1 + (size_t)n);
	if (!l->answer) {
		fail(l);
		return;
	}
	l->answer[0] = RESOLVER_UDP;
	memcpy(l->answer + 1, dns, (size_t)n);
	l->answer_len = 1 + (size_t)n;
	finish(l);
}

/* The answer's length is there: room for it. False: it is none. */
static bool begin_answer(struct lookup *l)
{
	size_t len = resolver_get_u16(l->prefix);

	if (len < RESOLVER_HEADER)
		return false;
	l->answer = malloc(1 + len);
	if (!l->answer)
		return false;
	l->answer[0] = RESOLVER_TCP;
	l->answer_len = 1 + len;
	return true;
}

static void read_stream(struct lookup *l)
{
	size_t have = l->got < 2 ? 0 : l->got - 2;
	ssize_t n = l->got < 2 ? recv(l->fd, l->prefix + l->got, 2 - l->got, MSG_DONTWAIT) :
				 recv(l->fd, l->answer + 1 + have, l->answer_len - 1 - have,
				      MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(l);
		return;
	}
	l->got += (size_t)n;
	if (l->got == 2 && !begin_answer(l)) {
		fail(l);
		return;
	}
	if (l->got < 2 || l->got < l->answer_len + 1)
		return;
	if (resolver_get_u16(l->answer + 1) == l->id)
		finish(l);
	else
		fail(l);
}

/* The connection stands, or has failed, which sending tells. */
static void send_question(struct lookup *l)
{
	ssize_t n = send(l->fd, l->question + l->sent, l->question_len - l->sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(l);
		return;
	}
	l->sent += (size_t)n;
	if (l->sent == l->question_len)
		loop_set_events(l->src, EPOLLIN);
}

static void on_ready(struct loop_source *src, uint32_t revents, void *data)
{
	struct lookup *l = data;

	if (l->sent < l->question_len)
		send_question(l);
	else if (l->transport == RESOLVER_UDP)
		read_datagram(l);
	else
		read_stream(l);
}

/* One that waits since before the round; an answer that nobody takes is kept. */
static struct lookup *find_old(const struct resolver *r)
{
	struct lookup *l;

	for (l = r->lookups; l && (l->done || !l->old); l = l->next)
		;
	return l;
}

static void on_round(struct loop_source *src, void *data)
{
	struct resolver *r = data;
	struct lookup *l;

	/* Each may go, and take others with it. */
	while ((l = find_old(r)))
		fail(l);
	for (l = r->lookups; l; l = l->next)
		l->old = true;
	if (r->lookups)
		loop_set_timer(src, ROUND_MS);
}

static int connect_server(struct lookup *l)
{
	const struct sockaddr_in *to = &l->resolver->server;
	bool tcp = l->transport == RESOLVER_TCP;

	l->fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 ||
	    (connect(l->fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS))
		return -errno;
	l->src = loop_add_io(l->resolver->loop, l->fd, EPOLLOUT, on_ready, l, NULL);
	return l->src ? 0 : -ENOMEM;
}

static int ask(struct resolver *r, const uint8_t *payload, size_t len, struct err *err)
{
	enum resolver_transport transport = (enum resolver_transport)payload[0];
	size_t prefix = transport == RESOLVER_TCP ? 2 : 0, dns = len - 1;
	struct lookup *l = calloc(1, sizeof(*l)), **end;

	if (l)
		l->question = malloc(prefix + dns + 1);
	if (!l || !l->question) {
		free(l);
		return err_errno(err, ENOMEM, "question of the guest's");
	}
	l->resolver = r;
	l->fd = -EBADF;
	l->transport = transport;
	l->id = resolver_get_u16(payload + 1);
	if (prefix)
		resolver_put_u16(l->question, (uint16_t)dns);
	memcpy(l->question + prefix, payload + 1, dns);
	l->question_len = prefix + dns;
	for (end = &r->lookups; *end; end = &(*end)->next)
		;
	*end = l;
	if (r->n++ == 0)
		loop_set_timer(r->round, ROUND_MS);
	if (connect_server(l) < 0)
		fail(l);
	return 0;
}

static int question_frame(struct resolver *r, const struct wire_frame *f, struct err *err)
{
	if (f->type != WIRE_DATA)
		return err_set(err, EPROTO, "frame of type %d on stream %u", f->type, f->id);
	if (!wire_window_take(&r->questions, f->len))
		return err_set(err, EPROTO, "more data on stream %u than credit", f->id);
	if (f->len < 1 || f->payload[0] > RESOLVER_TCP ||
	    !resolver_is_question(f->payload + 1, f->len - 1))
		return err_set(err, EPROTO, "no question on stream %u", f->id);
	if (r->n >= RESOLVER_PENDING)
		return err_set(err, EPROTO, "more than %d questions at a time", RESOLVER_PENDING);
	r->owed += f->len;
	if (r->owed >= CREDIT_STEP && wire_send_credit(r->conn, WIRE_QUESTIONS, r->owed) == 0) {
		wire_window_give(&r->questions, r->owed);
		r->owed = 0;
	}
	return ask(r, f->payload, f->len, err);
}

int resolver_frame(struct resolver *r, const struct wire_frame *f, struct err *err)
{
	if (f->id == WIRE_QUESTIONS)
		return question_frame(r, f, err);
	if (f->type != WIRE_CREDIT)
		return err_set(err, EPROTO, "frame of type %d on stream %u", f->type, f->id);
	if (!wire_window_give(&r->answers, wire_get_u32(f->payload)))
		return err_set(err, EPROTO, "too much credit on stream %u", f->id);
	deliver(r);
	return 0;
}

void resolver_drained(struct resolver *r)
{
	deliver(r);
}

int resolver_parse(const char *address, struct sockaddr_in *ret, struct err *err)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT) };

	if (!address || inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    ntohl(a.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return err_set(err, EINVAL, "resolver: no address of 127.0.0.0/8");
	*ret = a;
	return 0;
}

int resolver_new(struct loop *loop, struct wire_conn *conn, const struct sockaddr_in *server,
		 struct resolver **ret, struct err *err)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return err_errno(err, ENOMEM, "resolver");
	r->loop = loop;
	r->conn = conn;
	r->server = *server;
	wire_window_init(&r->questions);
	wire_window_init(&r->answers);
	r->round = loop_add_timer(loop, -1, on_round, r, err);
	if (!r->round) {
		free(r);
		return err ? -err->code : -ENOMEM;
	}
	*ret = r;
	return 0;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	while (r->lookups)
		lookup_free(r->lookups);
	loop_remove(r->round);
	free(r);
}
