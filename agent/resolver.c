/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/resolver_client.h"
#include "base/cleanup.h"
#include "base/fd.h"

#define CREDIT_STEP (WIRE_WINDOW / 4)
#define QUEUE_MAX \
	((size_t)128 * 1024) /* what may wait in the channel's queue before questions do */
#define DATAGRAMS_PER_TURN 16
#define SLOT_BITS 7 /* of an id: which slot; the others count its uses */

_Static_assert(1 << SLOT_BITS == RESOLVER_PENDING, "an id names a slot");

/* ---- questions ---- */

bool resolver_ready(struct resolver *r)
{
	const struct wire_conn *c = r->mux->conn;
	bool ready = r->n_pending < RESOLVER_PENDING && c && wire_conn_queued(c) < QUEUE_MAX &&
		     r->window.avail > RESOLVER_QUESTION_MAX;

	if (!ready)
		r->paused = true;
	return ready;
}

struct resolver_slot *resolver_ask(struct resolver *r, enum resolver_transport transport,
				   const uint8_t *dns, size_t len)
{
	uint8_t payload[1 + RESOLVER_QUESTION_MAX];
	struct resolver_slot *s = r->slots;
	uint16_t id;

	while (s->used)
		s++;
	id = (uint16_t)((unsigned int)(s - r->slots) | (unsigned int)++s->round << SLOT_BITS);
	payload[0] = (uint8_t)transport;
	memcpy(payload + 1, dns, len);
	resolver_put_u16(payload + 1, id);
	if (wire_send(r->mux->conn, WIRE_DATA, r->id + WIRE_QUESTIONS, payload, 1 + len) < 0)
		return NULL;
	wire_window_take(&r->window, (uint32_t)(1 + len));
	s->used = true;
	s->transport = transport;
	s->client = NULL;
	s->id = resolver_get_u16(dns);
	s->wire_id = id;
	r->n_pending++;
	return s;
}

static void read_datagrams(struct resolver *r)
{
	uint8_t dns[RESOLVER_QUESTION_MAX + 1];

	for (int i = 0; i < DATAGRAMS_PER_TURN && resolver_ready(r); i++) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		struct resolver_slot *s;
		ssize_t n = recvfrom(r->fds.udp, dns, sizeof(dns), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno != EINTR)
			break;
		if (n < 0 || !resolver_is_question(dns, (size_t)n))
			continue;
		s = resolver_ask(r, RESOLVER_UDP, dns, (size_t)n);
		if (s)
			s->from = from;
	}
	resolver_watch(r);
}

static void on_datagram(struct loop_source *src, uint32_t revents, void *data)
{
	read_datagrams(data);
}

void resolver_watch(struct resolver *r)
{
	if (r->udp_src)
		loop_set_events(r->udp_src, resolver_ready(r) ? EPOLLIN : 0);
}

static void resume(struct resolver *r)
{
	if (!r->paused || !resolver_ready(r))
		return;
	r->paused = false;
	resolver_watch(r);
	resolver_clients_resume(r);
	resolver_watch(r);
}

/* ---- answers ---- */

static void answer(struct resolver *r, uint8_t *dns, size_t len)
{
	uint16_t id = resolver_get_u16(dns);
	struct resolver_slot *s = &r->slots[id % RESOLVER_PENDING];

	/* Not asked, or asked by somebody who has gone: nobody waits for it. */
	if (!s->used || s->wire_id != id)
		return;
	s->used = false;
	r->n_pending--;
	resolver_put_u16(dns, s->id);
	if (s->transport == RESOLVER_TCP)
		resolver_client_answer(s->client, dns, len);
	else
		/* Who does not read his answers in time loses some, as with any server. */
		(void)sendto(r->fds.udp, dns, len, MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)&s->from, sizeof(s->from));
}

static int answer_frame(struct resolver *r, const struct wire_frame *f, struct err *err)
{
	static uint8_t dns[RESOLVER_ANSWER_MAX];
	size_t len = f->len - 1;

	if (!wire_window_take(&r->answers, f->len))
		return err_set(err, EPROTO, "stream %u: more data than credit", f->id);
	if (f->len < 1 + RESOLVER_HEADER || len > sizeof(dns))
		return err_set(err, EPROTO, "stream %u: no answer", f->id);
	r->owed += f->len;
	if (r->owed >= CREDIT_STEP) {
		wire_window_give(&r->answers, r->owed);
		wire_send_credit(r->mux->conn, f->id, r->owed);
		r->owed = 0;
	}
	memcpy(dns, f->payload + 1, len);
	answer(r, dns, len);
	resume(r);
	return 0;
}

static int frame(struct resolver *r, const struct wire_frame *f, struct err *err)
{
	if (f->id - r->id == WIRE_ANSWERS && f->type == WIRE_DATA)
		return answer_frame(r, f, err);
	if (f->id - r->id != WIRE_QUESTIONS || f->type != WIRE_CREDIT)
		return err_set(err, EPROTO, "frame of type %d for stream %u", (int)f->type, f->id);
	if (!wire_window_give(&r->window, wire_get_u32(f->payload)))
		return err_set(err, EPROTO, "stream %u: more credit than a window", f->id);
	resume(r);
	return 0;
}

/* ---- all of them ---- */

int resolvers_frame(struct mux *m, const struct wire_frame *f, struct err *err)
{
	for (struct resolver *r = m->resolvers; r; r = r->next)
		if (f->id - r->id == WIRE_ANSWERS || f->id - r->id == WIRE_QUESTIONS)
			return frame(r, f, err);
	return 0;
}

void resolvers_resume(struct mux *m)
{
	for (struct resolver *r = m->resolvers; r; r = r->next)
		resume(r);
}

/* Nothing is open any more; what is left is the owner's to free. */
static void stop(struct resolver *r)
{
	resolver_clients_free(r);
	r->udp_src = loop_remove(r->udp_src);
	r->tcp_src = loop_remove(r->tcp_src);
	resolver_close(&r->fds);
}

void resolvers_stop(struct mux *m)
{
	while (m->resolvers) {
		stop(m->resolvers);
		m->resolvers = m->resolvers->next;
	}
}

void resolver_close(struct resolver_fds *fds)
{
	for (size_t i = 0; i < RESOLVER_REDIRECTS; i++)
		fds->redirects[i] = fd_close(fds->redirects[i]);
	fds->udp = fd_close(fds->udp);
	fds->tcp = fd_close(fds->tcp);
}

int resolver_bind(const struct sockaddr_in *at, struct resolver_fds *ret, struct err *err)
{
	const struct sockaddr *a = (const struct sockaddr *)at;
	_close_ int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	_close_ int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	if (udp < 0 || tcp < 0 || setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(udp, a, sizeof(*at)) < 0 || bind(tcp, a, sizeof(*at)) < 0 ||
	    listen(tcp, RESOLVER_CLIENTS) < 0)
		return err_errno(err, errno, "name server in the guest");
	*ret = (struct resolver_fds){ .udp = take_fd(udp), .tcp = take_fd(tcp) };
	for (size_t i = 0; i < RESOLVER_REDIRECTS; i++)
		ret->redirects[i] = -EBADF;
	return 0;
}

int resolver_new(struct mux *m, uint32_t id, const struct resolver_fds *fds, struct resolver **ret,
		 struct err *err)
{
	struct resolver_fds taken = *fds;
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r) {
		resolver_close(&taken);
		return err_errno(err, ENOMEM, "name server in the guest");
	}
	r->mux = m;
	r->id = id;
	r->fds = taken;
	wire_window_init(&r->window);
	wire_window_init(&r->answers);
	r->next = m->resolvers;
	m->resolvers = r;
	r->udp_src = loop_add_io(m->loop, taken.udp, EPOLLIN, on_datagram, r, err);
	if (r->udp_src)
		r->tcp_src = loop_add_io(m->loop, taken.tcp, EPOLLIN, resolver_on_connect, r, err);
	if (!r->udp_src || !r->tcp_src) {
		resolver_free(r);
		return err ? -err->code : -ENOMEM;
	}
	*ret = r;
	return 0;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	for (struct resolver **p = &r->mux->resolvers; *p; p = &(*p)->next) {
		if (*p == r) {
			*p = r->next;
			break;
		}
	}
	stop(r);
	free(r);
}
