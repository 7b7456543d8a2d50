/* SPDX-License-Identifier: Apache-2.0 */
/* The request "resolver" of wire/PROTOCOL.md: a container's first process gets the streams of wire/resolver.h. */
#ifndef MOAT_MONITOR_RESOLVER_H
#define MOAT_MONITOR_RESOLVER_H

#include "monitor/client.h"

/* As the others of verbs.c: 0, answered later, or negative. */
int resolver_request(struct client *c, uint32_t id, json_t *params, struct err *err);

#endif
