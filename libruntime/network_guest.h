/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's own word about its network. */
#ifndef MOAT_LIBRUNTIME_NETWORK_GUEST_H
#define MOAT_LIBRUNTIME_NETWORK_GUEST_H

#include <jansson.h>

/*
 * The agent's answer to container.network as moat_container_network() gives it: names and addresses without blanks and
 * control characters, numbers of 32 bits, at most 1024 of everything. Fresh; NULL: no memory.
 */
json_t *network_guest_clean(const json_t *said);

#endif
