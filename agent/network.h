/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's network: interfaces, addresses and routes as the host's caller has them. */
#ifndef MOAT_AGENT_NETWORK_H
#define MOAT_AGENT_NETWORK_H

#include <jansson.h>

#include "base/err.h"

struct agent;

/*
 * The member `network` of container.create (wire/PROTOCOL.md); NULL: nothing to do. netns: the namespace that the interfaces
 * move into, -EBADF: the guest's own.
 */
int network_configure(const struct agent *a, const json_t *network, int netns, struct err *err);
/* A new namespace with loopback up, as a descriptor. */
int network_new(const struct agent *a, int *ret_netns, struct err *err);
/* Brings the loopback interface of the calling process's network namespace up. */
int network_loopback(struct err *err);

#endif
