/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host has put on root ports of this VM, disks and network interfaces: found by the place in the PCI tree, never by
 * the order in which they appear.
 */
#ifndef MOAT_AGENT_HOTPLUG_H
#define MOAT_AGENT_HOTPLUG_H

#include "base/err.h"

#define HOTPLUG_PCI_DEVICES "/sys/bus/pci/devices"

/* Waits until there is a disk behind the port. */
int hotplug_wait_disk(const char *port, int *ret_major, int *ret_minor, struct err *err);
/* Waits until there is a network interface behind the port. */
int hotplug_wait_net(const char *port, int *ret_index, struct err *err);
/*
 * Sorted names in /sys/class/CLASS of what is behind the port now, of a disk also its partitions: every link there leads through the ports
 * above it. -ENOENT without a message: nothing.
 */
int hotplug_find(const char *class, const char *port, char ***ret, struct err *err);
/* The form of a PCI address. */
int hotplug_check_port(const char *port, struct err *err);
/* "major:minor", as sysfs has it. 0 or -EINVAL. */
int hotplug_parse_dev(const char *text, int *ret_major, int *ret_minor);

#endif
