/* SPDX-License-Identifier: Apache-2.0 */
/* events: what the monitor tells of a container until it ends, and its counters now and then. */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/sock.h"
#include "libruntime/container.h"
#include "libruntime/monitor_client.h"
#include "libruntime/stats.h"
#include "wire/conn.h"
#include "wire/message.h"

struct watch {
	struct container c;
	const struct rt_events *args;
	struct loop *loop;
	struct wire_conn *conn;
	struct err failure; /* code 0: the end of the container */
};

static void watch_done(struct watch *w)
{
	wire_conn_free(w->conn);
	loop_free(w->loop);
	container_close(&w->c);
}

/* What the caller's function refuses is how it ends. */
static int report(struct watch *w, const char *type, json_t *data, struct err *err)
{
	_json_ json_t *event = json_pack("{s:s, s:s}", "type", type, "id", w->c.state.id);
	struct err why = {};
	int r;

	if (data && event)
		json_object_set_new(event, "data", data);
	r = event ? w->args->on_event(w->args->data, event, &why) :
		    err_errno(&why, ENOMEM, "events");
	if (r >= 0)
		return r;
	if (!why.code)
		err_set(&why, -r, "events");
	if (w->loop) {
		w->failure = why;
		loop_quit(w->loop, 0);
	}
	return err_set(err, why.code, "%s", why.msg);
}

static int report_stats(struct watch *w, struct err *err)
{
	_json_ json_t *result = NULL;
	json_t *data;
	int r;

	r = container_request(&w->c, "stats", NULL, MONITOR_REQUEST_MS, &result, err);
	if (r < 0)
		return r;
	data = stats_json(json_object_get(result, "files"));
	return data ? report(w, "stats", data, err) : err_errno(err, ENOMEM, "events");
}

static void on_interval(struct loop_source *src, void *data)
{
	struct watch *w = data;
	struct err err = {};

	/* It may have ended just now: the connection will say so. */
	if (report_stats(w, &err) < 0 && !w->failure.code)
		log_debug("stats: %s", err.msg);
	loop_set_timer(src, w->args->interval_ms);
}

static int on_frame(struct wire_conn *conn, const struct wire_frame *f, void *data, struct err *err)
{
	_json_ json_t *body = NULL;
	struct watch *w = data;
	bool broken;
	char name[64];
	int r;

	(void)conn;
	if (f->type == WIRE_REPLY)
		return wire_parse_reply(f, &body, &broken, err);
	if (f->type != WIRE_EVENT)
		return err_set(err, EPROTO, "frame of type %d from the monitor", f->type);
	r = wire_parse_event(f, name, &body, err);
	if (r < 0)
		return r;
	return strcmp(name, "oom") == 0 ? report(w, "oom", NULL, err) : 0;
}

static void on_closed(struct wire_conn *conn, const struct err *err, void *data)
{
	struct watch *w = data;

	(void)conn;
	/* The monitor lets go when the container has ended, and goes itself with the last one. */
	if (!w->failure.code && err->code != ENODATA && err->code != ECONNRESET && err->code != EPIPE)
		w->failure = *err;
	loop_quit(w->loop, 0);
}

static int follow(struct watch *w, struct err *err)
{
	static const struct wire_handler handler = { .on_frame = on_frame, .on_closed = on_closed };
	static const struct wire_options options = {};
	_json_ json_t *params = json_pack("{s:s}", "id", w->c.state.id);
	int r, fd;

	r = loop_new(&w->loop, err);
	if (r < 0)
		return r;
	fd = sock_connect_at(w->c.dir, MONITOR_SOCKET, err);
	if (fd < 0)
		return fd;
	r = wire_conn_new(w->loop, fd, &options, &handler, w, &w->conn, err);
	if (r < 0)
		return r;
	r = wire_send_request(w->conn, 1, "events", params);
	if (r < 0)
		return err_errno(err, -r, "events");
	if (!loop_add_timer(w->loop, w->args->interval_ms, on_interval, w, err))
		return err ? -err->code : -ENOMEM;
	r = loop_run(w->loop, err);
	if (r < 0 || !w->failure.code)
		return r;
	return err_set(err, w->failure.code, "%s", w->failure.msg);
}

int rt_events(const struct rt *rt, const char *id, const struct rt_events *args, struct err *err)
{
	_cleanup_(watch_done) struct watch w = { .c = { .root_fd = -EBADF, .dir = -EBADF },
						 .args = args };
	int r;

	r = container_open(rt, id, false, &w.c, err);
	if (r < 0)
		return r;
	if (w.c.status == STATUS_STOPPED || w.c.status == STATUS_CREATING)
		return err_set(err, ESRCH, "container with id %s is not running", id);
	return args->interval_ms ? follow(&w, err) : report_stats(&w, err);
}
