/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "monitor/agent.h"
#include "monitor/container.h"
#include "monitor/stream.h"
#include "monitor/verbs.h"
#include "monitor/vm.h"
#include "wire/message.h"

#define WATCH_QUEUE_MAX 65536 /* bytes; a guest makes as many events as it likes */

static void client_free(struct client *c)
{
	struct client **cp;

	verbs_client_gone(c->m, c);
	for (cp = &c->m->clients; *cp; cp = &(*cp)->next)
		if (*cp == c) {
			*cp = c->next;
			break;
		}
	wire_conn_free(c->conn);
	free(c->watching);
	free(c);
}

static int standin_event(struct client *c, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *event = NULL;
	char name[64];
	int r;

	r = wire_parse_event(f, name, &event, err);
	return r < 0 ? r : verbs_standin_event(c->process, name, event, err);
}

static int on_frame(struct wire_conn *conn, const struct wire_frame *f, void *data, struct err *err)
{
	struct client *c = data;

	(void)conn;
	if (c->leaving)
		return 0;
	switch (f->type) {
	case WIRE_REQUEST:
		return verbs_request(c, f, err);
	case WIRE_EVENT:
		return c->process ? standin_event(c, f, err) :
				    err_set(err, EPROTO, "event from a command");
	case WIRE_DATA:
	case WIRE_EOF:
	case WIRE_CREDIT:
	case WIRE_CLOSE:
		return c->process ? stream_from_standin(c->process, f, err) :
				    err_set(err, EPROTO, "stream frame from a command");
	default:
		return err_set(err, EPROTO, "frame of type %d", f->type);
	}
}

static void on_closed(struct wire_conn *conn, const struct err *err, void *data)
{
	struct client *c = data;
	struct monitor *m = c->m;
	struct process *p = c->process;
	bool creator = c->creator;

	(void)conn;
	if (err->code != ENODATA && err->code != ECONNRESET && err->code != EPIPE)
		log_warn("connection closed: %s", err->msg);
	process_requester_gone(m, c);
	c->process = NULL;
	client_free(c);
	if (p)
		process_standin_gone(p);
	/* A creator that dies before it has committed leaves nothing behind. */
	if (creator && !m->committed) {
		log_info("the creating command is gone");
		vm_end_now(m);
	}
	vm_maybe_exit(m);
}

static void on_drained(struct wire_conn *conn, void *data)
{
	struct client *c = data;
	struct monitor *m = c->m;

	(void)conn;
	if (c->leaving)
		client_free(c);
	vm_maybe_exit(m);
}

int client_new(struct monitor *m, int fd, bool creator, struct err *err)
{
	static const struct wire_handler handler = { on_frame, on_closed, on_drained };
	static const struct wire_options opt = { .accept_requests = true, .accept_fds = true };
	struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		close(fd);
		return err_errno(err, ENOMEM, "connection");
	}
	c->m = m;
	c->creator = creator;
	r = wire_conn_new(m->loop, fd, &opt, &handler, c, &c->conn, err);
	if (r < 0) {
		free(c);
		return r;
	}
	c->next = m->clients;
	m->clients = c;
	return 0;
}

static void on_connect(struct loop_source *src, uint32_t revents, void *data)
{
	struct monitor *m = data;
	struct client *c;
	struct err err = {};
	size_t n = 0;
	uid_t uid;
	int fd;

	(void)revents;
	fd = accept4(loop_fd(src), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	for (c = m->clients; c; c = c->next)
		n++;
	/* The file mode keeps others out already; this keeps out whoever got the descriptor otherwise. */
	if (n >= CLIENTS_MAX || sock_peer_uid(fd, &uid) < 0 || uid != 0) {
		close(fd);
		return;
	}
	if (client_new(m, fd, false, &err) < 0)
		log_warn("%s", err.msg);
}

int clients_listen(struct monitor *m, int fd, struct err *err)
{
	m->listen = loop_add_io(m->loop, fd, EPOLLIN, on_connect, m, err);
	return m->listen ? 0 : -err->code;
}

void clients_free(struct monitor *m)
{
	while (m->clients)
		client_free(m->clients);
	m->listen = loop_remove(m->listen);
}

bool clients_busy(const struct monitor *m)
{
	const struct client *c;

	for (c = m->clients; c; c = c->next)
		if (c->process || wire_conn_queued(c->conn) || (c->creator && !m->committed))
			return true;
	return false;
}

void client_result(struct client *c, uint32_t id, json_t *result)
{
	wire_send_result(c->conn, id, result);
}

void client_error(struct client *c, uint32_t id, const struct err *err)
{
	wire_send_error(c->conn, id, err);
}

void client_event(struct client *c, json_t *event)
{
	_json_ json_t *owned = event;

	if (owned)
		wire_send_event(c->conn, owned);
}

int client_frame(struct client *c, enum wire_type type, uint32_t id, const void *payload, size_t len)
{
	/* A stand-in that cannot be written to is reported by its own on_closed. */
	(void)wire_send(c->conn, type, id, payload, len);
	return 0;
}

void client_let_go(struct client *c)
{
	c->process = NULL;
	c->leaving = true;
	if (wire_conn_queued(c->conn) == 0)
		client_free(c);
}

static bool watches(const struct client *c, const char *id)
{
	return c->watching && !c->leaving && strcmp(c->watching, id) == 0;
}

void clients_event(struct monitor *m, const char *id, json_t *event)
{
	_json_ json_t *owned = event;
	struct client *c;

	for (c = m->clients; c && owned; c = c->next)
		if (watches(c, id) && wire_conn_queued(c->conn) < WATCH_QUEUE_MAX)
			wire_send_event(c->conn, owned);
}

void clients_ended(struct monitor *m, const char *id)
{
	struct client *c, *next;

	for (c = m->clients; c; c = next) {
		next = c->next;
		if (watches(c, id))
			client_let_go(c);
	}
}
