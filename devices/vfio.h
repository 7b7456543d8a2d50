/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI devices that a virtual machine gets whole, by VFIO. The unit that the host can give is the IOMMU group: all
 * of its functions but bridges, each bound to a driver of the VFIO family. Everything here only looks; each error
 * says what the administrator has to do next.
 *
 * The hypervisor opens /dev/vfio/GROUP itself, and a group can be open once: that is what keeps two virtual
 * machines from having one device.
 */
#ifndef MOAT_DEVICES_VFIO_H
#define MOAT_DEVICES_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VFIO_ADDRESS_SIZE 16 /* of "0000:01:00.0" */

struct vfio_function {
	char address[VFIO_ADDRESS_SIZE]; /* on the host */
	uint32_t class; /* PCI class code: 0x010802 is an NVMe disk */
	uint64_t memory; /* bytes of all its memory regions */
};

struct vfio_group {
	unsigned int number;
	char node[32]; /* "/dev/vfio/16" */
	struct vfio_function *v; /* those to be passed, sorted */
	size_t n;
};

/*
 * What `name` stands for: "/dev/vfio/16" (all functions of the group), "/dev/vfio/devices/vfio0" (that device),
 * or a PCI address, with or without its domain (that device). root: "" on a host; tests: in front of /sys.
 * The group is the caller's: vfio_group_done().
 */
int vfio_find(const char *root, const char *name, struct vfio_group *ret, struct err *err);
void vfio_group_done(struct vfio_group *g);
bool vfio_is_name(const char *name);
/* "0000:01:00.0", complete and in lower case. */
bool vfio_is_address(const char *s);

/* Opens the group for a moment: it is there, nobody has it, and the kernel finds it viable. */
int vfio_check_free(const struct vfio_group *g, struct err *err);

/*
 * How much a process with a virtual machine of that memory and so many devices has to lock: all memory is pinned,
 * for each of them in the worst case.
 */
uint64_t vfio_locked_bytes(uint32_t memory_mib, size_t devices);
/* Whether RLIMIT_MEMLOCK permits that, or this process may raise it. */
int vfio_check_memlock(uint64_t bytes, struct err *err);

/* The most that a root port of a guest that has already booted offers: larger ones have to be there at the boot. */
#define VFIO_HOTPLUG_MEMORY ((uint64_t)2 << 20)

#endif
