/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/fake_agent.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "hypervisor/fake_guest.h"
#include "wire/message.h"

struct fake_agent {
	struct wire_conn *conn;
	struct fake_guest guest;
	void (*on_shutdown)(void *data);
	void *data;
};

static int on_hello(struct fake_agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *hello = NULL, *answer = NULL;
	_free_ char *text = NULL;
	const char *session;
	int r;

	r = wire_parse_hello(f, &hello, err);
	if (r < 0)
		return r;
	session = js_get_str(hello, "session");
	answer = json_pack("{s:i, s:s, s:s, s:s}", "version", WIRE_VERSION, "session",
			   session ? session : "", "agent", "fake", "kernel", "0.0.0-fake");
	text = js_dump(answer);
	return text ? wire_send(a->conn, WIRE_HELLO, 0, text, strlen(text)) : -ENOMEM;
}

static int on_request(struct fake_agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *params = NULL, *result = NULL;
	struct err e = { 0 };
	char method[64];
	int r;

	r = wire_parse_request(f, method, &params, err);
	if (r < 0)
		return r;
	r = fake_guest_request(&a->guest, method, params, &result, &e);
	if (r < 0)
		return wire_send_error(a->conn, f->id, &e);
	return wire_send_result(a->conn, f->id, result);
}

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct fake_agent *a = data;
	int r;

	switch (f->type) {
	case WIRE_HELLO:
		r = on_hello(a, f, err);
		break;
	case WIRE_REQUEST:
		r = on_request(a, f, err);
		break;
	case WIRE_REPLY:
	case WIRE_EVENT:
		r = err_set(err, EPROTO, "the host sends no frames of type %d", f->type);
		break;
	default:
		r = fake_guest_stream(&a->guest, f, err);
		break;
	}
	if (r < 0)
		return r;
	fake_guest_run(&a->guest);
	if (a->guest.shutdown)
		a->on_shutdown(a->data);
	return 0;
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct fake_agent *a = data;

	a->on_shutdown(a->data);
}

int fake_agent_new(struct loop *loop, int fd, void (*on_shutdown)(void *data), void *data,
		   struct fake_agent **ret, struct err *err)
{
	static const struct wire_options options = { .accept_requests = true };
	static const struct wire_handler handler = { .on_frame = on_frame, .on_closed = on_closed };
	struct fake_agent *a = calloc(1, sizeof(*a));
	int r;

	if (!a) {
		fd_close(fd);
		return err_set(err, ENOMEM, "out of memory");
	}
	a->on_shutdown = on_shutdown;
	a->data = data;
	r = wire_conn_new(loop, fd, &options, &handler, a, &a->conn, err);
	if (r < 0) {
		free(a);
		return r;
	}
	a->guest.conn = a->conn;
	*ret = a;
	return 0;
}

void fake_agent_free(struct fake_agent *a)
{
	if (!a)
		return;
	wire_conn_free(a->conn);
	fake_guest_done(&a->guest);
	free(a);
}
