/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's channel over vsock (vsock(7)): the monitor listens on a port of its own, the guest connects. The peer's
 * context id is what the kernel vouches for; whoever else connects is turned away, and nobody but the first is
 * accepted: the agent, which connects before any container exists.
 */
#ifndef MOAT_MONITOR_VSOCK_H
#define MOAT_MONITOR_VSOCK_H

#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

struct vsock_listener;

/* fd is taken by the callback; called once. */
typedef void (*vsock_accepted_fn)(void *data, int fd);

int vsock_listen(struct loop *loop, uint32_t port, uint32_t guest_cid, vsock_accepted_fn fn,
		 void *data, struct vsock_listener **ret, struct err *err);
void vsock_listener_free(struct vsock_listener *v);

#endif
