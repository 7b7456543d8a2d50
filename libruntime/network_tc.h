/* SPDX-License-Identifier: Apache-2.0 */
/* The filters that network_tc.c puts on a caller's interface, for those that come before them. */
#ifndef MOAT_LIBRUNTIME_NETWORK_TC_H
#define MOAT_LIBRUNTIME_NETWORK_TC_H

#include <stdint.h>

struct nl_sock;
struct rtnl_act;
struct rtnl_cls;

/* Priorities, the first is looked at first: libruntime/resolver_outside.h, and what takes all the rest. */
enum { NETWORK_PRIO_ARP = 1, NETWORK_PRIO_UDP, NETWORK_PRIO_TCP, NETWORK_PRIO_REST };

/* A filter of what arrives on the interface, which matches everything so far: the caller adds keys, and puts it. NULL: no memory. */
struct rtnl_cls *network_filter(int index, uint16_t protocol, uint16_t prio);
/* What sends a packet out by the interface: TCA_EGRESS_*, and TC_ACT_* about what becomes of it then. The caller puts it. */
struct rtnl_act *network_send(int index, int action, int policy);
/* Where packets of the interface go: *ret is the tap's index, untouched if nowhere. 0 or one of libnl's codes. */
int network_redirected_to(struct nl_sock *sk, int index, int *ret);

#endif
