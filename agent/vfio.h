/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI devices of this VM that a container drives itself, DPDK for example: bound to the guest's own vfio-pci, in a group of
 * the guest's own IOMMU. Documentation/driver-api/vfio.rst of Linux.
 */
#ifndef MOAT_AGENT_VFIO_H
#define MOAT_AGENT_VFIO_H

#include "base/err.h"

struct vfio_node {
	unsigned int group; /* its number in the guest: /dev/vfio/GROUP */
	int major, minor;
};

/* Waits for the device behind the port, takes it from its driver and gives it to vfio-pci. -ENOTSUP says what the guest lacks for that. */
int vfio_take(const char *port, struct vfio_node *ret, struct err *err);
/* The numbers of /dev/vfio/vfio. */
int vfio_container(int *ret_major, int *ret_minor, struct err *err);

#endif
