/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest agent that runs nothing: it answers the requests of wire/PROTOCOL.md with plausible
 * results. Every process echoes its input on its output, with correct credit, and ends by SIGKILL or SIGTERM; args
 * ["exit", "N"] ends at once with code N, ["cat"] with 0 at the end of its input, and
 * ["missing"] is an executable that does not exist.
 */
#ifndef MOAT_HYPERVISOR_FAKE_AGENT_H
#define MOAT_HYPERVISOR_FAKE_AGENT_H

#include "base/loop.h"

struct fake_agent;

/* Takes fd, the guest's end of the channel. on_shutdown: sandbox.shutdown was answered, or the host hung up. */
int fake_agent_new(struct loop *loop, int fd, void (*on_shutdown)(void *data), void *data,
		   struct fake_agent **ret, struct err *err);
void fake_agent_free(struct fake_agent *a);

#endif
