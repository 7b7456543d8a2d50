/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices that a container has been given, in its config.json: what the host has put on root ports of this VM gets the
 * guest's numbers in linux.devices and in the rules and limits of linux.resources.
 */
#ifndef MOAT_AGENT_DEVICE_CONFIG_H
#define MOAT_AGENT_DEVICE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct pci_found;
struct vfio_node;

/*
 * devices: the member of container.create (wire/PROTOCOL.md), or NULL. Waits until each is there and puts the guest's numbers
 * into config: in linux.devices, in the limits of linux.resources.blockIO, and in the rules of linux.resources.devices, with one
 * more that allows the device. An entry that is PCI devices gives way to the disks that they are, or to the groups of the guest's VFIO that they are in.
 */
int device_config_apply(const json_t *devices, json_t *config, struct err *err);
/* A disk as one more of linux.devices, mode 0660, and a rule that allows it. */
int device_config_add_disk(json_t *config, const char *path, uint32_t gid, int major, int minor,
			   bool readonly, struct err *err);
/* The disks among what PCI devices have become, the same, with mode and owner of the entry `like`. */
int device_config_add_pci(const struct pci_found *f, const json_t *like, json_t *config,
			  struct err *err);
/* A group of the guest's VFIO the same. */
int device_config_add_vfio(const struct vfio_node *node, const json_t *like, json_t *config,
			   struct err *err);

#endif
