/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watcher of a container's network namespace: a small process (moat-standin as moat-watch, standin/watch.h) that waits for changes there
 * (rtnetlink(7)), has them passed on by `moat network ID`, and ends with the container's stand-in. It lives in the container's cgroups,
 * so that `delete` finds it; nothing depends on it.
 */
#ifndef MOAT_LIBRUNTIME_NETWORK_WATCH_H
#define MOAT_LIBRUNTIME_NETWORK_WATCH_H

#include "libruntime/container.h"

/*
 * A socket that hears of changes from now on, for network_watch_start(). The caller closes it. -EBADF: there is nothing to be
 * watched, or, as is logged, it cannot be.
 */
int network_watch_open(const struct container *c);
/* Failures are logged: the container does without. */
void network_watch_start(const struct rt *rt, const struct container *c, int netlink);

#endif
