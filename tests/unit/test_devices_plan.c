/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of linux.devices, against a host whose /sys and /dev are in a directory. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/sock.h"
#include "base/str.h"
#include "devices/plan.h"
#include "oci/config.h"

static char *root;
static struct dev_options options;
static struct oci_config *config;
static struct dev_plan plan;
static char *store;

static void make_dir(const char *path)
{
	_free_ char *dir = path_join(root, path);

	ck_assert_int_ge(path_mkdirs(dir, 0755, NULL), 0);
}

static void write_text(const char *path, const char *text)
{
	_free_ char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	_free_ char *file = path_join(root, path);
	struct err err = { 0 };

	make_dir(parent);
	unit_ok(io_write_file(AT_FDCWD, file, text, strlen(text), 0644, false, &err), &err);
}

static void setup(void)
{
	root = unit_mkdtemp();
	store = path_join(root, "store");
	options = (struct dev_options){ .vhost_user_store = true,
					.vhost_user_store_path = store,
					.root = root };
	make_dir("store/block/devices");
	make_dir("store/block/sockets");
	write_text("sys/dev/block/7:3/uevent", "MAJOR=7\nMINOR=3\nDEVNAME=loop3\nDEVTYPE=disk\n");
	write_text("sys/dev/block/259:1/uevent", "DEVNAME=nvme0n1p1\n");
	write_text("sys/dev/block/8:9/uevent", "DEVNAME=../../etc/shadow\n");
}

static void teardown(void)
{
	dev_plan_done(&plan);
	oci_config_free(config);
	config = NULL;
	free(store);
	unit_rmdir(root);
}

/* devices: the elements of linux.devices; rules: those of resources.devices. */
static int try_plan(const char *devices, const char *rules, struct err *err)
{
	_free_ char *text = str_printf(
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"network\"}],"
		"\"devices\":[%s],\"resources\":{\"devices\":[%s]}}}",
		devices, rules);

	dev_plan_done(&plan);
	oci_config_free(config);
	config = NULL;
	unit_ok(oci_config_parse(text, strlen(text), NULL, NULL, &config, err), err);
	return dev_plan(config, &options, &plan, err);
}

#define NODE(path, type, major, minor) \
	"{\"path\":\"" path "\",\"type\":\"" type "\",\"major\":" #major ",\"minor\":" #minor "}"

static void planned(const char *devices, const char *rules)
{
	struct err err = { 0 };

	unit_ok(try_plan(devices, rules, &err), &err);
}

static void refused(const char *devices, int code, const char *part)
{
	struct err err = { 0 };

	unit_fails(try_plan(devices, "", &err), code, &err, part);
	ck_assert_ptr_nonnull(strstr(err.msg, "linux.devices["));
}

START_TEST(block)
{
	_free_ char *want = NULL;

	setup();
	want = path_join(root, "dev/loop3");
	planned(NODE("/dev/a", "b", 7, 3) "," NODE("/dev/b", "b", 259, 1), "");
	ck_assert_uint_eq(plan.n, 2);
	ck_assert_uint_eq(dev_plan_hardware(&plan), 2);
	ck_assert_int_eq(plan.v[0].outcome, DEV_BLOCK);
	ck_assert_str_eq(plan.v[0].source, want);
	ck_assert(!plan.v[0].readonly);
	refused(NODE("/dev/a", "b", 7, 4), ENODEV, "this host has no block device 7:4");
	/* A name that leads out of /dev is none. */
	refused(NODE("/dev/a", "b", 8, 9), ENODEV, "has no node on this host");
	teardown();
}
END_TEST

START_TEST(readonly_by_rule)
{
	static const struct {
		const char *rules;
		bool readonly;
	} cases[] = {
		{ "", false },
		{ "{\"allow\":false,\"access\":\"rwm\"}", false },
		{ "{\"allow\":true,\"type\":\"b\",\"major\":7,\"minor\":3,\"access\":\"rwm\"}",
		  false },
		{ "{\"allow\":true,\"type\":\"b\",\"major\":7,\"minor\":3,\"access\":\"r\"}", true },
		{ "{\"allow\":true,\"type\":\"b\",\"major\":7,\"access\":\"rm\"}", true },
		{ "{\"allow\":true,\"type\":\"b\",\"major\":7,\"minor\":-1,\"access\":\"rm\"}",
		  true },
		{ "{\"allow\":true,\"type\":\"b\",\"major\":7,\"minor\":4,\"access\":\"r\"}", false },
		{ "{\"allow\":true,\"type\":\"c\",\"major\":7,\"minor\":3,\"access\":\"r\"}", false },
		{ "{\"allow\":true,\"type\":\"b\",\"major\":7,\"minor\":3,\"access\":\"r\"},"
		  "{\"allow\":true,\"type\":\"b\",\"major\":7,\"minor\":3}",
		  false },
		{ "{\"allow\":false,\"type\":\"b\",\"major\":7,\"minor\":3,\"access\":\"w\"}", true },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		planned(NODE("/dev/a", "b", 7, 3), cases[i].rules);
		ck_assert_msg(plan.v[0].readonly == cases[i].readonly, "%s", cases[i].rules);
	}
	teardown();
}
END_TEST

START_TEST(guest_nodes)
{
	setup();
	planned(NODE("/dev/null", "c", 1, 3) "," NODE("/dev/fuse", "c", 10, 229) "," NODE(
			"/dev/net/tun", "u", 10, 200) "," NODE("/dev/pts/7", "c", 136,
							       7) "," NODE("/dev/fifo", "p", 0, 0),
		"");
	ck_assert_uint_eq(plan.n, 5);
	ck_assert_uint_eq(dev_plan_hardware(&plan), 0);
	refused(NODE("/dev/nvidia0", "c", 195, 0), ENOTSUP, "the host's character device 195:0");
	refused(NODE("/dev/vfio/16", "c", 240, 0), ENODEV,
		"this host has no VFIO group or device with number 240:0");
	refused(NODE("/dev/a", "c", 1, 3) "," NODE("/dev/a", "c", 1, 5), EEXIST,
		"the same path as linux.devices[0]");
	teardown();
}
END_TEST

static void make_link(const char *target, const char *path)
{
	_free_ char *parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	_free_ char *file = path_join(root, path);

	make_dir(parent);
	ck_assert_int_eq(symlink(target, file), 0);
}

/* An IOMMU group of one device, bound to vfio-pci */
static void make_group(const char *number, const char *address, const char *resource)
{
	_free_ char *dir = str_printf("sys/kernel/iommu_groups/%s/devices/%s", number, address);
	_free_ char *class = str_printf("%s/class", dir), *driver = str_printf("%s/driver", dir);
	_free_ char *memory = str_printf("%s/resource", dir);

	write_text(class, "0x010802\n");
	write_text(memory, resource);
	make_link("../../drivers/vfio-pci", driver);
}

/* By number, whatever the container calls it; groups have minors above 255. */
START_TEST(vfio)
{
	bool large = true;

	setup();
	write_text("sys/dev/char/240:300/uevent", "MAJOR=240\nMINOR=300\nDEVNAME=vfio/16\n");
	write_text("sys/dev/char/240:1/uevent", "DEVNAME=vfio/17\n");
	refused(NODE("/dev/vfio/16", "c", 240, 300), ENODEV, "this host has no IOMMU groups");
	make_group("16", "0000:01:00.0", "0xfe000000 0xfe003fff 0x40200\n");
	make_group("17", "0000:02:00.0", "0x0 0x1ffffff 0x14220c\n");
	planned(NODE("/dev/my/disk", "c", 240, 300) "," NODE("/dev/vfio/vfio", "c", 10, 196), "");
	ck_assert_int_eq(plan.v[0].outcome, DEV_VFIO);
	ck_assert_str_eq(plan.v[0].source, "/dev/vfio/16");
	ck_assert_str_eq(plan.v[0].vfio.v[0].address, "0000:01:00.0");
	ck_assert_int_eq(plan.v[1].outcome, DEV_GUEST);
	ck_assert_uint_eq(dev_plan_hardware(&plan), 1);
	ck_assert_uint_eq(dev_plan_vfio(&plan, &large), 1);
	ck_assert(!large);

	_json_ json_t *shown = dev_plan_describe(&plan, config);
	_json_ json_t *want = json_loads("[{\"index\":0,\"path\":\"/dev/my/disk\",\"kind\":\"vfio\","
					 "\"readonly\":false,\"source\":\"/dev/vfio/16\","
					 "\"functions\":[\"0000:01:00.0\"]},"
					 "{\"index\":1,\"path\":\"/dev/vfio/vfio\",\"kind\":\"guest\","
					 "\"readonly\":false}]",
					 0, NULL);
	ck_assert(json_equal(shown, want));

	planned(NODE("/dev/a", "c", 240, 300) "," NODE("/dev/b", "c", 240, 1), "");
	ck_assert_uint_eq(dev_plan_vfio(&plan, &large), 2);
	ck_assert(large);
	refused(NODE("/dev/a", "c", 240, 300) "," NODE("/dev/b", "c", 240, 300), EEXIST,
		"the same VFIO group 16 as linux.devices[0]");
	teardown();
}
END_TEST

static int listen_at(const char *name)
{
	_free_ char *path = str_printf("%s/block/sockets/%s", store, name);
	struct err err = { 0 };
	int fd = sock_listen_at(AT_FDCWD, path, &err);

	unit_ok(fd, &err);
	return fd;
}

/* -1: not root, who alone can make block nodes. */
static int make_node(const char *name, mode_t type, unsigned int major, unsigned int minor)
{
	_free_ char *path = str_printf("%s/block/devices/%s", store, name);

	return mknod(path, type | 0600, makedev(major, minor));
}

START_TEST(vhost_user)
{
	int listening;

	setup();
	if (make_node("vhostblk0", S_IFBLK, 241, 0) < 0) {
		teardown();
		return;
	}
	refused(NODE("/dev/vda", "b", 241, 0), ENOENT, "does its target run?");
	listening = listen_at("vhostblk0");
	planned(NODE("/dev/vda", "b", 241, 0), "");
	ck_assert_int_eq(plan.v[0].outcome, DEV_VHOST_BLK);
	ck_assert_ptr_nonnull(strstr(plan.v[0].source, "/block/sockets/vhostblk0"));
	refused(NODE("/dev/vda", "b", 241, 1), ENOENT, "no block node with number 241:1");
	refused(NODE("/dev/vda", "b", 242, 0), ENOENT, "no block node with number 242:0");

	/* Of the other kind, and a character device of the same number, which is none. */
	ck_assert_int_eq(make_node("vhostscsi0", S_IFBLK, 242, 5), 0);
	ck_assert_int_eq(make_node("qat", S_IFCHR, 241, 0), 0);
	close(listen_at("vhostscsi0"));
	planned(NODE("/dev/sda", "b", 242, 5) "," NODE("/dev/vda", "b", 241, 0), "");
	ck_assert_int_eq(plan.v[0].outcome, DEV_VHOST_SCSI);

	ck_assert_int_eq(make_node("again", S_IFBLK, 241, 0), 0);
	refused(NODE("/dev/vda", "b", 241, 0), EEXIST, "'again' and 'vhostblk0'");

	ck_assert_int_eq(make_node("plain", S_IFBLK, 241, 7), 0);
	write_text("store/block/sockets/plain", "");
	refused(NODE("/dev/vda", "b", 241, 7), ENOTSOCK, "is not a socket");

	options.vhost_user_store = false;
	refused(NODE("/dev/vda", "b", 241, 0), EPERM, "enable_vhost_user_store = true");
	options.vhost_user_store = true;
	options.vhost_user_store_path = "/nonexistent";
	refused(NODE("/dev/vda", "b", 241, 0), ENOENT,
		"vhost-user store '/nonexistent/block/devices'");
	close(listening);
	teardown();
}
END_TEST

/* A target that has gone is noticed before anything is started. */
START_TEST(connecting)
{
	struct err err = { 0 };
	int listening;

	setup();
	if (make_node("vhostblk0", S_IFBLK, 241, 0) < 0) {
		teardown();
		return;
	}
	listening = listen_at("vhostblk0");
	planned(NODE("/dev/vda", "b", 241, 0), "");
	unit_ok(dev_plan_open(&plan, config, &err), &err);
	ck_assert_int_ge(plan.v[0].fd, 0);
	close(listening);
	planned(NODE("/dev/vda", "b", 241, 0), "");
	unit_fails(dev_plan_open(&plan, config, &err), ECONNREFUSED, &err,
		   "linux.devices[0] '/dev/vda': vhost-user target: ");
	teardown();
}
END_TEST

/* The node must be the device: not a file in its place. */
START_TEST(not_the_device)
{
	struct err err = { 0 };

	setup();
	write_text("dev/loop3", "");
	planned(NODE("/dev/a", "b", 7, 3), "");
	unit_fails(dev_plan_open(&plan, config, &err), ENODEV, &err, "is not a block device");
	teardown();
}
END_TEST

UNIT_MAIN("devices_plan", vfio, block, readonly_by_rule, guest_nodes, vhost_user, connecting,
	  not_the_device)
