/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host has put on root ports of this VM, disks for a container's linux.devices and network interfaces: found by the
 * place in the PCI tree, never by the order in which they appear.
 */
#ifndef MOAT_AGENT_HOTPLUG_H
#define MOAT_AGENT_HOTPLUG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * devices: the member of container.create (wire/PROTOCOL.md). Waits until each is there and puts the guest's numbers into
 * config: in linux.devices, in the limits of linux.resources.blockIO, and in the rules of linux.resources.devices, with one more that
 * allows the device. An entry that is PCI devices gives way to the disks that they are, see agent/pci.h.
 */
int hotplug_devices(const json_t *devices, json_t *config, struct err *err);
/* Waits until there is a disk behind the port. */
int hotplug_wait_disk(const char *port, int *ret_major, int *ret_minor, struct err *err);
/* A disk as one of config's linux.devices, mode 0660, and a rule that allows it. */
int hotplug_add_node(json_t *config, const char *path, uint32_t gid, int major, int minor,
		     bool readonly, struct err *err);
/* Waits until there is a network interface behind the port. */
int hotplug_wait_net(const char *port, int *ret_index, struct err *err);
/* The form of a PCI address. */
int hotplug_check_port(const char *port, struct err *err);
/* One more rule of config's resources.devices, for a block device. */
int hotplug_allow(json_t *config, int major, int minor, const char *access, struct err *err);

#endif
