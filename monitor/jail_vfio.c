/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/jail_vfio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "devices/vfio.h"
#include "monitor/jail.h"

#define CONTAINER "vfio" /* /dev/vfio/vfio: what groups are put into */

static int make_node(const char *name, uid_t qemu, struct err *err)
{
	char host[64], path[80];
	struct stat st;

	snprintf(host, sizeof(host), "/dev/vfio/%s", name);
	snprintf(path, sizeof(path), JAIL_STAGE "%s", host);
	if (stat(host, &st) < 0)
		return err_errno(err, errno, "'%s'", host);
	if (!S_ISCHR(st.st_mode))
		return err_set(err, ENODEV, "'%s' is not a character device", host);
	/* Two functions of one group have one node. */
	if (mknod(path, S_IFCHR | 0600, st.st_rdev) < 0)
		return errno == EEXIST ? 0 : err_errno(err, errno, "jail: %s", host);
	return chown(path, qemu, qemu) < 0 ? err_errno(err, errno, "jail: %s", host) : 0;
}

/*
 * QEMU (hw/vfio/pci.c, vfio_realize) looks whether the device's directory is there, and reads the number of the group
 * from the end of this link. It has no use for the rest of sysfs.
 */
static int make_link(const struct vm_device *d, struct err *err)
{
	char dir[128], path[160], target[64];
	int r;

	snprintf(dir, sizeof(dir), JAIL_STAGE "/sys/bus/pci/devices/%s", d->address);
	r = path_mkdirs(dir, 0755, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/iommu_group", dir);
	snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%u", d->group);
	return symlink(target, path) < 0 ? err_errno(err, errno, "jail: %s", path) : 0;
}

int jail_add_vfio(const struct vm_setup *s, uid_t qemu, struct err *err)
{
	char group[16];
	int r = 0;

	for (size_t i = 0; i < s->n_devices && r >= 0; i++) {
		const struct vm_device *d = &s->devices[i];

		if (strcmp(d->kind, VM_DEVICE_VFIO) != 0)
			continue;
		if (!d->address || !vfio_is_address(d->address))
			return err_set(err, EPROTO, "device without a PCI address");
		snprintf(group, sizeof(group), "%u", d->group);
		r = path_mkdirs(JAIL_STAGE "/dev/vfio", 0755, err);
		if (r >= 0)
			r = make_node(CONTAINER, qemu, err);
		if (r >= 0)
			r = make_node(group, qemu, err);
		if (r >= 0)
			r = make_link(d, err);
	}
	return r;
}
