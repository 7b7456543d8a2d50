/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name server that the caller runs on loopback in a container's network namespace on the host: Docker's of networks with a name,
 * at 127.0.0.11. The guest has a loopback of its own; so the agent listens at that address there, and the stand-in asks (wire/resolver.h).
 */
#ifndef MOAT_LIBRUNTIME_RESOLVER_H
#define MOAT_LIBRUNTIME_RESOLVER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "libruntime/container.h"

/* The first nameserver of a resolv.conf(5) in 127.0.0.0/8; but not 127.0.0.1, where a container's own would be. False: none. */
bool resolver_find(const char *resolv_conf, struct in_addr *ret);
/*
 * For a container that waits to be started, or runs: what it sees as /etc/resolv.conf names such an address, and somebody accepts TCP
 * there (without whom a container could not use the address itself any more): then the guest gets it. Asked again, it changes
 * nothing. What fails is logged: the container works without names.
 */
void resolver_offer(struct container *c);

#endif
