/* SPDX-License-Identifier: Apache-2.0 */
/* The relay (monitor/relay.h) to the vhost-user target of a disk that is plugged into a running VM. */
#ifndef MOAT_LIBRUNTIME_PLUG_RELAY_H
#define MOAT_LIBRUNTIME_PLUG_RELAY_H

#include "base/err.h"
#include "wire/vm_setup.h"

/*
 * Starts it, as nobody's child and in the container's cgroups, and has the monitor log what it says. dir: the container's state directory, its
 * record names monitor and cgroups. monitor: a connection to the monitor. target: a connection, the caller's. Returns the socket that
 * QEMU is to listen at, the caller's; when that is closed and QEMU has none, the relay ends.
 */
int plug_relay_start(int dir, int monitor, const struct vm_device *v, int target, struct err *err);

#endif
