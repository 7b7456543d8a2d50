/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "monitor/container.h"
#include "monitor/stream.h"
#include "wire/message.h"
#include "wire/vm_setup.h"

#define LOG_EVENTS_MAX 1000 /* lines of log that a guest may send */

struct pending {
	struct agent *agent;
	struct pending *next;
	uint32_t id;
	char method[64];
	agent_reply_fn reply;
	void *data;
	struct loop_source *deadline;
};

struct agent {
	struct monitor *m;
	struct wire_conn *conn;
	struct agent_events ev;
	struct pending *pending;
	uint32_t next_id;
	char session[33];
	bool ready, lost;
	unsigned int log_events;
};

/* Unlinks first, so that the callback sees a consistent list and may free the agent. */
static void finish(struct pending *p, json_t *result, const struct err *err)
{
	struct pending **pp;

	for (pp = &p->agent->pending; *pp; pp = &(*pp)->next)
		if (*pp == p) {
			*pp = p->next;
			break;
		}
	loop_remove(p->deadline);
	p->reply(p->data, result, err);
	free(p);
}

static void on_deadline(struct loop_source *src, void *data)
{
	struct pending *p = data;
	struct err err = {};

	(void)src;
	err_set(&err, ETIMEDOUT, "the guest's agent did not answer '%s' in time", p->method);
	log_warn("%s", err.msg);
	finish(p, NULL, &err);
}

int agent_patience(const struct monitor *m, int ms)
{
	/* At most an hour: config/keys.c */
	int boot = (int)m->setup.boot_timeout * 1000;

	return boot > ms ? boot : ms;
}

int agent_call(struct agent *a, const char *method, json_t *params, int timeout_ms,
	       agent_reply_fn reply, void *data, struct err *err)
{
	_json_ json_t *owned = params;
	struct pending *p;
	int r;

	if (!a || a->lost)
		return err_set(err, ESRCH, "the virtual machine is not running");
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_errno(err, ENOMEM, "%s", method);
	p->agent = a;
	p->id = ++a->next_id;
	p->reply = reply;
	p->data = data;
	snprintf(p->method, sizeof(p->method), "%s", method);
	p->deadline = loop_add_timer(a->m->loop, timeout_ms, on_deadline, p, err);
	if (!p->deadline) {
		free(p);
		return err ? -err->code : -ENOMEM;
	}
	r = wire_send_request(a->conn, p->id, method, owned);
	if (r < 0) {
		loop_remove(p->deadline);
		free(p);
		return err_errno(err, -r, "%s", method);
	}
	p->next = a->pending;
	a->pending = p;
	return 0;
}

int agent_send(struct agent *a, enum wire_type type, uint32_t id, const void *payload, size_t len)
{
	return a && !a->lost ? wire_send(a->conn, type, id, payload, len) : -EPIPE;
}

static int on_hello(struct agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *hello = NULL;
	const char *session;
	int r;

	r = wire_parse_hello(f, &hello, err);
	if (r < 0)
		return r;
	session = js_get_str(hello, "session");
	if (!session || strcmp(session, a->session) != 0)
		return 0; /* of an earlier session */
	if (js_get_int(hello, "version", 0) != WIRE_VERSION)
		return err_set(err, EPROTO, "the agent speaks another protocol version");
	if (a->ready)
		return err_set(err, EPROTO, "second HELLO");
	a->ready = true;
	a->ev.ready(a->m);
	return 0;
}

static int on_reply(struct agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *result = NULL;
	struct err remote = {};
	bool broken = false;
	struct pending *p;

	for (p = a->pending; p && p->id != f->id; p = p->next)
		;
	if (!p) {
		/* A reply after its deadline is late, one to an id never used is an attack. */
		if (f->id > a->next_id)
			return err_set(err, EPROTO, "reply to a request that was never made");
		return 0;
	}
	if (wire_parse_reply(f, &result, &broken, &remote) < 0 && broken) {
		if (err)
			*err = remote;
		return -EPROTO;
	}
	/* That a template is no good is for the host to say, and EUCLEAN is also what a damaged file system in the guest gives. */
	if (remote.code == VM_TEMPLATE_FAILED || remote.code == VM_TEMPLATE_DAMAGED)
		remote.code = EIO;
	finish(p, result, &remote);
	return 0;
}

static int on_event(struct agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *event = NULL;
	char name[64];
	const char *text;
	int r;

	r = wire_parse_event(f, name, &event, err);
	if (r < 0)
		return r;
	if (strcmp(name, "exit") == 0)
		return container_on_exit(a->m, event, err);
	if (strcmp(name, "log") == 0) {
		text = js_get_str(event, "message");
		if (text && a->log_events++ < LOG_EVENTS_MAX)
			log_info("agent: %.512s", text);
		return 0;
	}
	if (strcmp(name, "oom") == 0)
		return container_on_oom(a->m, event, err);
	return 0; /* events of a newer agent */
}

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct agent *a = data;

	(void)c;
	if (f->type == WIRE_HELLO)
		return on_hello(a, f, err);
	if (!a->ready)
		return 0; /* what was on the way before the session */
	switch (f->type) {
	case WIRE_REPLY:
		return on_reply(a, f, err);
	case WIRE_EVENT:
		return on_event(a, f, err);
	case WIRE_DATA:
	case WIRE_EOF:
	case WIRE_CREDIT:
	case WIRE_CLOSE:
		return stream_from_guest(a->m, f, err);
	default:
		return err_set(err, EPROTO, "the guest sent a frame of type %d", f->type);
	}
}

static void fail_pending(struct agent *a, const struct err *err)
{
	a->lost = true;
	while (a->pending)
		finish(a->pending, NULL, err);
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct agent *a = data;
	struct err e = *err;

	(void)c;
	if (e.code == ENODATA)
		err_set(&e, EPIPE, "the virtual machine closed the agent's channel");
	else
		err_wrap(&e, "agent channel");
	fail_pending(a, &e);
	a->ev.lost(a->m, &e);
}

static int new_session(struct agent *a, struct err *err)
{
	uint8_t raw[16];
	_json_ json_t *hello = NULL;
	_free_ char *text = NULL;
	size_t i;
	int r;

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return err_errno(err, errno, "getrandom");
	for (i = 0; i < sizeof(raw); i++)
		snprintf(a->session + 2 * i, 3, "%02x", raw[i]);
	hello = json_pack("{s:i, s:i, s:s}", "min", WIRE_VERSION, "max", WIRE_VERSION, "session",
			  a->session);
	text = hello ? js_dump(hello) : NULL;
	if (!text)
		return err_errno(err, ENOMEM, "agent");
	r = wire_send(a->conn, WIRE_HELLO, 0, text, strlen(text));
	return r < 0 ? err_errno(err, -r, "agent channel") : 0;
}

int agent_new(struct monitor *m, int fd, const struct agent_events *ev, struct agent **ret,
	      struct err *err)
{
	static const struct wire_handler handler = { .on_frame = on_frame, .on_closed = on_closed };
	static const struct wire_options opt = {};
	struct agent *a = calloc(1, sizeof(*a));
	int r;

	if (!a) {
		close(fd);
		return err_errno(err, ENOMEM, "agent");
	}
	a->m = m;
	a->ev = *ev;
	r = wire_conn_new(m->loop, fd, &opt, &handler, a, &a->conn, err);
	if (r >= 0)
		r = new_session(a, err);
	if (r < 0) {
		agent_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void agent_free(struct agent *a)
{
	struct err gone = {};

	if (!a)
		return;
	err_set(&gone, ESRCH, "the virtual machine has ended");
	fail_pending(a, &gone);
	wire_conn_free(a->conn);
	free(a);
}
