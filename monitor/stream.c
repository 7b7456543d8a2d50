/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/stream.h"

#include <errno.h>

#include "monitor/agent.h"
#include "monitor/client.h"
#include "monitor/container.h"

/*
 * Checks a frame against the credit of its stream. out: the stream carries data to the sender's
 * peer in this direction (0 to the guest; 1, 2 to the host).
 */
static int account(const struct wire_frame *f, unsigned int n, bool sends_data, struct process *p, struct err *err)
{
	struct wire_window *w = n == 0 ? &p->to_guest : &p->to_host[n - 1];

	switch (f->type) {
	case WIRE_DATA:
	case WIRE_EOF:
		if (!sends_data)
			return err_set(err, EPROTO, "data on a stream of the other direction");
		if (f->type == WIRE_DATA && !wire_window_take(w, f->len))
			return err_set(err, EPROTO, "more data than credit");
		return 0;
	case WIRE_CREDIT:
		if (sends_data)
			return err_set(err, EPROTO, "credit on a stream of the other direction");
		if (!wire_window_give(w, wire_get_u32(f->payload)))
			return err_set(err, EPROTO, "more credit than the window");
		return 0;
	default:
		return sends_data ? err_set(err, EPROTO, "close on a stream of the other direction") : 0;
	}
}

int stream_from_guest(struct monitor *m, const struct wire_frame *f, struct err *err)
{
	struct process *p = process_by_stream(m, f->id);
	unsigned int n = f->id & 3;
	int r;

	if (n > 2)
		return err_set(err, EPROTO, "stream that cannot exist");
	/* Processes whose end crossed this frame are gone already; ids that were never given out are an attack. */
	if (!p)
		return f->id >= m->next_stream ? err_set(err, EPROTO, "stream that was never opened") : 0;
	if (p->phase == PROCESS_NEW)
		return err_set(err, EPROTO, "stream of a process that was not asked for");
	r = account(f, n, n != 0, p, err);
	if (r < 0 || !p->standin)
		return r;
	return client_frame(p->standin, f->type, n, f->payload, f->len);
}

int stream_from_standin(struct process *p, const struct wire_frame *f, struct err *err)
{
	int r;

	if (f->id > 2)
		return err_set(err, EPROTO, "stream that cannot exist");
	r = account(f, f->id, f->id == 0, p, err);
	if (r < 0)
		return r;
	if (p->phase != PROCESS_STARTING && p->phase != PROCESS_ALIVE)
		return 0;
	return agent_send(p->container->m->agent, f->type, p->stream + f->id, f->payload, f->len);
}
