/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces that come into a container's network namespace when its VM is there already: docker's in a prestart hook (until
 * 25 and in some later versions) or between create and start (26.0, 28), podman's of a user namespace likewise; those that come while
 * it runs: network_follow.h.
 */
#ifndef MOAT_LIBRUNTIME_NETWORK_LATE_H
#define MOAT_LIBRUNTIME_NETWORK_LATE_H

#include "libruntime/network.h"
#include "libruntime/state.h"

/*
 * Plugs what is new in the namespace of the stand-in into the VM, for which timeout_ms is there for each; dir: the container's,
 * with the record, which names them before they are touched. *ret: they alone, for the agent to hear of; empty: nothing
 * is new. On failure the record is as before.
 */
int network_plug_new(int dir, struct state *s, int timeout_ms, struct network *ret, struct err *err);
/* The same for a namespace that was looked at: *n becomes those that are new, perhaps none. */
int network_plug(int dir, struct state *s, int timeout_ms, struct network *n, struct err *err);
/* Undoes that, also in the record. */
void network_unplug(int dir, struct state *s, struct network *n);

#endif
