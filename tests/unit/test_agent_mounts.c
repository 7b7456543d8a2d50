/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/mount.h>

#include "agent/mount.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/unit.h"

static char *one_option[] = { NULL, NULL };

/* A configuration of these mounts; its parts are the caller's. */
static int plan(struct oci_mount *mounts, size_t n, const char *map_text, struct mount_plan *ret,
		struct err *err)
{
	struct oci_config c = { .mounts = mounts, .n_mounts = n };
	_json_ json_t *map = NULL;

	if (map_text)
		unit_ok(js_parse(map_text, strlen(map_text), NULL, &map, err), err);
	return mount_plan_build(&c, map, ret, err);
}

static struct oci_mount mount_of(const char *dest, const char *type, const char *source,
				 char **options)
{
	return (struct oci_mount){
		.destination = (char *)dest,
		.type = (char *)type,
		.source = (char *)source,
		.options = options ? options : one_option,
	};
}

START_TEST(kinds)
{
	char *rbind_ro[] = { (char *)"rbind", (char *)"ro", NULL }, *ro[] = { (char *)"ro", NULL };
	char *remount[] = { (char *)"remount", (char *)"ro", NULL };
	struct oci_mount m[] = {
		mount_of("/proc", "proc", "proc", NULL),
		mount_of("/dev", "tmpfs", "tmpfs", ro),
		mount_of("/sys/fs/cgroup", "cgroup", "cgroup", ro),
		mount_of("//a/./b/../c/", "bind", "/host/dir", rbind_ro),
		mount_of("relative", "none", "/host/file", rbind_ro),
		mount_of("/dev/mem", "bind", "/dev/mem", NULL),
		mount_of("/x", NULL, "/sys/kernel", rbind_ro),
		mount_of("/data", "ext4", "/dev/vdb", ro),
		mount_of("/y", "", NULL, remount),
	};
	/* The index of the map is that of config.mounts. */
	const char *map = "[{\"index\":4,\"source\":\"c/m4\"},{\"index\":3,\"source\":\"c/m3\"}]";
	struct mount_plan p;
	struct err err = { 0 };

	unit_ok(plan(m, ARRAY_SIZE(m), map, &p, &err), &err);
	ck_assert_uint_eq(p.n, ARRAY_SIZE(m));
	ck_assert_int_eq(p.ops[0].kind, MOUNT_FS);
	ck_assert(!p.ops[0].late_readonly);
	ck_assert_int_eq(p.ops[1].kind, MOUNT_FS);
	ck_assert(p.ops[1].late_readonly);
	ck_assert_int_eq(p.ops[2].kind, MOUNT_CGROUP);
	ck_assert(!p.ops[2].late_readonly);
	ck_assert_int_eq(p.ops[3].kind, MOUNT_BIND_SHARE);
	ck_assert_str_eq(p.ops[3].dest, "/a/c");
	ck_assert(p.ops[3].flags.recursive && p.ops[3].flags.set & MS_RDONLY);
	ck_assert_str_eq(p.ops[4].dest, "/relative");
	ck_assert_int_eq(p.ops[5].kind, MOUNT_BIND_GUEST);
	ck_assert_int_eq(p.ops[6].kind, MOUNT_BIND_GUEST);
	ck_assert_int_eq(p.ops[7].kind, MOUNT_FS);
	ck_assert_int_eq(p.ops[8].kind, MOUNT_REMOUNT);
	ck_assert(!p.bind_dev);
	for (size_t i = 0; i < p.n; i++)
		ck_assert_int_eq(p.ops[i].fd, -EBADF);
	mount_plan_done(&p);
	mount_plan_done(&p);
}
END_TEST

START_TEST(share_paths)
{
	struct oci_mount m[] = { mount_of("/a", "bind", "/dev/shm", NULL),
				 mount_of("/dev", "bind", "/x", NULL) };
	struct oci_config c = { .mounts = m, .n_mounts = 2 };
	_json_ json_t *map = json_pack("[{s:i,s:s},{s:i,s:s}]", "index", 0, "source", "m0", "index",
				       1, "source", "m1");
	struct mount_plan p;
	struct err err = { 0 };

	/* What the host shares goes before what the guest has under that name. */
	unit_ok(mount_plan_build(&c, map, &p, &err), &err);
	ck_assert_int_eq(p.ops[0].kind, MOUNT_BIND_SHARE);
	ck_assert_str_eq(p.ops[0].share_path, "m0");
	ck_assert_str_eq(p.ops[1].share_path, "m1");
	ck_assert(p.bind_dev);
	mount_plan_done(&p);
}
END_TEST

static void expect_refused(struct oci_mount m, int code, const char *msg)
{
	struct mount_plan p = { 0 };
	struct err err = { 0 };

	ck_assert_int_eq(plan(&m, 1, NULL, &p, &err), -code);
	ck_assert_str_eq(err.msg, msg);
	ck_assert_ptr_null(p.ops);
}

START_TEST(refused)
{
	char *idmap[] = { (char *)"idmap", NULL }, *bind[] = { (char *)"bind", NULL };

	expect_refused(
		mount_of("/mnt", "bind", "/nonexistent", NULL), ENOENT,
		"error mounting \"/nonexistent\" to rootfs at \"/mnt\": stat /nonexistent: no such file or directory");
	expect_refused(
		mount_of("/mnt", "bind", "/processes", NULL), ENOENT,
		"error mounting \"/processes\" to rootfs at \"/mnt\": stat /processes: no such file or directory");
	expect_refused(
		mount_of("/mnt", "bind", "/proc/../etc", NULL), ENOENT,
		"error mounting \"/proc/../etc\" to rootfs at \"/mnt\": stat /proc/../etc: no such file or directory");
	expect_refused(mount_of("/mnt", NULL, "x", NULL), EINVAL,
		       "error mounting \"x\" to rootfs at \"/mnt\": mount type is missing");
	expect_refused(
		mount_of("/mnt", "tmpfs", "x", idmap), ENOSYS,
		"error mounting \"x\" to rootfs at \"/mnt\": option \"idmap\" is not supported");
	expect_refused(
		mount_of("/proc", "tmpfs", "x", NULL), EINVAL,
		"error mounting \"x\" to rootfs at \"/proc\": \"/proc\" cannot be mounted because it is not of type proc");
	expect_refused(
		mount_of("/./proc/self/../self/attr", "tmpfs", "x", NULL), EINVAL,
		"error mounting \"x\" to rootfs at \"/./proc/self/../self/attr\": \"/proc/self/attr\" cannot be mounted because it is inside /proc");
	expect_refused(
		mount_of("proc/sys", NULL, "/sys", bind), EINVAL,
		"error mounting \"/sys\" to rootfs at \"proc/sys\": \"/proc/sys\" cannot be mounted because it is inside /proc");
}
END_TEST

START_TEST(in_proc)
{
	char *bind[] = { (char *)"bind", NULL };
	struct oci_mount m[] = {
		mount_of("/proc/cpuinfo", NULL, "/dev/null", bind),
		mount_of("/proc/net/dev", NULL, "/dev/null", bind),
		mount_of("/proc", NULL, "/proc", bind),
		mount_of("/process", "tmpfs", "t", NULL),
	};
	struct mount_plan p;
	struct err err = { 0 };

	unit_ok(plan(m, ARRAY_SIZE(m), NULL, &p, &err), &err);
	mount_plan_done(&p);
}
END_TEST

START_TEST(volumes)
{
	char *rbind[] = { (char *)"rbind", NULL };
	struct oci_mount m[] = {
		mount_of("/data", "directvol", "/kubelet/v", rbind),
		mount_of("/more", "spdkvol", "/kubelet/w", NULL),
		mount_of("/dev/xvda", "bind", "/kubelet/x", NULL),
	};
	struct oci_config c = { .mounts = m, .n_mounts = ARRAY_SIZE(m) };
	_json_ json_t *map = json_pack("[{s:i, s:s, s:b}, {s:i, s:s, s:b}, {s:i, s:s, s:b}]",
				       "index", 1, "volume", "vdb", "node", 0, "index", 0, "volume",
				       "vda", "node", 0, "index", 2, "volume", "vdc", "node", 1);
	struct mount_plan p;
	struct err err = { 0 };

	unit_ok(mount_plan_build(&c, map, &p, &err), &err);
	ck_assert(p.volumes);
	ck_assert_int_eq(p.ops[0].kind, MOUNT_BIND_VOLUME);
	ck_assert_str_eq(p.ops[0].share_path, "vda");
	ck_assert_int_eq(p.ops[1].kind, MOUNT_BIND_VOLUME);
	ck_assert_str_eq(p.ops[1].share_path, "vdb");
	ck_assert_int_eq(p.ops[2].kind, MOUNT_NOTHING);
	mount_plan_done(&p);
}
END_TEST

UNIT_MAIN("agent_mounts", volumes, kinds, share_paths, refused, in_proc)
