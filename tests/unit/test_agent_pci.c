/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk of a PCI device becomes in config.json; any disk of this machine will do. */
#include <errno.h>
#include <fcntl.h>

#include "agent/device_config.h"
#include "agent/hotplug.h"
#include "agent/pci.h"
#include "agent/vfio.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static char **disks;
static json_t *config;

static void setup(void)
{
	_close_ int fd = open("/sys/class/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	config = json_pack("{s:{s:[{s:s, s:s}]}}", "linux", "devices", "path", "/dev/vfio/16",
			   "type", "c");
	ck_assert_msg(fd >= 0 && path_list(fd, &disks, NULL) >= 0 && disks && disks[0],
		      "this machine has no block device to test with");
}

static void teardown(void)
{
	strv_free(disks);
	disks = NULL;
	json_decref(config);
}

static const json_t *linux_of(const char *key)
{
	return json_object_get(json_object_get(config, "linux"), key);
}

START_TEST(disk)
{
	_json_ json_t *like = json_pack("{s:i, s:i, s:s}", "fileMode", 0600, "gid", 7, "path", "/x");
	char *names[2] = { NULL, NULL };
	struct pci_found found = { "block", names };
	struct err err = { 0 };

	setup();
	_free_ char *path = str_printf("/dev/%s", disks[0]), *number = NULL;
	_free_ char *file = str_printf("/sys/class/block/%s/dev", disks[0]);

	names[0] = disks[0];
	unit_ok(io_read_file(AT_FDCWD, file, 32, &number, NULL, &err), &err);
	/* Twice, as if config.json had it already: one entry, and what allows it. */
	for (int i = 0; i < 2; i++)
		unit_ok(device_config_add_pci(&found, like, config, &err), &err);
	ck_assert_uint_eq(json_array_size(linux_of("devices")), 2);
	const json_t *node = json_array_get(linux_of("devices"), 1);
	_free_ char *got = str_printf("%d:%d\n", (int)js_get_int(node, "major", -1),
				      (int)js_get_int(node, "minor", -1));
	ck_assert_str_eq(got, number);
	ck_assert_str_eq(js_get_str(node, "path"), path);
	ck_assert_str_eq(js_get_str(node, "type"), "b");
	ck_assert_int_eq(js_get_int(node, "fileMode", 0), 0600);
	ck_assert_int_eq(js_get_int(node, "gid", 0), 7);
	ck_assert_ptr_null(json_object_get(node, "uid"));
	const json_t *rules = json_object_get(linux_of("resources"), "devices");
	ck_assert_uint_eq(json_array_size(rules), 2);
	ck_assert_str_eq(js_get_str(json_array_get(rules, 0), "access"), "rwm");
	teardown();
}
END_TEST

/* What a container drives by itself, with the numbers of this machine. */
START_TEST(vfio_group)
{
	_json_ json_t *like = json_pack("{s:i, s:i}", "fileMode", 0600, "uid", 7);
	const struct vfio_node node = { .group = 3, .major = 244, .minor = 1 };
	struct err err = { 0 };

	setup();
	unit_ok(device_config_add_vfio(&node, like, config, &err), &err);
	const json_t *entry = json_array_get(linux_of("devices"), 1);
	ck_assert_str_eq(js_get_str(entry, "path"), "/dev/vfio/3");
	ck_assert_str_eq(js_get_str(entry, "type"), "c");
	ck_assert_int_eq(js_get_int(entry, "major", 0), 244);
	ck_assert_int_eq(js_get_int(entry, "minor", 0), 1);
	ck_assert_int_eq(js_get_int(entry, "fileMode", 0), 0600);
	ck_assert_int_eq(js_get_int(entry, "uid", 0), 7);
	const json_t *rule = json_array_get(json_object_get(linux_of("resources"), "devices"), 0);
	ck_assert_str_eq(js_get_str(rule, "type"), "c");
	ck_assert_str_eq(js_get_str(rule, "access"), "rwm");
	ck_assert_int_eq(js_get_int(rule, "minor", 0), 1);
	teardown();
}
END_TEST

/* An entry without its place is an error before anything of it is looked for; the host's rules are gone by then. */
START_TEST(rules_of_the_host)
{
	struct err err = { 0 };
	_json_ json_t *devices = json_pack("[{s:i, s:s}]", "index", 0, "kind", "vfio");

	config = json_pack("{s:{s:[{s:s, s:s, s:i, s:i}], s:{s:[{s:s, s:i, s:i}, {s:s, s:i, s:i}]}}}",
			   "linux", "devices", "path", "/dev/vfio/16", "type", "c", "major", 244,
			   "minor", 0, "resources", "devices", "type", "c", "major", 244, "minor",
			   0, "type", "c", "major", 244, "minor", 1);
	ck_assert_ptr_nonnull(config);
	unit_fails(device_config_apply(devices, config, &err), EINVAL, &err, "port");
	const json_t *rules = json_object_get(linux_of("resources"), "devices");
	ck_assert_uint_eq(json_array_size(rules), 1);
	ck_assert_int_eq(js_get_int(json_array_get(rules, 0), "minor", -1), 1);
	json_decref(config);
}
END_TEST

START_TEST(nothing_to_add)
{
	char name[] = "eth0", gone[] = "no-such-disk", *names[] = { name, NULL };
	struct pci_found found = { "net", names };
	struct err err = { 0 };

	setup();
	unit_ok(device_config_add_pci(&found, NULL, config, &err), &err);
	found = (struct pci_found){ NULL, NULL };
	unit_ok(device_config_add_pci(&found, NULL, config, &err), &err);
	/* A hidden path of a multipath disk has no number. */
	names[0] = gone;
	found = (struct pci_found){ "block", names };
	unit_ok(device_config_add_pci(&found, NULL, config, &err), &err);
	ck_assert_uint_eq(json_array_size(linux_of("devices")), 1);
	ck_assert_ptr_null(linux_of("resources"));
	teardown();
}
END_TEST

START_TEST(ports)
{
	struct err err = { 0 };

	unit_ok(hotplug_check_port("0000:00:04.0", &err), &err);
	unit_fails(hotplug_check_port("../../../../x", &err), EINVAL, &err, "is no PCI address");
	int major = -1, minor = -1;
	ck_assert_int_eq(hotplug_parse_dev("254:17", &major, &minor), 0);
	ck_assert(major == 254 && minor == 17);
	static const char *const wrong[] = {
		"",     "254",   ":",     "254:",         ":1",
		"-1:2", "1:2:3", "1:2\n", "4294967296:1", "11111111111111111:1"
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_int_eq(hotplug_parse_dev(wrong[i], &major, &minor), -EINVAL);
	unit_fails(hotplug_check_port("", &err), EINVAL, &err, "is no PCI address");
}
END_TEST

UNIT_MAIN("agent_pci", disk, vfio_group, rules_of_the_host, nothing_to_add, ports)
