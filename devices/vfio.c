/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"

#define GROUP_DIR "/dev/vfio/"
#define CDEV_DIR "/dev/vfio/devices/"
#define CLASS_BRIDGE 0x06
#define RESOURCE_MEMORY 0x200 /* IORESOURCE_MEM of linux/ioport.h, in sysfs's "resource" */
/* What QEMU locks besides the guest's memory: firmware and option ROMs. */
#define LOCKED_EXTRA ((uint64_t)64 << 20)

void vfio_group_done(struct vfio_group *g)
{
	free(g->v);
	*g = (struct vfio_group){ 0 };
}

/* "0000:01:00.0", of hexadecimal digits. */
bool vfio_is_address(const char *s)
{
	static const char form[] = "xxxx:xx:xx.x";

	if (strlen(s) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'x' ? !strchr("0123456789abcdef", s[i]) : s[i] != form[i])
			return false;
	return true;
}

/* Completes "01:00.0". False: it is none. */
static bool full_address(const char *name, char ret[VFIO_ADDRESS_SIZE])
{
	if (snprintf(ret, VFIO_ADDRESS_SIZE, "%s%s", strlen(name) == 7 ? "0000:" : "", name) >=
	    VFIO_ADDRESS_SIZE)
		return false;
	return vfio_is_address(ret);
}

bool vfio_is_name(const char *name)
{
	char address[VFIO_ADDRESS_SIZE] = "";

	return str_has_prefix(name, GROUP_DIR) || full_address(name, address);
}

/* The last part of what a link of sysfs leads to; -ENOENT: there is none. */
static int link_name(const char *path, char *ret, size_t size)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return snprintf(ret, size, "%s", slash ? slash + 1 : target) < (int)size ? 0 : -ENAMETOOLONG;
}

/* ---- one function ---- */

static int read_class(const char *dir, uint32_t *ret, struct err *err)
{
	_free_ char *path = str_printf("%s/class", dir), *text = NULL;
	unsigned long class;
	char *end;
	int r;

	if (!path)
		return err_errno(err, ENOMEM, "vfio");
	r = io_read_file(AT_FDCWD, path, 64, &text, NULL, err);
	if (r < 0)
		return r;
	class = strtoul(text, &end, 16);
	if (end == text || (*end && *end != '\n') || class > 0xffffff)
		return err_set(err, EIO, "'%s' holds no PCI class", path);
	*ret = (uint32_t) class;
	return 0;
}

/* Lines of "start end flags"; a file that cannot be read stands for no regions. */
static uint64_t read_memory(const char *dir)
{
	_free_ char *path = str_printf("%s/resource", dir), *text = NULL;
	unsigned long long v[3];
	uint64_t total = 0;

	if (!path || io_read_file(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
		return 0;
	for (char *save, *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		for (size_t i = 0; i < ARRAY_SIZE(v); i++)
			v[i] = strtoull(p, &p, 16);
		if (v[1] > v[0] && (v[2] & RESOURCE_MEMORY))
			total += v[1] - v[0] + 1;
	}
	return total;
}

/* vfio-pci, and those for certain devices that do what it does and more: mlx5_vfio_pci and the like. */
static bool is_vfio_driver(const char *driver)
{
	return str_has_suffix(driver, "vfio-pci") || str_has_suffix(driver, "vfio_pci");
}

static int check_driver(const char *dir, const char *address, unsigned int group, struct err *err)
{
	_free_ char *path = str_printf("%s/driver", dir);
	char driver[128] = "";
	bool bound;

	if (!path)
		return err_errno(err, ENOMEM, "vfio");
	bound = link_name(path, driver, sizeof(driver)) >= 0;
	if (bound && is_vfio_driver(driver))
		return 0;
	/* These files need no ids, and take this function and no other. */
	return err_set(
		err, EBUSY,
		"PCI device %s of IOMMU group %u is bound to %s%s%s instead of vfio-pci: modprobe vfio-pci; "
		"cd /sys/bus/pci/devices/%s; echo vfio-pci >driver_override; %s%s%secho %s "
		">/sys/bus/pci/drivers_probe",
		address, group, bound ? "'" : "", bound ? driver : "no driver", bound ? "'" : "",
		address, bound ? "echo " : "", bound ? address : "",
		bound ? " >driver/unbind; " : "", address);
}

/* *ret_bridge: it stays with the host. */
static int read_function(const char *devices, const char *address, unsigned int group,
			 struct vfio_function *ret, bool *ret_bridge, struct err *err)
{
	_free_ char *dir = str_printf("%s/%s", devices, address);
	struct vfio_function f = { 0 };
	int r;

	if (!dir)
		return err_errno(err, ENOMEM, "vfio");
	if (!vfio_is_address(address))
		return err_set(err, ENOTSUP,
			       "'%s' of IOMMU group %u is no PCI device; only those can be given",
			       address, group);
	memcpy(f.address, address, strlen(address) + 1);
	r = read_class(dir, &f.class, err);
	if (r < 0)
		return r;
	*ret_bridge = f.class >> 16 == CLASS_BRIDGE;
	f.memory = read_memory(dir);
	*ret = f;
	return *ret_bridge ? 0 : check_driver(dir, address, group, err);
}

/* ---- groups ---- */

static int check_iommu(const char *root, struct err *err)
{
	_free_ char *path = str_printf("%s/sys/kernel/iommu_groups", root);
	_close_ int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	_strv_ char **names = NULL;

	if (fd >= 0 && path_list(fd, &names, NULL) >= 0 && names && names[0])
		return 0;
	return err_set(
		err, ENODEV,
		"this host has no IOMMU groups: switch the IOMMU on in the firmware (VT-d, AMD-Vi) and boot the kernel "
		"with intel_iommu=on or amd_iommu=on");
}

/* All functions of the group are checked, also where only one is wanted: the kernel gives out groups. */
static int read_group(const char *root, unsigned int number, const char *only,
		      struct vfio_group *ret, struct err *err)
{
	_free_ char *dir = str_printf("%s/sys/kernel/iommu_groups/%u/devices", root, number);
	_cleanup_(vfio_group_done) struct vfio_group g = { .number = number };
	_close_ int fd = -EBADF;
	_strv_ char **names = NULL;
	int r;

	if (!dir)
		return err_errno(err, ENOMEM, "vfio");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, ENODEV, "this host has no IOMMU group %u", number);
	r = path_list(fd, &names, err);
	if (r < 0)
		return r;
	snprintf(g.node, sizeof(g.node), GROUP_DIR "%u", number);
	g.v = calloc(strv_len(names) + 1, sizeof(*g.v));
	if (!g.v)
		return err_errno(err, ENOMEM, "vfio");
	for (char **name = names; name && *name; name++) {
		bool bridge = false;

		r = read_function(dir, *name, number, &g.v[g.n], &bridge, err);
		if (r < 0)
			return r;
		if (!bridge && (!only || strcmp(only, *name) == 0))
			g.n++;
	}
	if (g.n == 0)
		return err_set(err, ENODEV,
			       "IOMMU group %u has no device that could be given, only bridges",
			       number);
	*ret = g;
	g = (struct vfio_group){ 0 };
	return 0;
}

static int find_device(const char *root, const char *address, struct vfio_group *ret,
		       struct err *err)
{
	_free_ char *dir = str_printf("%s/sys/bus/pci/devices/%s", root, address);
	_free_ char *path = str_printf("%s/iommu_group", dir ? dir : "");
	uint32_t number;
	char name[32];

	if (!dir || !path)
		return err_errno(err, ENOMEM, "vfio");
	if (access(dir, F_OK) < 0)
		return err_set(err, ENODEV, "this host has no PCI device %s", address);
	if (link_name(path, name, sizeof(name)) < 0 || num_u32(name, 0, INT_MAX, &number) < 0)
		return err_set(err, ENODEV, "PCI device %s is in no IOMMU group", address);
	return read_group(root, number, address, ret, err);
}

/* "vfio0" of /dev/vfio/devices: /sys/class/vfio-dev/vfio0/device leads to the PCI device. */
static int find_cdev(const char *root, const char *name, struct vfio_group *ret, struct err *err)
{
	_free_ char *path = str_printf("%s/sys/class/vfio-dev/%s/device", root, name);
	char address[VFIO_ADDRESS_SIZE] = "";

	if (!path)
		return err_errno(err, ENOMEM, "vfio");
	if (strchr(name, '/') || link_name(path, address, sizeof(address)) < 0)
		return err_set(err, ENODEV, "this host has no VFIO device '%s'", name);
	if (!vfio_is_address(address))
		return err_set(err, ENOTSUP, "VFIO device '%s' is no PCI device", name);
	return find_device(root, address, ret, err);
}

int vfio_find(const char *root, const char *name, struct vfio_group *ret, struct err *err)
{
	char address[VFIO_ADDRESS_SIZE] = "";
	uint32_t number;
	int r = check_iommu(root, err);

	if (r < 0)
		return r;
	if (str_has_prefix(name, CDEV_DIR))
		return find_cdev(root, name + strlen(CDEV_DIR), ret, err);
	if (full_address(name, address))
		return find_device(root, address, ret, err);
	if (!str_has_prefix(name, GROUP_DIR) ||
	    num_u32(name + strlen(GROUP_DIR), 0, INT_MAX, &number) < 0)
		return err_set(
			err, EINVAL,
			"'%s' is neither a VFIO group (/dev/vfio/16) nor a device (/dev/vfio/devices/vfio0) nor a PCI "
			"address (0000:01:00.0)",
			name);
	return read_group(root, number, NULL, ret, err);
}

/* ---- what only the kernel knows ---- */

int vfio_check_free(const struct vfio_group *g, struct err *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	_close_ int fd = -EBADF;

	if (access("/dev/vfio/vfio", F_OK) < 0)
		return err_set(err, ENODEV,
			       "there is no /dev/vfio/vfio: modprobe vfio-pci vfio_iommu_type1");
	fd = open(g->node, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY)
		return err_set(
			err, EBUSY,
			"VFIO group %u is in use, by another virtual machine or a program that has %s open",
			g->number, g->node);
	if (fd < 0)
		return err_errno(err, errno, "open '%s'", g->node);
	if (ioctl(fd, VFIO_GROUP_GET_STATUS, &status) < 0)
		return err_errno(err, errno, "'%s'", g->node);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return err_set(
			err, EBUSY,
			"VFIO group %u is not viable: a driver of the host has one of its devices (ls "
			"/sys/kernel/iommu_groups/%u/devices)",
			g->number, g->number);
	return 0;
}

uint64_t vfio_locked_bytes(uint32_t memory_mib, size_t devices)
{
	return devices * (((uint64_t)memory_mib << 20) + LOCKED_EXTRA);
}

int vfio_check_memlock(uint64_t bytes, struct err *err)
{
	struct rlimit old, raised;
	int r = 0;

	if (getrlimit(RLIMIT_MEMLOCK, &old) < 0)
		return err_errno(err, errno, "RLIMIT_MEMLOCK");
	if (old.rlim_max == RLIM_INFINITY || old.rlim_max >= bytes)
		return 0;
	/* Who has CAP_SYS_RESOURCE may; there is no better way to find out. */
	raised = (struct rlimit){ .rlim_cur = old.rlim_cur, .rlim_max = bytes };
	if (setrlimit(RLIMIT_MEMLOCK, &raised) < 0)
		r = err_set(
			err, EPERM,
			"VFIO pins the guest's memory: RLIMIT_MEMLOCK is %llu KiB and has to be %llu (ulimit -l, or "
			"LimitMEMLOCK= of the service that calls moat)",
			(unsigned long long)old.rlim_max >> 10, (unsigned long long)bytes >> 10);
	else
		(void)setrlimit(RLIMIT_MEMLOCK, &old);
	return r;
}
