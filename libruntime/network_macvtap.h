/* SPDX-License-Identifier: Apache-2.0 */
/* The macvtap beside a caller's interface: for network_tc.c, inside the network namespace. */
#ifndef MOAT_LIBRUNTIME_NETWORK_MACVTAP_H
#define MOAT_LIBRUNTIME_NETWORK_MACVTAP_H

#include <netlink/netlink.h>

#include "base/err.h"
#include "libruntime/network.h"

/* Opens i->tap. With i->redirected there is something to remove, also after a failure. */
int network_macvtap_attach(struct nl_sock *sk, struct network_interface *i, struct err *err);
/* That of the interface with this number, if there is one. */
void network_macvtap_remove(struct nl_sock *sk, int lower);

#endif
