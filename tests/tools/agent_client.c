/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/agent_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "wire/message.h"

static void on_reply(struct client *c, const struct wire_frame *f)
{
	json_t *result = NULL;
	struct err err = { 0 };
	char key[16];
	int r = wire_parse_reply(f, &result, NULL, &err);

	snprintf(key, sizeof(key), "%u", f->id);
	json_object_set_new(c->replies, key,
			    r < 0 ? json_pack("{s:{s:i, s:s}}", "error", "code", -r, "message",
					      err.msg) :
				    json_pack("{s:o}", "result", result));
}

static void on_event(struct client *c, const struct wire_frame *f)
{
	_json_ json_t *e = NULL;
	struct err err;
	char name[64];

	if (wire_parse_event(f, name, &e, &err) < 0) {
		fprintf(stderr, "bad event: %s\n", err.msg);
		return;
	}
	if (!strcmp(name, "log") && c->verbose)
		fprintf(stderr, "[agent %s] %s\n", js_get_str(e, "level"), js_get_str(e, "message"));
	if (!strcmp(name, "oom"))
		c->oom_events++;
	if (!strcmp(name, "exit")) {
		for (struct guest_process *p = c->processes; p; p = p->next) {
			if (strcmp(p->id, js_get_str(e, "id")) != 0 ||
			    strcmp(p->exec, js_get_str(e, "exec")) != 0 || p->exited)
				continue;
			p->exited = true;
			p->code = (int)js_get_int(e, "code", -1);
			p->signal = (int)js_get_int(e, "signal", -1);
			return;
		}
		fprintf(stderr, "exit of unknown %s/%s\n", js_get_str(e, "id"),
			js_get_str(e, "exec"));
	}
}

void client_credit(struct client *c, struct guest_process *p, int out, uint32_t n)
{
	wire_send_credit(c->conn, p->stream + 1 + (uint32_t)out, n);
	p->uncredited[out] -= n;
}

static void on_stream(struct client *c, const struct wire_frame *f)
{
	struct guest_process *p;
	uint32_t n;
	int out;

	for (p = c->processes; p; p = p->next)
		if (f->id >= p->stream && f->id < p->stream + 3)
			break;
	if (!p) {
		fprintf(stderr, "frame for unknown stream %u\n", f->id);
		return;
	}
	n = f->id - p->stream;
	out = (int)n - 1;
	if (p->exited)
		p->late = true;
	if (f->type == WIRE_CREDIT && n == 0)
		p->window += wire_get_u32(f->payload);
	else if (f->type == WIRE_CLOSE && n == 0)
		p->closed_in = true;
	else if (f->type == WIRE_EOF && n > 0)
		p->eof[out] = true;
	else if (f->type == WIRE_DATA && n > 0 && !p->eof[out]) {
		p->received[out] += f->len;
		p->uncredited[out] += f->len;
		if (p->uncredited[out] > WIRE_WINDOW)
			fprintf(stderr, "stream %u: more than the window\n", f->id);
		if (p->keep)
			buf_append(&p->out[out], f->payload, f->len);
		if (!p->hold && p->uncredited[out] >= WIRE_WINDOW / 4)
			client_credit(c, p, out, p->uncredited[out]);
	} else
		fprintf(stderr, "unexpected frame type %d for stream %u\n", (int)f->type, f->id);
}

static int on_frame(struct wire_conn *conn, const struct wire_frame *f, void *data, struct err *err)
{
	struct client *c = data;

	switch (f->type) {
	case WIRE_HELLO:
		c->greeted = true;
		if (c->verbose)
			fprintf(stderr, "HELLO %.*s\n", (int)f->len, (const char *)f->payload);
		break;
	case WIRE_REPLY:
		on_reply(c, f);
		break;
	case WIRE_EVENT:
		on_event(c, f);
		break;
	default:
		on_stream(c, f);
	}
	loop_quit(c->loop, 0);
	return 0;
}

static void on_closed(struct wire_conn *conn, const struct err *err, void *data)
{
	struct client *c = data;

	c->closed = true;
	snprintf(c->closed_msg, sizeof(c->closed_msg), "%.200s", err->msg);
	loop_quit(c->loop, 0);
}

static void on_timer(struct loop_source *src, void *data)
{
	struct client *c = data;

	c->timed_out = true;
	loop_quit(c->loop, 0);
}

int client_init(struct client *c, int fd, struct err *err)
{
	static const struct wire_handler handler = { on_frame, on_closed, NULL };
	int r;

	*c = (struct client){ .next_id = 1, .next_stream = WIRE_STREAMS, .replies = json_object() };
	r = loop_new(&c->loop, err);
	if (r >= 0)
		r = wire_conn_new(c->loop, fd, &(struct wire_options){ 0 }, &handler, c, &c->conn,
				  err);
	if (r >= 0)
		c->timer = loop_add_timer(c->loop, -1, on_timer, c, err);
	return r < 0 || !c->timer ? -1 : 0;
}

void client_done(struct client *c)
{
	wire_conn_free(c->conn);
	loop_free(c->loop);
	while (c->processes) {
		struct guest_process *p = c->processes;

		c->processes = p->next;
		buf_done(&p->out[0]);
		buf_done(&p->out[1]);
		free(p);
	}
	json_decref(c->replies);
}

bool client_wait(struct client *c, bool (*cond)(struct client *c, void *data), void *data,
		 int timeout_ms)
{
	struct err err;

	c->timed_out = false;
	loop_set_timer(c->timer, timeout_ms);
	while (!cond(c, data) && !c->closed && !c->timed_out)
		loop_run(c->loop, &err);
	loop_set_timer(c->timer, -1);
	return cond(c, data);
}

static bool is_greeted(struct client *c, void *data)
{
	return c->greeted;
}

int client_hello(struct client *c, struct err *err)
{
	char hello[128];

	snprintf(hello, sizeof(hello), "{\"min\":%d,\"max\":%d,\"session\":\"%s\"}", WIRE_VERSION,
		 WIRE_VERSION, "0123456789abcdef0123456789abcdef");
	c->greeted = false;
	wire_send(c->conn, WIRE_HELLO, 0, hello, strlen(hello));
	if (client_wait(c, is_greeted, NULL, CLIENT_TIMEOUT_MS))
		return 0;
	return err_set(err, ETIMEDOUT, "no HELLO: %s", c->closed ? c->closed_msg : "timed out");
}

uint32_t client_send(struct client *c, const char *method, json_t *params)
{
	uint32_t id = c->next_id++;

	wire_send_request(c->conn, id, method, params);
	json_decref(params);
	return id;
}

static bool has_reply(struct client *c, void *data)
{
	return json_object_get(c->replies, data);
}

int client_reply(struct client *c, uint32_t id, json_t **ret_result, struct err *err)
{
	char key[16];
	json_t *r, *e;
	int code;

	snprintf(key, sizeof(key), "%u", id);
	if (!client_wait(c, has_reply, key, CLIENT_TIMEOUT_MS))
		return err_set(err, ETIMEDOUT, "no reply: %s",
			       c->closed ? c->closed_msg : "timed out");
	r = json_object_get(c->replies, key);
	e = json_object_get(r, "error");
	if (e) {
		code = err_set(err, (int)js_get_int(e, "code", EIO), "%s", js_get_str(e, "message"));
	} else {
		code = 0;
		if (ret_result)
			*ret_result = json_incref(json_object_get(r, "result"));
	}
	json_object_del(c->replies, key);
	return code;
}

int client_call(struct client *c, const char *method, json_t *params, json_t **ret_result,
		struct err *err)
{
	return client_reply(c, client_send(c, method, params), ret_result, err);
}

/* ---- processes ---- */

struct guest_process *client_process(struct client *c, const char *id, const char *exec)
{
	struct guest_process *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	snprintf(p->id, sizeof(p->id), "%s", id);
	snprintf(p->exec, sizeof(p->exec), "%s", exec);
	p->stream = c->next_stream;
	c->next_stream += WIRE_STREAMS;
	p->keep = true;
	p->window = WIRE_WINDOW;
	p->code = p->signal = -1;
	p->next = c->processes;
	c->processes = p;
	return p;
}

static bool may_write(struct client *c, void *data)
{
	struct guest_process *p = data;

	return p->window > 0 || p->closed_in || p->exited;
}

void client_write(struct client *c, struct guest_process *p, const void *data, size_t len)
{
	const char *d = data;

	while (len > 0) {
		size_t n = len;

		if (!client_wait(c, may_write, p, CLIENT_TIMEOUT_MS) || p->closed_in || p->exited)
			return;
		n = n > p->window ? p->window : n;
		n = n > WIRE_MAX_DATA ? WIRE_MAX_DATA : n;
		wire_send(c->conn, WIRE_DATA, p->stream, d, n);
		p->window -= (uint32_t)n;
		d += n;
		len -= n;
	}
}

void client_eof(struct client *c, struct guest_process *p)
{
	wire_send(c->conn, WIRE_EOF, p->stream, NULL, 0);
}

static bool has_exited(struct client *c, void *data)
{
	return ((struct guest_process *)data)->exited;
}

bool client_wait_exit(struct client *c, struct guest_process *p, int timeout_ms)
{
	return client_wait(c, has_exited, p, timeout_ms);
}

struct wanted {
	struct guest_process *p;
	const char *text;
};

static bool has_output(struct client *c, void *data)
{
	struct wanted *w = data;

	return w->p->out[0].data &&
	       memmem(w->p->out[0].data, w->p->out[0].len, w->text, strlen(w->text));
}

bool client_wait_output(struct client *c, struct guest_process *p, const char *text, int timeout_ms)
{
	return client_wait(c, has_output, &(struct wanted){ p, text }, timeout_ms);
}
