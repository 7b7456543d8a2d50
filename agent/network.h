/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's network: interfaces, addresses and routes as the host's caller has them. */
#ifndef MOAT_AGENT_NETWORK_H
#define MOAT_AGENT_NETWORK_H

#include <jansson.h>

#include "base/err.h"

/* The member `network` of container.create (wire/PROTOCOL.md); NULL: nothing to do. */
int network_configure(const json_t *network, struct err *err);

/* Brings the loopback interface of the calling process's network namespace up. */
int network_loopback(struct err *err);

#endif
