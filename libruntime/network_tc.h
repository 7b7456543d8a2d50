/* SPDX-License-Identifier: Apache-2.0 */
/* The filters that network_tc.c puts on a caller's interface, for those that come before them. */
#ifndef MOAT_LIBRUNTIME_NETWORK_TC_H
#define MOAT_LIBRUNTIME_NETWORK_TC_H

struct nl_sock;

/* Priorities, the first is looked at first: libruntime/resolver_outside.h, and what takes all the rest. */
enum { NETWORK_PRIO_ARP = 1, NETWORK_PRIO_UDP, NETWORK_PRIO_TCP, NETWORK_PRIO_REST };

/* Where packets of the interface go: *ret is the tap's index, untouched if nowhere. 0 or one of libnl's codes. */
int network_redirected_to(struct nl_sock *sk, int index, int *ret);

#endif
