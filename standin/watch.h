/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-standin in another part: it waits for what happens in a container's network namespace, and has the command that passes it on
 * run, which does all the work and ends. So what waits for as long as the container lives is a static program that shares its pages
 * with the stand-ins. Descriptors and arguments: wire/watch.h.
 */
#ifndef MOAT_STANDIN_WATCH_H
#define MOAT_STANDIN_WATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Until the container's stand-in ends. argv: the command. Returns the exit code. */
int watch_run(char *const *argv);
/* Whether one of the messages of a datagram of NETLINK_ROUTE is about something that the guest is to have, too. */
bool watch_matters(const void *datagram, size_t len);

#endif
