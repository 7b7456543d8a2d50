/* SPDX-License-Identifier: Apache-2.0 */
/* What PCI devices leave in a monitor's jail, here any directory, and what is taken away again; and limits as /proc shows them. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "libruntime/memlock.h"
#include "libruntime/vfio_jail.h"
#include "tests/unit/unit.h"

static struct vfio_function two[] = { { .address = "0000:03:00.0" }, { .address = "0000:03:00.1" } },
			    one[] = { { .address = "0000:01:00.0" } };
static const struct vfio_group pair = { .number = 12, .v = two, .n = 2 },
			       disk = { .number = 10, .v = one, .n = 1 };
static char *dir;
static int root;

static void setup(void)
{
	dir = unit_mkdtemp();
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(root, 0);
}

static void teardown(void)
{
	close(root);
	unit_rmdir(dir);
}

/* The numbers of a whiteout: anybody may make such a node. */
static int make(const char *id, const struct vfio_group *g, size_t *n, struct err *err)
{
	return vfio_jail_make(root, id, g, makedev(0, 0), makedev(0, 0), geteuid(), n, err);
}

static bool is_node(const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       (st.st_mode & 07777) == 0600 && st.st_uid == geteuid();
}

static bool exists(const char *path)
{
	return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void is_link(const char *path, const char *want)
{
	char target[128];
	ssize_t n = readlinkat(root, path, target, sizeof(target) - 1);

	ck_assert_msg(n > 0, "no link '%s'", path);
	target[n] = '\0';
	ck_assert_str_eq(target, want);
}

START_TEST(made_and_cleared)
{
	struct err err = {};
	struct stat st;
	size_t n = 0;

	setup();
	/* Nothing of anybody */
	ck_assert_int_eq(mkdirat(root, "sys", 0755), 0);
	unit_ok(make("a", &disk, &n, &err), &err);
	ck_assert_uint_eq(n, 1);
	ck_assert(is_node("dev/vfio/vfio") && is_node("dev/vfio/10"));
	is_link("sys/bus/pci/devices/0000:01:00.0/iommu_group",
		"../../../../kernel/iommu_groups/10");
	ck_assert_int_eq(fstatat(root, "vfio", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	/* Each is one container's. */
	unit_fails(make("b", &disk, &n, &err), EBUSY, &err, "PCI device 0000:01:00.0");
	unit_ok(make("b", &pair, &n, &err), &err);
	ck_assert_uint_eq(n, 3);
	ck_assert(is_node("dev/vfio/12") && exists("sys/bus/pci/devices/0000:03:00.1/iommu_group"));
	/* No name but its own */
	unit_ok(vfio_jail_clear(root, "", &n, &err), &err);
	ck_assert_uint_eq(n, 3);
	unit_ok(vfio_jail_clear(root, "a", &n, &err), &err);
	ck_assert_uint_eq(n, 2);
	ck_assert(!exists("dev/vfio/10") && !exists("sys/bus/pci/devices/0000:01:00.0"));
	ck_assert(is_node("dev/vfio/vfio") && is_node("dev/vfio/12"));
	unit_ok(vfio_jail_clear(root, "b", &n, &err), &err);
	ck_assert_uint_eq(n, 0);
	ck_assert(!exists("dev/vfio/12") && !exists("dev/vfio/vfio") && !exists("vfio/0000:03:00.0"));
	/* Again, and of one that never was */
	unit_ok(vfio_jail_clear(root, "b", &n, &err), &err);
	unit_ok(make("b", &disk, &n, &err), &err);
	ck_assert_uint_eq(n, 1);
	teardown();
}
END_TEST

/* What a sandbox has had from its start has no record: it is counted, and stays. */
START_TEST(beside_those_of_the_start)
{
	struct err err = {};
	size_t n = 0;

	setup();
	close(path_mkdirs_in(root, "/sys/bus/pci/devices/0000:09:00.0", 0755, &err));
	close(path_mkdirs_in(root, "/dev/vfio", 0755, &err));
	ck_assert_int_eq(mknodat(root, "dev/vfio/vfio", S_IFCHR | 0600, makedev(0, 0)), 0);
	unit_ok(make("a", &disk, &n, &err), &err);
	ck_assert_uint_eq(n, 2);
	unit_ok(vfio_jail_clear(root, "a", &n, &err), &err);
	ck_assert_uint_eq(n, 1);
	ck_assert(exists("dev/vfio/vfio") && exists("sys/bus/pci/devices/0000:09:00.0"));
	teardown();
}
END_TEST

/* Of a command that was killed on the way; and what somebody else put there, who should not have been able to. */
START_TEST(half_made)
{
	struct err err = {};
	size_t n = 7;

	setup();
	close(path_mkdirs_in(root, "/sys/bus/pci/devices", 0755, &err));
	ck_assert_int_eq(mkdirat(root, "vfio", 0700), 0);
	ck_assert_int_eq(symlinkat("12/a", root, "vfio/0000:03:00.0"), 0);
	ck_assert_int_eq(symlinkat("../10/a", root, "vfio/0000:01:00.0"), 0);
	ck_assert_int_eq(symlinkat("12/a", root, "vfio/..%2f"), 0);
	unit_ok(vfio_jail_clear(root, "a", &n, &err), &err);
	ck_assert_uint_eq(n, 0);
	ck_assert(!exists("vfio/0000:03:00.0"));
	ck_assert(exists("vfio/0000:01:00.0") && exists("vfio/..%2f"));
	/* A link in place of the directory is not followed. */
	ck_assert_int_eq(renameat(root, "vfio", root, "elsewhere"), 0);
	ck_assert_int_eq(symlinkat("elsewhere", root, "vfio"), 0);
	unit_fails(make("a", &disk, &n, &err), ENOTDIR, &err, "jail: /vfio");
	teardown();
}
END_TEST

START_TEST(limits)
{
	static const struct {
		const char *text;
		int r;
		uint64_t soft, hard;
	} cases[] = {
		{ "Limit\nMax locked memory         65536                8388608              bytes\n",
		  0, 65536, 8388608 },
		{ "Limit\nMax locked memory         unlimited            unlimited            bytes\n",
		  0, UINT64_MAX, UINT64_MAX },
		{ "Limit\nMax locked memory         65536\n", -EINVAL, 0, 0 },
		{ "Limit\nMax locked memory         -1 -1 bytes\n", -EINVAL, 0, 0 },
		{ "Limit\nMax locked memory         1111111111111111111111111111 1 bytes\n",
		  -EINVAL, 0, 0 },
		{ "Limit\nMax file size             unlimited unlimited bytes\n", -EINVAL, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t soft = 0, hard = 0;

		ck_assert_int_eq(memlock_parse(cases[i].text, &soft, &hard), cases[i].r);
		ck_assert_uint_eq(soft, cases[i].soft);
		ck_assert_uint_eq(hard, cases[i].hard);
	}
}
END_TEST

/* This process has no child with the uid of a virtual machine. */
START_TEST(no_virtual_machine)
{
	const struct monitor_ref self = { .pid = getpid(), .pidfd = -EBADF };
	struct memlock m = MEMLOCK_INIT;
	struct err err = {};

	unit_fails(memlock_find(&self, &m, &err), ESRCH, &err, "virtual machine's process");
	ck_assert_int_eq(m.pidfd, -EBADF);
}
END_TEST

UNIT_MAIN("vfio_jail", made_and_cleared, beside_those_of_the_start, half_made, limits,
	  no_virtual_machine)
