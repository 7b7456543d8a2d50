/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command starts the watcher of a container's network namespace, which is moat-standin under another name and without a set-up
 * socket (standin/watch.h): descriptors 1 and 2 are its log, those from WATCH_CGROUPS on, as far as there are any, the cgroup.procs
 * that it joins. Arguments: WATCH_NAME, then the command that it runs when something has changed.
 */
#ifndef MOAT_WIRE_WATCH_H
#define MOAT_WIRE_WATCH_H

#include <stdbool.h>
#include <string.h>

#define WATCH_NAME "moat-watch"
#define WATCH_NETLINK \
	4 /* NETLINK_ROUTE of that namespace, with the groups that are to be listened to */
#define WATCH_STANDIN 5 /* pidfd of the container's stand-in */
#define WATCH_CGROUPS 6
#define WATCH_CGROUPS_MAX 32 /* hierarchies */
#define WATCH_LOG_MAX 65536 /* bytes; what is longer is emptied */

#define WATCH_TAP "moat-tap"
#define WATCH_MACVTAP "moat-mvt"

/* Interfaces that we put into the namespace ourselves. */
static inline bool watch_is_own(const char *name)
{
	return strncmp(name, WATCH_TAP, sizeof(WATCH_TAP) - 1) == 0 ||
	       strncmp(name, WATCH_MACVTAP, sizeof(WATCH_MACVTAP) - 1) == 0;
}

#endif
