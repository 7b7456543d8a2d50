/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces whose packets a vhost-user switch serves (OVS with DPDK, VPP), as Kata Containers has them: a CNI plugin makes an
 * interface with the addresses, of any kind, mostly a dummy, and the switch listens at <path>/vhostuser_<address>/vhu.sock. The guest's
 * interface is that socket's, with the other's MAC, MTU, addresses and routes; no packet goes through that.
 */
#ifndef MOAT_LIBRUNTIME_NETWORK_VHOST_H
#define MOAT_LIBRUNTIME_NETWORK_VHOST_H

#include "libruntime/network.h"

/*
 * Gives those interfaces their `socket` that have one. path "": none has. Directory and socket must be root's, since whoever listens there
 * has all of the guest's memory.
 */
int network_find_sockets(struct network *n, const char *path, struct err *err);
/* In place of a tap. */
int network_connect_socket(struct network_interface *i, struct err *err);

#endif
