/* SPDX-License-Identifier: Apache-2.0 */
/* Being in another network namespace for a moment: setns(2) of the calling thread, there and back. */
#ifndef MOAT_LIBRUNTIME_NETNS_H
#define MOAT_LIBRUNTIME_NETNS_H

#include "base/err.h"

struct netns {
	int home; /* -EBADF: not entered */
};

/* -ENOTUNIQ if it is the one that we are in. The caller leaves it with netns_leave(). */
int netns_enter(const char *path, struct netns *ret, struct err *err);
/* Ends the process if there is no way back: nothing may go on in the wrong namespace. */
void netns_leave(struct netns *ns);

#endif
