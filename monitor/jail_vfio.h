/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU needs in the jail to open the host's PCI devices of the setup: /dev/vfio/vfio, the nodes of their
 * groups, and of sysfs the one link that leads from a device to its group.
 */
#ifndef MOAT_MONITOR_JAIL_VFIO_H
#define MOAT_MONITOR_JAIL_VFIO_H

#include <sys/types.h>

#include "base/err.h"
#include "wire/vm_setup.h"

/* Below JAIL_STAGE, whose /dev is there; the nodes are qemu's. Nothing without such devices. */
int jail_add_vfio(const struct vm_setup *s, uid_t qemu, struct err *err);

#endif
