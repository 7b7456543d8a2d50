/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the caller does to a container's network namespace while its VM is there: interfaces come, change and go (`docker network
 * connect` and `disconnect`, a CNI plugin that is asked later), and the guest's follow.
 */
#ifndef MOAT_LIBRUNTIME_NETWORK_FOLLOW_H
#define MOAT_LIBRUNTIME_NETWORK_FOLLOW_H

#include "libruntime/container.h"

/*
 * For a container that waits to be started, or runs, with its lock: interfaces that are gone, or others under an old name, are
 * unplugged, what has changed on those that stay (addresses, static neighbours, routes, MTU) is passed on, and what is new with an address
 * is plugged in. What fails does not keep the others from it: the first failure is returned.
 */
int network_catch_up(struct container *c, struct err *err);

#endif
