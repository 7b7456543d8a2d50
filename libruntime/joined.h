/* SPDX-License-Identifier: Apache-2.0 */
/* What a container has in the virtual machine of a sandbox that it has joined. */
#ifndef MOAT_LIBRUNTIME_JOINED_H
#define MOAT_LIBRUNTIME_JOINED_H

#include <stdbool.h>

#include "libruntime/state.h"

/*
 * Takes it out: its processes, its guest container, its devices, its trees in the share. dir: its state directory. Nothing there, or no VM
 * any more, is fine; a VM that does not answer is an error, since something of the container may still run there.
 */
int joined_remove(int dir, const struct state *s, bool force, struct err *err);

#endif
