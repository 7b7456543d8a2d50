/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a caller's network the guest has been told, and by which device of the VM it has each interface: the member `given` of
 * state.json, with which a namespace that has changed is compared.
 *
 *	{"interfaces": [{"name", "index", "mac", "mtu", "addresses", "neighbours", "device"}], "routes": [...]}
 *
 * index is the caller's interface's; device the monitor's name for one that was plugged in, the number in the setup of one that was there when the
 * VM started, and not there for one of a vhost-user switch, which the VM has as long as it runs. The rest as in network_describe().
 */
#ifndef MOAT_LIBRUNTIME_NETWORK_GIVEN_H
#define MOAT_LIBRUNTIME_NETWORK_GIVEN_H

#include <jansson.h>

#include "base/err.h"
#include "libruntime/network.h"

/* Adds what a VM is given. *given: NULL at first. first: the number of the first interface in the setup, if they were not plugged in. */
int network_given_add(json_t **given, const struct network *n, size_t first, struct err *err);
/* The interface that one of the record is now; NULL: it is gone, or another one has its name. */
const struct network_interface *network_given_find(const json_t *interface,
						   const struct network *now);
/* Takes one out of the record, with its routes. */
void network_given_remove(json_t *given, size_t i);
/*
 * What has changed on the interfaces of the record, as the agent is told (wire/PROTOCOL.md, sandbox.network). *ret: the caller's, NULL if
 * nothing has.
 */
int network_given_diff(const json_t *given, const struct network *now, json_t **ret,
		       struct err *err);
/* The agent has been told. */
int network_given_update(json_t *given, const struct network *now, struct err *err);

#endif
