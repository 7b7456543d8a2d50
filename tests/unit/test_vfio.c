/* SPDX-License-Identifier: Apache-2.0 */
/* PCI devices of a host whose /sys is a directory. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"
#include "devices/device.h"
#include "devices/vfio.h"

static char *root;
static struct vfio_group group;

/* A file or, with `link`, a symbolic link below the root. */
static void put(bool link, const char *text, const char *path)
{
	_free_ char *file = str_printf("%s/%s", root, path);
	_free_ char *parent = strndup(file, (size_t)(strrchr(file, '/') - file));
	struct err err = { 0 };

	unit_ok(path_mkdirs(parent, 0755, &err), &err);
	if (link)
		ck_assert_int_eq(symlink(text, file), 0);
	else
		unit_ok(io_write_file(AT_FDCWD, file, text, strlen(text), 0644, false, &err), &err);
}

static void add(unsigned int number, const char *address, const char *class, const char *driver)
{
	_free_ char *dir = str_printf("sys/bus/pci/devices/%s", address);
	_free_ char *in_group = str_printf("sys/kernel/iommu_groups/%u/devices/%s", number, address);
	_free_ char *class_file = str_printf("%s/class", dir),
		    *to_driver = str_printf("%s/driver", dir);
	_free_ char *to_group = str_printf("%s/iommu_group", dir);
	_free_ char *group_path = str_printf("../../../../kernel/iommu_groups/%u", number);
	_free_ char *driver_path = str_printf("../../../../bus/pci/drivers/%s",
					      driver ? driver : "");
	_free_ char *device_path = str_printf("../../../../bus/pci/devices/%s", address);

	put(false, class, class_file);
	put(true, group_path, to_group);
	if (driver)
		put(true, driver_path, to_driver);
	put(true, device_path, in_group);
}

/* Group 16 is a bridge and two functions; 17 has one that the host uses; 18 bridges alone. */
static void setup(void)
{
	root = unit_mkdtemp();
	add(16, "0000:00:01.0", "0x060400\n", "pcieport");
	add(16, "0000:01:00.1", "0x020000\n", "mlx5_vfio_pci");
	add(16, "0000:01:00.0", "0x010802\n", "vfio-pci");
	add(17, "0000:02:00.0", "0x020000\n", "e1000e");
	add(17, "0000:02:00.1", "0x020000\n", "vfio-pci");
	add(18, "0000:00:00.0", "0x060000\n", NULL);
	add(1048575, "0001:0a:1f.7", "0x030000\n", "vfio-pci");
	add(20, "0000:03:00.0", "0x020000\n", NULL);
	put(false,
	    "0x00000000fe000000 0x00000000fe003fff 0x0000000000140204\n"
	    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
	    "0x000000000000c000 0x000000000000c0ff 0x0000000000040101\n"
	    "0x00000000fd000000 0x00000000fdffffff 0x000000000014220c\n",
	    "sys/bus/pci/devices/0000:01:00.0/resource");
	put(true, "../../0000:01:00.0", "sys/class/vfio-dev/vfio0/device");
	put(true, "../../../virtual/something", "sys/class/vfio-dev/vfio1/device");
}

static void teardown(void)
{
	vfio_group_done(&group);
	unit_rmdir(root);
}

static void found(const char *name, unsigned int number, const char *addresses)
{
	_buf_ struct buf b = { 0 };
	struct err err = { 0 };

	vfio_group_done(&group);
	unit_ok(vfio_find(root, name, &group, &err), &err);
	ck_assert_uint_eq(group.number, number);
	for (size_t i = 0; i < group.n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", group.v[i].address);
	ck_assert_str_eq(b.data, addresses);
}

static void refused(const char *name, int code, const char *part)
{
	struct err err = { 0 };

	vfio_group_done(&group);
	unit_fails(vfio_find(root, name, &group, &err), code, &err, part);
	ck_assert_ptr_null(group.v);
}

START_TEST(names)
{
	setup();
	found("/dev/vfio/16", 16, "0000:01:00.0 0000:01:00.1");
	ck_assert_str_eq(group.node, "/dev/vfio/16");
	ck_assert_uint_eq(group.v[0].class, 0x010802);
	/* Memory regions, not ports. */
	ck_assert_uint_eq(group.v[0].memory, 0x4000 + 0x1000000);
	ck_assert_uint_eq(group.v[1].memory, 0);
	found("/dev/vfio/devices/vfio0", 16, "0000:01:00.0");
	found("0000:01:00.1", 16, "0000:01:00.1");
	found("01:00.1", 16, "0000:01:00.1");
	/* Minor numbers, and so groups, have 20 bits. */
	found("/dev/vfio/1048575", 1048575, "0001:0a:1f.7");
	ck_assert_str_eq(group.node, "/dev/vfio/1048575");

	ck_assert(vfio_is_name("/dev/vfio/16") && vfio_is_name("01:00.1"));
	ck_assert(!vfio_is_name("/dev/sda") && !vfio_is_name("01:00.10") && !vfio_is_name(""));
	ck_assert(vfio_is_address("0000:01:00.0") && !vfio_is_address("01:00.0"));
	ck_assert(!vfio_is_address("0000:01:00.0/") && !vfio_is_address("../../../etc"));
	teardown();
}
END_TEST

START_TEST(refusals)
{
	setup();
	refused("/dev/vfio/21", ENODEV, "this host has no IOMMU group 21");
	refused("/dev/vfio/x", EINVAL, "'/dev/vfio/x' is neither");
	refused("/dev/vfio/-1", EINVAL, "is neither");
	refused("/dev/vfio/../../etc", EINVAL, "is neither");
	refused("/dev/sda", EINVAL, "is neither");
	refused("0000:09:00.0", ENODEV, "this host has no PCI device 0000:09:00.0");
	refused("/dev/vfio/devices/vfio7", ENODEV, "no VFIO device 'vfio7'");
	refused("/dev/vfio/devices/../vfio0", ENODEV, "no VFIO device");
	refused("/dev/vfio/devices/vfio1", ENOTSUP, "'vfio1' is no PCI device");
	refused("/dev/vfio/18", ENODEV, "only bridges");
	/* The whole group, also where the other function is asked for. */
	refused("0000:02:00.1", EBUSY,
		"PCI device 0000:02:00.0 of IOMMU group 17 is bound to 'e1000e' instead of vfio-pci: modprobe vfio-pci; cd "
		"/sys/bus/pci/devices/0000:02:00.0; echo vfio-pci >driver_override; echo 0000:02:00.0 >driver/unbind; echo "
		"0000:02:00.0 >/sys/bus/pci/drivers_probe");
	refused("/dev/vfio/20", EBUSY,
		"0000:03:00.0 of IOMMU group 20 is bound to no driver instead of vfio-pci: modprobe vfio-pci; cd "
		"/sys/bus/pci/devices/0000:03:00.0; echo vfio-pci >driver_override; echo 0000:03:00.0 >/sys");
	/* What is not PCI, as on Arm */
	put(false, "", "sys/kernel/iommu_groups/30/devices/soc:dma@1000/class");
	refused("/dev/vfio/30", ENOTSUP, "'soc:dma@1000' of IOMMU group 30 is no PCI device");
	put(false, "bridge\n", "sys/kernel/iommu_groups/31/devices/0000:05:00.0/class");
	refused("/dev/vfio/31", EIO, "holds no PCI class");
	teardown();
}
END_TEST

START_TEST(without_iommu)
{
	struct err err = { 0 };

	root = unit_mkdtemp();
	refused("/dev/vfio/16", ENODEV, "intel_iommu=on or amd_iommu=on");
	_free_ char *dir = str_printf("%s/sys/kernel/iommu_groups", root);
	unit_ok(path_mkdirs(dir, 0755, &err), &err);
	refused("01:00.0", ENODEV, "this host has no IOMMU groups");
	teardown();
}
END_TEST

START_TEST(locked_memory)
{
	const struct rlimit low = { 65536, 65536 };
	struct err err = { 0 };
	int status;
	pid_t pid;

	ck_assert_uint_eq(vfio_locked_bytes(256, 0), 0);
	ck_assert_uint_eq(vfio_locked_bytes(256, 2), 2 * (320ull << 20));
	unit_ok(vfio_check_memlock(0, &err), &err);
	/* In a child without privileges */
	pid = fork();
	if (pid == 0) {
		if (setrlimit(RLIMIT_MEMLOCK, &low) < 0 || (getuid() == 0 && setuid(12345) < 0))
			_exit(1);
		if (vfio_check_memlock(65536, NULL) < 0)
			_exit(2);
		if (vfio_check_memlock(65537 << 10, &err) != -EPERM ||
		    !strstr(err.msg, "RLIMIT_MEMLOCK is 64 KiB and has to be 65537"))
			_exit(3);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(as_a_device)
{
	struct device dev = { .kind = DEVICE_VFIO, .vfio = { "0000:01:00.0" } }, *ret = NULL;
	struct devices *d = NULL;
	struct err err = { 0 };

	unit_ok(devices_new(4, &d, &err), &err);
	unit_ok(devices_add(d, &dev, &ret, &err), &err);
	ck_assert_str_eq(ret->id, "vfio0");
	ck_assert_int_eq(device_fd(ret), -EBADF);
	ck_assert(!device_shares_memory(ret));
	device_close(ret);
	unit_fails(devices_add(d, &dev, &ret, &err), EEXIST, &err, "0000:01:00.0 is there twice");
	strcpy(dev.vfio.address, "01:00.0,x");
	unit_fails(devices_add(d, &dev, &ret, &err), EINVAL, &err, "'01:00.0,x' is no PCI address");
	devices_free(d);
}
END_TEST

UNIT_MAIN("vfio", names, refusals, without_iommu, locked_memory, as_a_device)
