/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name server of libruntime/resolver.h that asks others from inside the container's network namespace on the host, as Docker's does
 * with --dns, in older versions (23) for all that are not on the host's loopback: what they answer arrives on the interface whose packets are the guest's. Ports of the host's side are
 * set apart for it (RESOLVER_OUTSIDE_PORT and above, which Linux gives to nobody by itself): what comes from port 53 to one of them
 * is not the guest's, and answers of ARP are for both.
 */
#ifndef MOAT_LIBRUNTIME_RESOLVER_OUTSIDE_H
#define MOAT_LIBRUNTIME_RESOLVER_OUTSIDE_H

#include "base/err.h"

#define RESOLVER_OUTSIDE_PORT 0xf800 /* 63488: one bit mask */

#define RESOLVER_PORTS_SIZE 32

/* The range of local ports of the network namespace that we are in, as it can be written back. *ret: "" if it is the one that is set apart. */
int resolver_ports(char ret[RESOLVER_PORTS_SIZE], struct err *err);
/* Writes it back into a namespace, unless somebody else has changed it; failures are logged. */
void resolver_ports_restore(const char *netns, const char *ports);
/* In the network namespace that we are in, for those interfaces that network_tc.c has redirected. Again: nothing changes. */
int resolver_let_out(char *const *interfaces, struct err *err);

#endif
