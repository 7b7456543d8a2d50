/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network that a caller has prepared, given to the VM: each interface with addresses in the network namespace of config.json
 * gets a tap beside it, and whatever arrives on the one leaves by the other (ingress qdisc, u32 match-all, mirred redirect:
 * tc-mirred(8)). The guest's interface has the MAC, addresses, routes and neighbours of the first, which stay where they are.
 *
 * A tap lives as long as a descriptor of it is open; the qdisc of the caller's interface, or the macvtap that is there instead, is all
 * that has to be removed.
 */
#ifndef MOAT_LIBRUNTIME_NETWORK_H
#define MOAT_LIBRUNTIME_NETWORK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "libruntime/plug.h"

#define NETWORK_MAX 8 /* interfaces */

struct network_interface {
	char name[16];
	char mac[18]; /* "52:54:00:12:34:56" */
	uint32_t mtu;
	int index; /* on the host */
	json_t *addresses; /* ["10.0.0.2/16"] */
	json_t *neighbours; /* [{"to", "mac"}] */
	char *socket; /* of a vhost-user switch: there is no tap, see network_vhost.h; NULL: none */
	int tap; /* or the connection to that; -EBADF: none yet */
	struct plugged plugged; /* once it was plugged into a VM that runs; else "" */
	bool redirected;
};

struct network {
	char *netns; /* path; NULL: nothing to do */
	bool macvtap; /* set before network_attach(): a macvtap on each interface instead of a tap beside it */
	struct network_interface v[NETWORK_MAX];
	size_t n;
	json_t *routes; /* [{"to": "10.1.0.0/16" or "default", "via", "dev", "source", "metric", "onlink", "family": 4 or 6}] */
};

/*
 * Looks at a network namespace. Without interfaces but loopback, or with netns NULL: an empty network. The host's own is
 * refused, and so is an interface that is up, with an address, and no Ethernet (-ENOTSUP).
 */
int network_scan(const char *netns, struct network *ret, struct err *err);
/* The same, with interfaces that have no address; one that is no Ethernet is left out: of a container that runs, the rest is to be followed. */
int network_scan_all(const char *netns, struct network *ret, struct err *err);
/* Leaves out those that nobody gave an address: they take no part in the network. */
void network_leave_out_idle(struct network *n);
/* Leaves out the interfaces of these names, with their routes. */
void network_leave_out(struct network *n, char *const *names);
/* Makes the taps and lets the packets through them. */
int network_attach(struct network *n, struct err *err);
/* What the agent is told: interfaces (with their port, or "device", counted from first) and routes. */
json_t *network_describe(const struct network *n, size_t first);
/* Undoes what network_attach() did to the caller's interfaces, which may be gone by now. */
void network_detach(const struct network *n);
/* The same from names alone, for a container that is deleted. */
void network_release(const char *netns, char *const *names);
void network_done(struct network *n);

#endif
