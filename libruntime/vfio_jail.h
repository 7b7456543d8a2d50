/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU needs of the host to open a PCI device by name while it runs: in its jail the nodes of VFIO and the link
 * from a device to its group, as monitor/jail_vfio.c makes them for the devices of the start, and a limit of locked memory. The jail
 * stays read-only for all who live in it: the command works on a clone of its root mount that is attached nowhere.
 *
 * Whose a device is, is noted in the jail, too, in a directory that only root can enter: /vfio/ADDRESS is a link to "GROUP/ID". So it
 * ends with the VM, and `delete` finds what a command that was killed has left.
 */
#ifndef MOAT_LIBRUNTIME_VFIO_JAIL_H
#define MOAT_LIBRUNTIME_VFIO_JAIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "devices/vfio.h"
#include "libruntime/monitor_world.h"

/* For the container `id`: everything for the group. memory_mib: the most that the VM can have. After a failure: vfio_jail_remove(). */
int vfio_jail_add(const struct monitor_ref *mon, const char *id, const struct vfio_group *g,
		  uint32_t memory_mib, struct err *err);
/* Of all groups of that container, when its devices have been taken out; nothing there is fine. */
int vfio_jail_remove(const struct monitor_ref *mon, const char *id, struct err *err);

/* ---- the same in any directory, without limits; of /dev/vfio/vfio the numbers are `container`, of the group's node `node` ---- */

/* *ret_devices: how many PCI devices the jail has then. */
int vfio_jail_make(int root, const char *id, const struct vfio_group *g, dev_t container,
		   dev_t node, uid_t qemu, size_t *ret_devices, struct err *err);
/* *ret_devices: how many are left. */
int vfio_jail_clear(int root, const char *id, size_t *ret_devices, struct err *err);

#endif
