/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/fake_process.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"

static int parse_program(struct fake_process *p, const json_t *process, struct err *err)
{
	json_t *args = json_object_get(process, "args");
	const char *name = json_string_value(json_array_get(args, 0));
	const char *arg = json_string_value(json_array_get(args, 1));

	if (!name)
		return err_set(err, EINVAL, "process.args is empty");
	if (strcmp(name, "missing") == 0)
		return err_set(err, ENOENT, "exec: \"missing\": executable file not found in $PATH");
	if (strcmp(name, "cat") == 0)
		p->program = FAKE_CAT;
	if (strcmp(name, "exit") == 0) {
		p->program = FAKE_EXIT;
		if (arg && num_int(arg, 0, 255, &p->code) < 0)
			return err_set(err, EINVAL, "exit code '%s' is not 0 to 255", arg);
	}
	return 0;
}

int fake_process_new(const char *id, const char *exec, uint32_t stream, const json_t *process,
		     struct fake_process **ret, struct err *err)
{
	static int next_pid = 100;
	struct fake_process *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_set(err, ENOMEM, "out of memory");
	p->id = strdup(id);
	p->exec = strdup(exec);
	p->stream = stream;
	p->terminal = js_get_bool(process, "terminal", false);
	wire_window_init(&p->in);
	wire_window_init(&p->out);
	if (p->id && p->exec)
		r = parse_program(p, process, err);
	else
		r = err_set(err, ENOMEM, "out of memory");
	if (r < 0) {
		fake_process_free(p);
		return r;
	}
	p->pid = next_pid++;
	*ret = p;
	return 0;
}

void fake_process_free(struct fake_process *p)
{
	if (!p)
		return;
	free(p->id);
	free(p->exec);
	buf_done(&p->echo);
	free(p);
}

int fake_process_frame(struct fake_process *p, struct wire_conn *c, const struct wire_frame *f,
		       struct err *err)
{
	uint32_t which = f->id - p->stream;

	switch (f->type) {
	case WIRE_DATA:
		if (which != 0 || p->in_eof || !wire_window_take(&p->in, f->len))
			return err_set(err, EPROTO, "data without credit on stream %u", f->id);
		buf_append(&p->echo, f->payload, f->len);
		return buf_ok(&p->echo) ? 0 : err_set(err, ENOMEM, "out of memory");
	case WIRE_EOF:
		if (which != 0)
			return err_set(err, EPROTO, "end of stream %u, which is ours", f->id);
		p->in_eof = true;
		return 0;
	case WIRE_CREDIT:
		if (which == 0 ||
		    (which == 1 && !wire_window_give(&p->out, wire_get_u32(f->payload))))
			return err_set(err, EPROTO, "bad credit on stream %u", f->id);
		return 0;
	case WIRE_CLOSE:
		if (which == 1)
			p->out_closed = true;
		return 0;
	default:
		return err_set(err, EPROTO, "frame of type %d is for no stream", f->type);
	}
}

/* The first n bytes of the echo have been written: the host may send as many again. */
static void consume(struct fake_process *p, struct wire_conn *c, uint32_t n)
{
	p->echo.len -= n;
	memmove(p->echo.data, p->echo.data + n, p->echo.len);
	wire_window_give(&p->in, n);
	if (!p->in_eof)
		wire_send_credit(c, p->stream, n);
}

bool fake_process_run(struct fake_process *p, struct wire_conn *c)
{
	if (!p->running || p->frozen)
		return false;
	if (p->program == FAKE_EXIT)
		return true;
	while (p->echo.len > 0) {
		uint32_t max = WIRE_MAX_DATA, n = p->echo.len < max ? (uint32_t)p->echo.len : max;

		if (!p->out_closed) {
			if (n > p->out.avail)
				n = p->out.avail;
			if (n == 0)
				return false;
			wire_window_take(&p->out, n);
			wire_send(c, WIRE_DATA, p->stream + 1, p->echo.data, n);
		}
		consume(p, c, n);
	}
	return p->program == FAKE_CAT && p->in_eof;
}

void fake_process_report(struct fake_process *p, struct wire_conn *c, int signal)
{
	_json_ json_t *event = NULL;

	wire_send(c, WIRE_EOF, p->stream + 1, NULL, 0);
	if (!p->terminal)
		wire_send(c, WIRE_EOF, p->stream + 2, NULL, 0);
	event = json_pack("{s:s, s:s, s:s, s:i}", "event", "exit", "id", p->id, "exec", p->exec,
			  signal ? "signal" : "code", signal ? signal : p->code);
	if (event)
		wire_send_event(c, event);
}
