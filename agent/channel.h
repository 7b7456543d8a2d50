/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the host: a virtio-serial port or a vsock listener. */
#ifndef MOAT_AGENT_CHANNEL_H
#define MOAT_AGENT_CHANNEL_H

#include "base/err.h"

#define CHANNEL_PORT_NAME "moat.agent"
#define CHANNEL_VSOCK_PORT 1024

/* Waits until the port is there (at most timeout_ms) and opens it non-blocking. Descriptor or -errno. */
int channel_open_port(int timeout_ms, struct err *err);
/* Listening socket; its group of modules is loaded. Descriptor or -errno. */
int channel_listen_vsock(struct err *err);
/* Accepts the host's connection; everybody else's is closed. Descriptor, or -EAGAIN. */
int channel_accept_vsock(int listener);

#endif
