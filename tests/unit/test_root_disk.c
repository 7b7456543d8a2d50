/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts are disks that a container may have as its root. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/str.h"
#include "devices/root_disk.h"

#define HOST                                                                  \
	"21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"            \
	"22 21 0:5 / /dev rw,nosuid shared:2 - devtmpfs udev rw,size=1024k\n" \
	"23 21 0:21 / /proc rw - proc proc rw\n"
#define DISK \
	"90 21 7:3 / /b/rootfs rw,noatime shared:9 master:2 - ext4 /dev/loop3 rw,discard,stripe=4\n"

static char *root;
static struct dev_options options;
static struct root_disk disk = ROOT_DISK_INIT;

static void setup(void)
{
	_free_ char *loop = NULL, *host = NULL;
	struct err err = { 0 };

	root = unit_mkdtemp();
	options = (struct dev_options){ .root = root };
	loop = path_join(root, "sys/dev/block/7:3");
	host = path_join(root, "sys/dev/block/254:0");
	unit_ok(path_mkdirs(loop, 0755, &err), &err);
	unit_ok(path_mkdirs(host, 0755, &err), &err);
	free(loop);
	free(host);
	loop = path_join(root, "sys/dev/block/7:3/uevent");
	host = path_join(root, "sys/dev/block/254:0/uevent");
	unit_ok(io_write_file(AT_FDCWD, loop, "DEVNAME=loop3\n", 14, 0644, false, &err), &err);
	unit_ok(io_write_file(AT_FDCWD, host, "DEVNAME=vda\n", 12, 0644, false, &err), &err);
}

static void teardown(void)
{
	root_disk_done(&disk);
	unit_rmdir(root);
}

static void look(const char *mountinfo, uint64_t id, struct err *err)
{
	root_disk_done(&disk);
	unit_ok(root_disk_plan(mountinfo, id, "/b/rootfs", &options, &disk, err), err);
}

START_TEST(a_disk)
{
	_free_ char *node = NULL;
	struct err err = { 0 };

	setup();
	node = path_join(root, "dev/loop3");
	look(HOST DISK, 90, &err);
	ck_assert_str_eq(disk.path, "/b/rootfs");
	ck_assert_str_eq(disk.node, node);
	ck_assert_str_eq(disk.fstype, "ext4");
	ck_assert(disk.number == makedev(7, 3));
	ck_assert(!disk.readonly && !disk.unmounted);
	ck_assert_uint_eq(strv_len(disk.options), 2);
	ck_assert_str_eq(disk.options[0], "discard");
	ck_assert_str_eq(disk.options[1], "noatime");
	/* What it is mounted with again */
	ck_assert_uint_eq(disk.flags, MS_NOATIME);
	ck_assert_str_eq(disk.data, "discard,stripe=4");
	look(HOST "90 21 7:3 / /b/rootfs rw,nosuid,nodev,noexec,relatime - xfs /dev/loop3 "
		  "rw,sync,nouuid,noquota\n",
	     90, &err);
	ck_assert_uint_eq(disk.flags, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME);
	ck_assert_uint_eq(disk.super_flags, MS_SYNCHRONOUS);
	ck_assert_str_eq(disk.data, "nouuid,noquota");
	look(HOST "90 21 7:3 / /b/rootfs rw - ext4 /dev/loop3 rw\n", 90, &err);
	ck_assert_uint_eq(disk.flags, MS_STRICTATIME);
	ck_assert_str_eq(disk.data, "");
	look(HOST "90 21 7:3 / /b/rootfs ro,relatime - xfs /dev/loop3 rw\n", 90, &err);
	ck_assert_str_eq(disk.fstype, "xfs");
	ck_assert(disk.readonly);
	look(HOST "90 21 7:3 / /b/rootfs rw - xfs /dev/loop3 ro\n", 90, &err);
	ck_assert(disk.readonly);
	teardown();
}
END_TEST

START_TEST(no_disk)
{
	static const struct {
		const char *mountinfo, *part;
		uint64_t id;
	} cases[] = {
		/* the host's own disk: bound, and as it is */
		{ HOST "90 21 254:0 / /b/rootfs rw - ext4 /dev/vda rw\n", "mounted elsewhere", 90 },
		{ HOST "90 21 254:0 /b/rootfs /b/rootfs rw - ext4 /dev/vda rw\n", "only a part", 90 },
		{ HOST, "below it", 21 },
		{ HOST DISK "91 90 0:30 / /b/rootfs/tmp rw - tmpfs none rw\n", "below it", 90 },
		{ HOST DISK "92 21 7:3 /part /mnt rw - ext4 /dev/loop3 rw\n", "mounted elsewhere",
		  90 },
		{ HOST DISK, "not in mountinfo", 93 },
		{ HOST "90 21 0:40 / /b/rootfs rw - btrfs /dev/loop3 rw\n", "is btrfs", 90 },
		{ HOST "90 21 0:40 / /b/rootfs rw - ext4 /dev/loop3 rw\n", "no block device", 90 },
		{ HOST "90 21 0:40 / /b/rootfs rw - overlay overlay rw\n", "is overlay", 90 },
		{ HOST "90 21 7:4 / /b/rootfs rw - ext4 /dev/loop4 rw\n", "no block device 7:4", 90 },
		{ HOST DISK "garbage\n", "makes no sense", 90 },
		{ "", "not in mountinfo", 90 },
	};

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = { 0 };

		look(cases[i].mountinfo, cases[i].id, &err);
		ck_assert_msg(disk.path == NULL, "case %zu", i);
		ck_assert_msg(strstr(err.msg, cases[i].part) != NULL, "case %zu: \"%s\"", i,
			      err.msg);
	}
	teardown();
}
END_TEST

START_TEST(no_mount_point)
{
	struct err err = { 0 };
	_close_ int dir = -EBADF;

	setup();
	dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unit_ok(root_disk_find(dir, root, &options, &disk, &err), &err);
	ck_assert_ptr_null(disk.path);
	ck_assert_str_eq(err.msg, "it is no mount point");
	teardown();
}
END_TEST

UNIT_MAIN("root_disk", a_disk, no_disk, no_mount_point)
