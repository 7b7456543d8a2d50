/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the host: a virtio-serial port, or a vsock connection that the agent opens. */
#ifndef MOAT_AGENT_CHANNEL_H
#define MOAT_AGENT_CHANNEL_H

#include <stdint.h>

#include "base/err.h"

#define CHANNEL_PORT_NAME "moat.agent"

/* Waits until the port is there (at most timeout_ms) and opens it non-blocking. Descriptor or -errno. */
int channel_open_port(int timeout_ms, struct err *err);
/*
 * Connects to the monitor, which listens on a port of its own and knows us by our context id: the
 * other direction would let any process of the host be taken for it. Descriptor or -errno.
 */
int channel_connect_vsock(uint32_t port, struct err *err);

#endif
