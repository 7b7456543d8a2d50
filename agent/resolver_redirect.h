/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container may have a name server of its own at port 53 of all its addresses, so ours cannot have that port. It has one that the
 * kernel chose, and BPF programs on the containers' cgroup change the one for the other, as Docker does with NAT: of what processes
 * of that network namespace connect and send to, and of where what they receive comes from.
 */
#ifndef MOAT_AGENT_RESOLVER_REDIRECT_H
#define MOAT_AGENT_RESOLVER_REDIRECT_H

#include <netinet/in.h>

#include "base/err.h"

#define RESOLVER_REDIRECTS 4

/*
 * at: what processes are to use; udp and tcp: sockets at the same address and any ports, in the namespace that counts. ret: descriptors; when they
 * are closed the programs are gone. Needs Linux 5.14 with CGROUP_BPF.
 */
int resolver_redirect(int cgroup, const struct sockaddr_in *at, int udp, int tcp,
		      int ret[RESOLVER_REDIRECTS], struct err *err);

#endif
