// SPDX-License-Identifier: Apache-2.0
#include "standin/session.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "standin/memory.h"
#include "standin/relay.h"
#include "standin/resolver.h"
#include "standin/setup.h"
#include "standin/signals.h"
#include "standin/terminal.h"
#include "wire/message.h"
#include "wire/setup_msg.h"

#define ATTACH_ID 1
#define QUEUE_HIGH \
	0x10000u /* 64 KiB: signals wait in the kernel while that much waits for the monitor */
#define SIGNALS_PER_TURN 16
#define DROP_MS 1000 /* how long a reader may take nothing before the rest is dropped */

struct session {
	struct loop *loop;
	struct wire_conn *conn; /* NULL after its end */
	int setup_sock; /* open until go */
	int signal_fd;
	struct loop_source *setup_src, *signal_src, *drop_timer;
	struct relay relay;
	struct resolver *resolver; /* NULL: not asked for, or over */
	char *id, *exec;
	bool terminal;
	bool may_resolve;
	struct terminal term;
	bool winsize_due; /* changed, not yet sent */
	bool attached, go;
	bool ended; /* end_code and end_signal are valid; what remains is to flush */
	bool dropped; /* the rest is given up */
	int end_code, end_signal;
	int die_signal; /* what session_run() returns */
};

/* ---- the end ---- */

/* Leaves when nothing is left to do. Not before go: the command would take it for a failure. */
static void check_end(struct session *s)
{
	if (!s->ended || !s->go || (!relay_flushed(&s->relay) && !s->dropped))
		return;
	s->die_signal = s->end_signal;
	loop_quit(s->loop, s->end_code);
}

/* The set-up was in vain. Nobody is waiting for an explanation. */
static void fail(struct session *s)
{
	s->die_signal = 0;
	loop_quit(s->loop, 1);
}

static void on_drop(struct loop_source *src, void *data)
{
	struct session *s = data;

	s->dropped = true;
	check_end(s);
}

static void on_progress(void *data)
{
	struct session *s = data;

	if (s->drop_timer)
		loop_set_timer(s->drop_timer, DROP_MS);
	check_end(s);
}

/* The process is gone. drop: do not wait for a reader that takes nothing. */
static void end(struct session *s, int code, int sig, bool drop)
{
	struct err err = { 0 };

	if (s->ended)
		return;
	s->ended = true;
	s->end_code = code;
	s->end_signal = sig;
	relay_finish(&s->relay);
	resolver_free(take_ptr(s->resolver));
	s->signal_src = loop_remove(s->signal_src);
	if (drop && !relay_flushed(&s->relay)) {
		s->drop_timer = loop_add_timer(s->loop, DROP_MS, on_drop, s, &err);
		s->dropped = !s->drop_timer;
	}
	check_end(s);
}

/* {"event":"exit","code":N} or {"event":"exit","signal":N}, with "drop":true perhaps */
static int on_exit_event(struct session *s, const json_t *event, struct err *err)
{
	int64_t code = js_get_int(event, "code", -1);
	int64_t sig = js_get_int(event, "signal", -1);
	bool drop = js_get_bool(event, "drop", false);

	if (sig >= 1 && sig <= 64)
		end(s, 128 + (int)sig, (int)sig, drop);
	else if (code >= 0 && code <= 255)
		end(s, (int)code, 0, drop);
	else
		return err_set(err, EPROTO, "exit event without a valid code or signal");
	return 0;
}

/* ---- signals and the terminal's size ---- */

static void send_event(struct session *s, json_t *event)
{
	if (s->conn && event)
		wire_send_event(s->conn, event);
	json_decref(event);
}

/* Sends the present size if there is a new one; while the monitor is slow, only the last counts. */
static void send_winsize(struct session *s)
{
	if (!s->winsize_due || !s->attached || !s->conn || wire_conn_queued(s->conn) > 0)
		return;
	s->winsize_due = false;
	send_event(s, json_pack("{s:s,s:i,s:i,s:b}", "event", "winsize", "rows", s->term.rows,
				"cols", s->term.cols, "onlcr", s->term.onlcr));
}

static void update_terminal(struct session *s)
{
	if (!s->terminal || s->ended)
		return;
	if (terminal_update(0, &s->term))
		s->winsize_due = true;
	send_winsize(s);
}

static void on_signals(struct loop_source *src, uint32_t revents, void *data)
{
	struct session *s = data;
	int sig;

	for (int i = 0; i < SIGNALS_PER_TURN && s->conn && wire_conn_queued(s->conn) < QUEUE_HIGH;
	     i++) {
		sig = signals_read(s->signal_fd);
		if (sig == 0)
			return;
		if (sig == SIGWINCH && s->terminal)
			update_terminal(s);
		else
			send_event(s, json_pack("{s:s,s:i}", "event", "signal", "signal", sig));
	}
	if (s->conn && wire_conn_queued(s->conn) >= QUEUE_HIGH)
		s->signal_src = loop_remove(s->signal_src);
}

static void watch_signals(struct session *s)
{
	struct err err = { 0 };

	if (!s->signal_src && s->attached && !s->ended)
		s->signal_src = loop_add_io(s->loop, s->signal_fd, EPOLLIN, on_signals, s, &err);
}

/* ---- the command ---- */

static void close_setup(struct session *s)
{
	s->setup_src = loop_remove(s->setup_src);
	s->setup_sock = fd_close(s->setup_sock);
}

static void start(struct session *s)
{
	if (!s->go || !s->attached || s->ended)
		return;
	s->winsize_due = s->terminal;
	update_terminal(s);
	relay_start(&s->relay);
	memory_shrink();
}

static void on_setup_sock(struct loop_source *src, uint32_t revents, void *data)
{
	struct session *s = data;
	char byte;
	ssize_t n = recv(s->setup_sock, &byte, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close_setup(s);
	if (n != 1 || byte != SETUP_GO) {
		fail(s); /* the command failed or died */
		return;
	}
	s->go = true;
	start(s);
	check_end(s);
}

/* ---- the monitor ---- */

static int on_reply(struct session *s, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *result = NULL;
	struct err why = { 0 };

	if (f->id != ATTACH_ID || s->attached)
		return err_set(err, EPROTO, "reply without a request");
	if (wire_parse_reply(f, &result, NULL, &why) < 0) {
		if (s->setup_sock >= 0)
			setup_reply(s->setup_sock, NULL, &why, NULL);
		fail(s);
		return 0;
	}
	s->attached = true;
	watch_signals(s);
	s->winsize_due = s->terminal;
	update_terminal(s);
	start(s);
	return 0;
}

/* {"event":"resolver","address":"127.0.0.11"}; said again when there is nothing new, it changes nothing. */
static int on_resolver_event(struct session *s, const json_t *event, struct err *err)
{
	struct sockaddr_in server;
	int r;

	if (!s->may_resolve)
		return err_set(err, EPROTO, "a resolver, which the set-up has not announced");
	r = resolver_parse(js_get_str(event, "address"), &server, err);
	if (r < 0 || s->resolver)
		return r;
	return resolver_new(s->loop, s->conn, &server, &s->resolver, err);
}

static int on_event(struct session *s, const struct wire_frame *f, struct err *err)
{
	_json_ json_t *event = NULL;
	char name[64];
	int r;

	r = wire_parse_event(f, name, &event, err);
	if (r < 0)
		return r;
	if (strcmp(name, "resolver") == 0)
		return on_resolver_event(s, event, err);
	return strcmp(name, "exit") == 0 ? on_exit_event(s, event, err) : 0;
}

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	struct session *s = data;

	if (f->type == WIRE_REPLY)
		return on_reply(s, f, err);
	if (!s->attached)
		return err_set(err, EPROTO, "frame of type %d before the reply to attach", f->type);
	if (s->ended)
		return 0;
	if (f->type == WIRE_EVENT)
		return on_event(s, f, err);
	if (f->type == WIRE_HELLO)
		return err_set(err, EPROTO, "unexpected HELLO");
	if (s->terminal && f->type == WIRE_DATA)
		update_terminal(s); /* conmon may have set ONLCR, which raises no signal */
	if (s->resolver && (f->id == WIRE_ANSWERS || f->id == WIRE_QUESTIONS))
		return resolver_frame(s->resolver, f, err);
	return relay_frame(&s->relay, f, err);
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	struct session *s = data;

	resolver_free(take_ptr(s->resolver));
	wire_conn_free(c);
	s->conn = NULL;
	s->relay.conn = NULL;
	if (!s->ended) {
		s->go = true; /* nothing can come any more, from the command neither */
		end(s, END_MONITOR_GONE, 0, true);
	}
}

static void on_drained(struct wire_conn *c, void *data)
{
	struct session *s = data;

	send_winsize(s);
	watch_signals(s);
	relay_drained(&s->relay);
	if (s->resolver)
		resolver_drained(s->resolver);
}

/* ---- life ---- */

static int session_init(struct session *s, int monitor_sock, const struct setup *setup,
			int first_passed, struct err *err)
{
	static const struct wire_handler handler = { on_frame, on_closed, on_drained };
	const struct wire_options opt = { .accept_requests = false };
	_close_ int sock = monitor_sock;
	int r;

	r = loop_new(&s->loop, err);
	if (r < 0)
		return r;
	relay_init(&s->relay, s->loop, s->terminal);
	s->relay.on_progress = on_progress;
	s->relay.data = s;
	r = relay_pass(&s->relay, first_passed, setup->passed, setup->n_passed);
	if (r < 0)
		return err_errno(err, -r, "session");
	r = signals_open(err);
	if (r < 0)
		return r;
	s->signal_fd = r;
	r = wire_conn_new(s->loop, take_fd(sock), &opt, &handler, s, &s->conn, err);
	if (r < 0)
		return err_wrap(err, "connection to the monitor");
	s->relay.conn = s->conn;
	return 0;
}

int session_new(int monitor_sock, const struct setup *setup, int first_passed, struct session **ret,
		struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		fd_close(monitor_sock);
		return err_errno(err, ENOMEM, "session");
	}
	s->setup_sock = -EBADF;
	s->signal_fd = -EBADF;
	s->terminal = setup->terminal;
	/* The last of what can be passed has those streams. */
	s->may_resolve = setup->resolver && setup->n_passed < WIRE_PASSED_MAX;
	s->id = strdup(setup->id);
	s->exec = strdup(setup->exec ? setup->exec : "");
	r = session_init(s, monitor_sock, setup, first_passed, err);
	if (r == 0 && (!s->id || !s->exec))
		r = err_errno(err, ENOMEM, "session");
	if (r < 0) {
		session_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int session_run(struct session *s, int setup_sock, int *ret_signal)
{
	_json_ json_t *params = json_pack("{s:s,s:s}", "id", s->id, "exec", s->exec);
	int code;

	s->setup_sock = setup_sock;
	s->setup_src = loop_add_io(s->loop, setup_sock, EPOLLIN, on_setup_sock, s, NULL);
	if (!s->setup_src || !params || wire_send_request(s->conn, ATTACH_ID, "attach", params) < 0)
		return 1;
	code = loop_run(s->loop, NULL);
	*ret_signal = s->die_signal;
	return code < 0 ? 1 : code;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	if (s->loop)
		relay_done(&s->relay);
	resolver_free(s->resolver);
	wire_conn_free(s->conn);
	fd_close(s->setup_sock);
	fd_close(s->signal_fd);
	loop_free(s->loop);
	free(s->id);
	free(s->exec);
	free(s);
}
