/* SPDX-License-Identifier: Apache-2.0 */
/* Which mounts are volumes, what they become, and the locks on what they are. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/sock.h"
#include "base/str.h"
#include "devices/volume_plan.h"
#include "wire/vm_setup.h"

static char *top, *base, *image, *target;
static struct oci_config *config;
static struct volume_plan plan;

static void setup(void)
{
	_free_ char *zeros = calloc(1, 4096);
	struct err err = { 0 };

	top = unit_mkdtemp();
	base = path_join(top, "volumes");
	image = path_join(top, "disk.img");
	target = path_join(top, "target.sock");
	unit_ok(io_write_file(AT_FDCWD, image, zeros, 4096, 0600, false, &err), &err);
}

static void teardown(void)
{
	volume_plan_done(&plan);
	oci_config_free(config);
	config = NULL;
	free(base);
	free(image);
	free(target);
	unit_rmdir(top);
}

/* rest: more members, each with a comma before it. */
static void register_volume(const char *path, const char *type, const char *device, const char *rest)
{
	_free_ char *text = str_printf("{\"volume-type\":\"%s\",\"device\":\"%s\"%s}", type, device,
				       rest);
	_cleanup_(volume_info_done) struct volume_info v = { 0 };
	struct err err = { 0 };
	_close_ int all = volumes_open(base, true, &err);
	_close_ int dir = -EBADF;

	unit_ok(volume_info_parse(text, strlen(text), &v, &err), &err);
	dir = volume_write(all, path, &v, &err);
	unit_ok(dir, &err);
}

static int try_plan(const char *mounts, struct err *err)
{
	_free_ char *text = str_printf(
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},"
		"\"mounts\":[%s],\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
		"{\"type\":\"network\"}]}}",
		mounts);

	volume_plan_done(&plan);
	oci_config_free(config);
	config = NULL;
	unit_ok(oci_config_parse(text, strlen(text), NULL, NULL, &config, err), err);
	return volume_plan(config, base, &(struct dev_options){ .root = top }, &plan, err);
}

#define MOUNT(type, source, destination, options)                                         \
	"{\"type\":\"" type "\",\"source\":\"" source "\",\"destination\":\"" destination \
	"\",\"options\":[" options "]}"
#define EXT4 ",\"fstype\":\"ext4\""

START_TEST(which_mounts)
{
	struct err err = { 0 };

	setup();
	/* Nothing is registered at all */
	unit_ok(try_plan(MOUNT("bind", "/v", "/a", ""), &err), &err);
	ck_assert_uint_eq(plan.n, 0);
	register_volume("/v", "directvol", image, EXT4);
	register_volume("/w", "directvol", image, EXT4);
	register_volume("/x", "directvol", image, ",\"options\":[\"ro\"]");
	unit_ok(try_plan(MOUNT("tmpfs", "/v", "/t", "") "," MOUNT("directvol", "/v", "/a", "") "," MOUNT(
				 "none", "/w", "/b",
				 "\"rbind\",\"ro\"") "," MOUNT("bind", "/other", "/c",
							       "") "," MOUNT("bind", "/x",
									     "/dev/xvda", ""),
			 &err),
		&err);
	ck_assert_uint_eq(plan.n, 3);
	ck_assert_uint_eq(plan.v[0].index, 1);
	ck_assert_str_eq(plan.v[0].kind, VM_DEVICE_FILE);
	ck_assert(!plan.v[0].readonly && !plan.v[0].node);
	ck_assert_uint_eq(plan.v[1].index, 2);
	ck_assert(plan.v[1].readonly && !plan.v[1].node);
	ck_assert_uint_eq(plan.v[2].index, 4);
	ck_assert(plan.v[2].readonly && plan.v[2].node);
	ck_assert(!volume_plan_has(&plan, 0) && volume_plan_has(&plan, 1) &&
		  !volume_plan_has(&plan, 3));
	teardown();
}
END_TEST

static void refused(const char *mounts, int code, const char *part)
{
	struct err err = { 0 };

	unit_fails(try_plan(mounts, &err), code, &err, part);
	ck_assert_ptr_nonnull(strstr(err.msg, "mounts[0] '/"));
}

START_TEST(others_can_write)
{
	struct err err = { 0 };

	setup();
	register_volume("/v", "directvol", image, EXT4);
	ck_assert_int_eq(chmod(base, 0777), 0);
	/* That keeps nobody from sharing directories. */
	unit_ok(try_plan(MOUNT("bind", "/other", "/a", "") "," MOUNT("bind", "relative", "/b", ""),
			 &err),
		&err);
	ck_assert_uint_eq(plan.n, 0);
	unit_fails(try_plan(MOUNT("bind", "/v", "/a", ""), &err), EPERM, &err, "others can write");
	unit_fails(try_plan(MOUNT("directvol", "/other", "/a", ""), &err), EPERM, &err,
		   "others can write");
	teardown();
}
END_TEST

/* One that is in no config.json. */
START_TEST(alone)
{
	static char data[] = "/data", a[] = "/a", nowhere[] = "/nowhere", ro[] = "ro";
	char *none[] = { NULL }, *readonly[] = { ro, NULL };
	struct oci_mount m = { .source = a, .destination = data, .options = none };
	const struct dev_options o = { 0 };
	struct volume_item v = { .fd = -EBADF };
	struct err err = { 0 };
	json_t *params;

	setup();
	register_volume("/a", "directvol", image, EXT4 ",\"metadata\":{\"fsGroup\":\"5\"}");
	unit_ok(volume_item_plan(&m, base, &o, &v, &err), &err);
	ck_assert_str_eq(v.kind, VM_DEVICE_FILE);
	ck_assert(!v.readonly && !v.node && v.fd < 0);
	params = volume_item_params(&v);
	ck_assert_str_eq(js_get_str(params, "fstype"), "ext4");
	ck_assert_int_eq(js_get_int(params, "group", 0), 5);
	json_decref(params);
	unit_ok(volume_item_open(&v, &err), &err);
	ck_assert_int_ge(v.fd, 0);
	volume_item_done(&v);
	ck_assert_int_lt(v.fd, 0);
	m.options = readonly;
	unit_ok(volume_item_plan(&m, base, &o, &v, &err), &err);
	ck_assert(v.readonly);
	volume_item_done(&v);
	m.source = nowhere;
	unit_fails(volume_item_plan(&m, base, &o, &v, &err), ENOENT, &err,
		   "'/nowhere' is not registered");
	ck_assert_int_eq(remove(image), 0);
	m.source = a;
	unit_fails(volume_item_plan(&m, base, &o, &v, &err), ENOENT, &err, "volume '/a': device");
	teardown();
}
END_TEST

START_TEST(refusals)
{
	setup();
	refused(MOUNT("directvol", "/v", "/a", ""), ENODEV, "is not registered as a volume");
	refused(MOUNT("spdkvol", "", "/a", ""), EINVAL, "source is required");
	register_volume("/v", "directvol", image, "");
	refused(MOUNT("directvol", "/v", "/a", ""), EINVAL, "has no fstype");
	refused(MOUNT("directvol", "/v", "/dev", ""), EINVAL, "has no fstype");
	register_volume("/v", "directvol", image, EXT4);
	refused(MOUNT("directvol", "/v", "/a", "\"idmap\""), ENOSYS, "idmap");
	register_volume("/v", "directvol", top, EXT4);
	refused(MOUNT("directvol", "/v", "/a", ""), ENOTBLK, "neither a file nor a block device");
	register_volume("/v", "directvol", "/nonexistent", EXT4);
	refused(MOUNT("bind", "/v", "/a", ""), ENOENT, "device '/nonexistent'");
	register_volume("/v", "spdkvol", image, EXT4);
	refused(MOUNT("directvol", "/v", "/a", ""), ENOTSOCK, "is not a socket");
	register_volume("/v", "vfiovol", "0000:01:00.0", EXT4);
	refused(MOUNT("vfiovol", "/v", "/a", ""), ENODEV, "device '0000:01:00.0'");
	teardown();
}
END_TEST

/* A PCI device of a host whose /sys is below top: its group 7. */
static void add_function(const char *address, const char *class)
{
	_free_ char *dir = str_printf("%s/sys/bus/pci/devices/%s", top, address);
	_free_ char *in_group = str_printf("%s/sys/kernel/iommu_groups/7/devices", top);
	_free_ char *member = str_printf("%s/%s", in_group, address),
		    *file = path_join(dir, "class");
	_free_ char *group = path_join(dir, "iommu_group"), *driver = path_join(dir, "driver");
	struct err err = { 0 };

	unit_ok(path_mkdirs(dir, 0755, &err), &err);
	unit_ok(path_mkdirs(in_group, 0755, &err), &err);
	unit_ok(io_write_file(AT_FDCWD, file, class, strlen(class), 0644, false, &err), &err);
	ck_assert_int_eq(symlink("../../../../kernel/iommu_groups/7", group), 0);
	ck_assert_int_eq(symlink("../../../../bus/pci/drivers/vfio-pci", driver), 0);
	ck_assert_int_eq(symlink(dir, member), 0);
}

START_TEST(pci_devices)
{
	struct err err = { 0 };
	bool large = false;

	setup();
	add_function("0000:01:00.0", "0x010802\n");
	register_volume("/v", "vfiovol", "01:00.0", EXT4);
	unit_ok(try_plan(MOUNT("vfiovol", "/v", "/a", "\"ro\""), &err), &err);
	ck_assert_str_eq(plan.v[0].kind, VM_DEVICE_VFIO);
	ck_assert(plan.v[0].readonly && !plan.v[0].node);
	ck_assert_uint_eq(plan.v[0].vfio.number, 7);
	ck_assert_str_eq(plan.v[0].vfio.v[0].address, "0000:01:00.0");
	ck_assert_uint_eq(volume_plan_vfio(&plan, &large), 1);
	ck_assert(!large);
	_json_ json_t *said = volume_plan_describe(&plan, config);
	ck_assert_str_eq(js_get_str(json_array_get(said, 0), "kind"), "vfio");
	ck_assert_str_eq(js_get_str(json_array_get(said, 0), "source"), "01:00.0");
	/* There is no such node here, and perhaps no VFIO at all. */
	ck_assert_int_lt(volume_plan_open(&plan, config, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "mounts[0] '/a': volume '/v': "));
	/* By its group, and as a bare disk */
	register_volume("/v", "vfiovol", "/dev/vfio/7", "");
	unit_ok(try_plan(MOUNT("bind", "/v", "/dev/disk", ""), &err), &err);
	ck_assert(plan.v[0].node);
	add_function("0000:01:00.1", "0x020000\n");
	refused(MOUNT("vfiovol", "/v", "/dev/disk", ""), EINVAL,
		"is 2 PCI devices, and a volume is one: name it by its address, such as 0000:01:00.0");
	register_volume("/v", "vfiovol", "0000:01:00.1", EXT4);
	refused(MOUNT("vfiovol", "/v", "/a", ""), ENOTBLK, "is no disk: its PCI class is 020000");
	register_volume("/v", "vfiovol", "/dev/sda", EXT4);
	refused(MOUNT("vfiovol", "/v", "/a", ""), EINVAL, "device '/dev/sda'");
	teardown();
}
END_TEST

START_TEST(twice)
{
	struct err err = { 0 };

	setup();
	register_volume("/v", "directvol", image, EXT4);
	unit_fails(try_plan(MOUNT("directvol", "/v", "/a", "") "," MOUNT("bind", "/v", "/b", ""),
			    &err),
		   EEXIST, &err, "mounts[1] '/b': the volume is that of mounts[0]");
	teardown();
}
END_TEST

START_TEST(locks)
{
	struct volume_plan first;
	struct err err = { 0 };

	setup();
	register_volume("/v", "directvol", image, EXT4);
	register_volume("/w", "directvol", image, EXT4);
	unit_ok(try_plan(MOUNT("directvol", "/v", "/a", ""), &err), &err);
	unit_ok(volume_plan_open(&plan, config, &err), &err);
	first = plan;
	plan = (struct volume_plan){ 0 };
	unit_ok(try_plan(MOUNT("directvol", "/w", "/a", "\"ro\""), &err), &err);
	unit_fails(volume_plan_open(&plan, config, &err), EBUSY, &err,
		   "mounts[0] '/a': volume '/w': device '");
	/* The lock lasts as long as a copy of the descriptor, as QEMU has one. */
	_close_ int copy = dup(first.v[0].fd);
	volume_plan_done(&first);
	unit_fails(volume_plan_open(&plan, config, &err), EBUSY, &err, "another program holds");
	close(take_fd(copy));
	unit_ok(volume_plan_open(&plan, config, &err), &err);
	/* Read-only ones share. */
	first = plan;
	plan = (struct volume_plan){ 0 };
	unit_ok(try_plan(MOUNT("directvol", "/v", "/a", "\"ro\""), &err), &err);
	unit_ok(volume_plan_open(&plan, config, &err), &err);
	volume_plan_done(&first);
	teardown();
}
END_TEST

START_TEST(opened)
{
	struct err err = { 0 };

	setup();
	ck_assert_int_eq(truncate(image, 513), 0);
	register_volume("/v", "directvol", image, EXT4);
	unit_ok(try_plan(MOUNT("directvol", "/v", "/a", ""), &err), &err);
	unit_fails(volume_plan_open(&plan, config, &err), EINVAL, &err, "513 bytes");
	_close_ int listening = sock_listen_at(AT_FDCWD, target, &err);
	unit_ok(listening, &err);
	register_volume("/v", "spdkvol", target, EXT4);
	unit_ok(try_plan(MOUNT("spdkvol", "/v", "/a", ""), &err), &err);
	ck_assert_str_eq(plan.v[0].kind, VM_DEVICE_VHOST_BLK);
	unit_ok(volume_plan_open(&plan, config, &err), &err);
	ck_assert_int_ge(plan.v[0].fd, 0);
	teardown();
}
END_TEST

UNIT_MAIN("volume_plan", which_mounts, others_can_write, alone, refusals, pci_devices, twice, locks,
	  opened)
