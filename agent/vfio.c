/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/hotplug.h"
#include "agent/modules.h"
#include "agent/pci.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"

#define DRIVER "vfio-pci"
#define NODE_MS 5000 /* until the group has its node */
#define BINDS 3 /* a driver may be about to take the device when it is looked at */

struct device {
	char address[PCI_ADDRESS_SIZE];
	uint32_t group;
	int major, minor;
};

static int read_numbers(const char *path, int *ret_major, int *ret_minor)
{
	_free_ char *text = NULL;

	if (io_read_file(AT_FDCWD, path, 32, &text, NULL, NULL) < 0)
		return -ENOENT;
	text[strcspn(text, "\n")] = '\0';
	return hotplug_parse_dev(text, ret_major, ret_minor);
}

static int put(const char *path, const char *text)
{
	_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* The last part of what the device's link leads to; -ENOENT: it has no such link. */
static int link_name(const struct device *d, const char *link, char *ret, size_t size)
{
	char path[128], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), HOTPLUG_PCI_DEVICES "/%s/%s", d->address, link);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return snprintf(ret, size, "%s", slash ? slash + 1 : target) < (int)size ? 0 : -ENAMETOOLONG;
}

static int find_group(struct device *d, struct err *err)
{
	char name[32];

	if (link_name(d, "iommu_group", name, sizeof(name)) < 0 ||
	    num_u32(name, 0, INT_MAX, &d->group) < 0)
		return err_set(
			err, ENOTSUP,
			"vfio_mode \"vfio\": the guest has no IOMMU: enable_iommu in [hypervisor.qemu], for a "
			"kernel with CONFIG_INTEL_IOMMU and CONFIG_IRQ_REMAP");
	return 0;
}

static bool is_bound(const struct device *d)
{
	char driver[64];

	return link_name(d, "driver", driver, sizeof(driver)) >= 0 && strcmp(driver, DRIVER) == 0;
}

static int bind_driver(const struct device *d, struct err *err)
{
	char path[128];
	int r;

	modules_load("vfio");
	if (access("/sys/bus/pci/drivers/" DRIVER, F_OK) < 0 || access("/dev/vfio/vfio", F_OK) < 0)
		return err_set(
			err, ENOTSUP,
			"vfio_mode \"vfio\": the guest's kernel has no vfio-pci (CONFIG_VFIO_PCI, CONFIG_VFIO_IOMMU_TYPE1)");
	/* From then on no other driver takes it. */
	snprintf(path, sizeof(path), HOTPLUG_PCI_DEVICES "/%s/driver_override", d->address);
	r = put(path, DRIVER);
	snprintf(path, sizeof(path), HOTPLUG_PCI_DEVICES "/%s/driver/unbind", d->address);
	for (int i = 0; r >= 0 && !is_bound(d) && i < BINDS; i++) {
		/* Both wait for a driver that is at it. */
		(void)put(path, d->address);
		r = put("/sys/bus/pci/drivers_probe", d->address);
	}
	if (r >= 0 && is_bound(d))
		return 0;
	return err_errno(err, r < 0 ? -r : EIO, "bind PCI device %s of the guest to vfio-pci",
			 d->address);
}

static int look_node(void *data, struct err *err)
{
	struct device *d = data;
	char path[64];

	(void)err;
	snprintf(path, sizeof(path), "/sys/class/vfio/%u/dev", d->group);
	return read_numbers(path, &d->major, &d->minor) < 0 ? -ENOENT : 0;
}

int vfio_take(const char *port, struct vfio_node *ret, struct err *err)
{
	struct device d = { .address = "" };
	int r = pci_wait_device(port, d.address, err);

	if (r >= 0)
		r = find_group(&d, err);
	if (r >= 0)
		r = bind_driver(&d, err);
	if (r >= 0)
		r = uevent_until("/vfio/", look_node, &d, NODE_MS, err);
	if (r == -ETIMEDOUT)
		return err_set(err, ENODEV, "the guest has no node for VFIO group %u", d.group);
	if (r >= 0)
		*ret = (struct vfio_node){ d.group, d.major, d.minor };
	return r;
}

int vfio_container(int *ret_major, int *ret_minor, struct err *err)
{
	return read_numbers("/sys/class/misc/vfio/dev", ret_major, ret_minor) < 0 ?
		       err_set(err, ENODEV, "the guest has no /dev/vfio/vfio") :
		       0;
}
