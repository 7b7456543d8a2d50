/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI devices of the host that this VM has been given whole (VFIO): the guest's own driver takes them. What it makes
 * of one, disks with their partitions or a network interface, is found by the root port in the path of sysfs.
 */
#ifndef MOAT_AGENT_PCI_H
#define MOAT_AGENT_PCI_H

#include "base/err.h"

/* What became of a device. */
struct pci_found {
	const char *class; /* "block" or "net"; NULL: nothing, which is logged with the reason */
	char **names; /* in /sys/class/CLASS, of a disk also its partitions */
};

#define PCI_ADDRESS_SIZE 16 /* of "0000:01:00.0" */

/* Waits for the device behind the port, not for a driver: its address. */
int pci_wait_device(const char *port, char ret[PCI_ADDRESS_SIZE], struct err *err);
/* Waits for the device behind the port and for what its driver makes of it, if there is a driver. */
int pci_wait(const char *port, struct pci_found *ret, struct err *err);
void pci_found_done(struct pci_found *f);
/* Waits for the one disk that a device is; -ENODEV says what it is instead. */
int pci_wait_disk(const char *port, int *ret_major, int *ret_minor, struct err *err);
/* Of one of pci_found.names. -ENOENT without a message: it is a path of a disk that is elsewhere. */
int pci_disk_numbers(const char *name, int *ret_major, int *ret_minor, struct err *err);

#endif
