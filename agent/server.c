/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/container.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "oci/validate.h"
#include "version.h"
#include "wire/message.h"

static const struct {
	const char *method;
	server_fn fn;
} requests[] = {
	{ "sandbox.setup", sandbox_setup },
	{ "sandbox.shutdown", sandbox_shutdown },
	{ "sandbox.prepare", sandbox_prepare },
	{ "sandbox.network", sandbox_network },
	{ "sandbox.resize", sandbox_resize },
	{ "sandbox.stats", sandbox_stats },
	{ "container.create", container_create },
	{ "container.start", container_start },
	{ "container.delete", container_delete },
	{ "container.pause", container_pause },
	{ "container.resume", container_resume },
	{ "container.processes", container_processes },
	{ "container.update", container_update },
	{ "container.stats", container_stats },
	{ "process.exec", container_exec },
	{ "process.kill", container_kill },
	{ "volume.add", container_add_volume },
	{ "volume.remove", container_remove_volume },
	{ "volume.stats", volume_stats },
	{ "volume.resize", volume_resize },
	{ "device.add", container_add_device },
	{ "device.remove", container_remove_device },
	{ "process.resize", container_resize },
	{ "container.network", container_network },
	{ "container.resolver", container_resolver },
};

/* ---- replies and events ---- */

static bool is_open(const struct agent *a, const struct pending *asked)
{
	return a->conn && asked->session != 0 && asked->session == a->session;
}

void server_result(struct agent *a, struct pending *asked, json_t *result)
{
	if (is_open(a, asked))
		wire_send_result(a->conn, asked->id, result);
	json_decref(result);
	*asked = (struct pending){ 0 };
}

void server_error(struct agent *a, struct pending *asked, const struct err *err)
{
	if (is_open(a, asked))
		wire_send_error(a->conn, asked->id, err);
	*asked = (struct pending){ 0 };
}

void server_event(struct agent *a, json_t *event)
{
	if (a->conn && a->session)
		wire_send_event(a->conn, event);
	json_decref(event);
}

void server_log(void *data, enum log_level level, const char *msg)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	struct agent *a = data;
	char line[1024];

	if (a->conn && a->session) {
		server_event(a, json_pack("{s:s, s:s, s:s}", "event", "log", "level", names[level],
					  "message", msg));
		return;
	}
	_close_ int fd = open(a->test ? "/dev/stderr" : "/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	snprintf(line, sizeof(line), "<%d>moat-agent: %s\n",
		 3 + (int)level + (level > LOG_LEVEL_WARN), msg);
	io_write_all(fd, a->test ? line + 3 : line, strlen(a->test ? line + 3 : line));
}

/* ---- parameters ---- */

const char *server_str(const json_t *params, const char *key, struct err *err)
{
	const char *s = js_get_str(params, key);

	if (!s || !*s)
		err_set(err, EINVAL, "%s: a string is required", key);
	return s && *s ? s : NULL;
}

const char *server_name(const json_t *params, const char *key, bool empty, struct err *err)
{
	const char *s = js_get_str(params, key);

	if (s && !*s && empty)
		return s;
	s = server_str(params, key, err);
	if (s && oci_id_validate(s, err) < 0) {
		err_wrap(err, "%s", key);
		return NULL;
	}
	return s;
}

int server_u32(const json_t *params, const char *key, uint32_t max, uint32_t *ret, struct err *err)
{
	uint64_t v;

	if (js_u64(json_object_get(params, key), &v) < 0 || v > max)
		return err_set(err, EINVAL, "%s: a number from 0 to %u is required", key, max);
	*ret = (uint32_t)v;
	return 0;
}

/* ---- frames ---- */

static bool is_session_id(const char *s)
{
	return s && strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

static int on_hello(struct agent *a, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *hello = NULL;
	const char *session;
	struct utsname uts;
	int r = wire_parse_hello(f, &hello, err);

	if (r < 0)
		return r;
	session = js_get_str(hello, "session");
	if (!is_session_id(session))
		return err_set(err, EPROTO, "HELLO without a session");
	if (js_get_int(hello, "min", 0) > WIRE_VERSION || js_get_int(hello, "max", 0) < WIRE_VERSION)
		return err_set(err, EPROTO, "no protocol version in common: this is version %d",
			       WIRE_VERSION);
	/* A new host: what was asked by, or meant for, an earlier one is forgotten. */
	mux_reset(&a->mux);
	a->session++;
	uname(&uts);
	_json_ json_t *reply = json_pack("{s:i, s:s, s:s, s:s}", "version", WIRE_VERSION, "session",
					 session, "agent", MOAT_VERSION, "kernel", uts.release);
	_free_ char *text = reply ? js_dump(reply) : NULL;
	if (!text)
		return err_errno(err, ENOMEM, "HELLO");
	return wire_send(a->conn, WIRE_HELLO, 0, text, strlen(text));
}

static int on_request(struct agent *a, const struct wire_frame *f, struct err *err)
{
	struct pending asked = { .session = a->session, .id = f->id };
	struct err failure = { 0 };
	json_t *result = NULL;
	char method[64];
	_json_ json_t *params = NULL;
	int r = wire_parse_request(f, method, &params, err);

	if (r < 0)
		return r;
	r = err_set(&failure, ENOSYS, "unknown method %s", method);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		if (strcmp(method, requests[i].method) == 0) {
			failure.code = 0;
			r = requests[i].fn(a, &asked, params, &result, &failure);
			break;
		}
	}
	if (r < 0)
		server_error(a, &asked, &failure);
	else if (r != SERVER_LATER)
		server_result(a, &asked, result ? result : json_object());
	return 0;
}

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct agent *a = data;

	if (f->type == WIRE_HELLO)
		return on_hello(a, f, err);
	if (a->session == 0)
		return 0; /* meant for somebody before us */
	switch (f->type) {
	case WIRE_REQUEST:
		return on_request(a, f, err);
	case WIRE_DATA:
	case WIRE_EOF:
	case WIRE_CREDIT:
	case WIRE_CLOSE:
		return mux_frame(&a->mux, f, err);
	default:
		return err_set(err, EPROTO, "frame of type %d from the host", (int)f->type);
	}
}

static void on_drained(struct wire_conn *c, void *data)
{
	struct agent *a = data;

	if (a->shutting_down)
		sandbox_end(a);
	mux_drained(&a->mux);
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct agent *a = data;

	wire_conn_free(c);
	a->conn = a->mux.conn = NULL;
	if (a->test)
		sandbox_end(a);
	/* Nobody can come back through a port that has failed; a connection's monitor is gone. */
	agent_fatal("channel: %s", err->msg);
}

int server_attach(struct agent *a, int fd, bool port, struct err *err)
{
	static const struct wire_handler handler = { on_frame, on_closed, on_drained };
	struct wire_options opt = { .accept_requests = true, .port = port };
	int r = wire_conn_new(a->loop, fd, &opt, &handler, a, &a->conn, err);

	if (r < 0)
		return r;
	a->mux.conn = a->conn;
	return 0;
}
