/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's channel over vsock: the host connects to the guest (vsock(7)). A connection asked for
 * before the guest has its driver waits in vhost; one that the guest refuses, since the
 * agent does not listen yet, is tried again.
 */
#ifndef MOAT_MONITOR_VSOCK_H
#define MOAT_MONITOR_VSOCK_H

#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"

#define VSOCK_AGENT_PORT 1024 /* the agent listens here */

struct vsock_connect;

/* fd is taken by the callback; called once. */
typedef void (*vsock_connected_fn)(void *data, int fd);

/* Tries until it succeeds or is given up with vsock_connect_free(). */
int vsock_connect_new(struct loop *loop, uint32_t cid, vsock_connected_fn fn, void *data,
		      struct vsock_connect **ret, struct err *err);
void vsock_connect_free(struct vsock_connect *v);

#endif
