/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/stream.h"

#include <errno.h>

#include "monitor/agent.h"
#include "monitor/client.h"
#include "monitor/container.h"

static int once(bool *said, struct err *err)
{
	if (*said)
		return err_set(err, EPROTO, "end of a stream said twice");
	*said = true;
	return 0;
}

/* Checks a frame against its stream. sends_data: data flows away from the frame's sender on it. */
static int account(const struct wire_frame *f, struct stream_state *s, bool sends_data,
		   struct err *err)
{
	uint32_t credit;

	if ((f->type == WIRE_DATA || f->type == WIRE_EOF) != sends_data)
		return err_set(err, EPROTO, "frame of type %d on a stream of the other direction",
			       f->type);
	switch (f->type) {
	case WIRE_DATA:
		if (s->eof || !wire_window_take(&s->window, f->len))
			return err_set(err, EPROTO,
				       s->eof ? "data after its end" : "more data than credit");
		return 0;
	case WIRE_EOF:
		return once(&s->eof, err);
	case WIRE_CREDIT:
		credit = wire_get_u32(f->payload);
		if (credit == 0 || !wire_window_give(&s->window, credit))
			return err_set(err, EPROTO, "credit of %u bytes", credit);
		return 0;
	default:
		return once(&s->closed, err);
	}
}

int stream_from_guest(struct monitor *m, const struct wire_frame *f, struct err *err)
{
	struct process *p = process_by_stream(m, f->id);
	unsigned int n = f->id % WIRE_STREAMS;
	int r;

	/* Processes whose end crossed this frame are gone already; ids that were never given out are an attack. */
	if (!p)
		return f->id >= m->next_stream ?
			       err_set(err, EPROTO, "stream that was never opened") :
			       0;
	if (p->phase == PROCESS_NEW)
		return err_set(err, EPROTO, "stream of a process that was not asked for");
	if (!process_has_stream(p, n))
		return err_set(err, EPROTO, "stream that cannot exist");
	r = account(f, &p->streams[n], !wire_to_process(n), err);
	if (r < 0 || !p->standin)
		return r;
	return client_frame(p->standin, f->type, n, f->payload, f->len);
}

int stream_from_standin(struct process *p, const struct wire_frame *f, struct err *err)
{
	int r;

	if (f->id >= WIRE_STREAMS || !process_has_stream(p, f->id))
		return err_set(err, EPROTO, "stream that cannot exist");
	r = account(f, &p->streams[f->id], wire_to_process(f->id), err);
	if (r < 0)
		return r;
	if (p->phase != PROCESS_STARTING && p->phase != PROCESS_ALIVE)
		return 0;
	return agent_send(p->container->m->agent, f->type, p->stream + f->id, f->payload, f->len);
}
