/* SPDX-License-Identifier: Apache-2.0 */
/* Whose linux.devices are a list of the host's, and what of it stays. The host's /dev is in a directory. */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "devices/privileged.h"
#include "oci/config.h"

#define ALL "{\"allow\":true,\"access\":\"rwm\"}"
#define NONE "{\"allow\":false,\"access\":\"rwm\"}"

/* As callers list them, with some that somebody has asked for: by another path, by a link, and a number that the host has not. */
static const char devices[] = "{\"path\":\"/dev/autofs\",\"type\":\"c\",\"major\":10,\"minor\":235},"
			      "{\"path\":\"/dev/sda\",\"type\":\"b\",\"major\":8,\"minor\":0},"
			      "{\"path\":\"/dev/data\",\"type\":\"b\",\"major\":8,\"minor\":0},"
			      "{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229},"
			      "{\"path\":\"/dev/vda\",\"type\":\"b\",\"major\":241,\"minor\":0},"
			      "{\"path\":\"/dev/pipe\",\"type\":\"p\",\"major\":0,\"minor\":0},"
			      "{\"path\":\"/dev/link\",\"type\":\"b\",\"major\":8,\"minor\":0}";
static const char all[] = "/dev/autofs /dev/sda /dev/data /dev/fuse /dev/vda /dev/pipe /dev/link ";
static const char asked_for[] = "/dev/data /dev/fuse /dev/vda /dev/pipe /dev/link ";

static char *root;

static void make_host(void)
{
	static const struct {
		const char *name;
		mode_t type;
		unsigned int major, minor;
	} nodes[] = {
		{ "autofs", S_IFCHR, 10, 235 }, { "sda", S_IFBLK, 8, 0 },
		{ "fuse", S_IFCHR, 10, 229 },   { "vda", S_IFBLK, 254, 0 },
		{ "pipe", S_IFIFO, 0, 0 },
	};
	_free_ char *dev = NULL, *link = NULL;

	root = unit_mkdtemp();
	dev = str_printf("%s/dev", root);
	ck_assert_int_eq(mkdir(dev, 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		_free_ char *path = str_printf("%s/%s", dev, nodes[i].name);

		ck_assert_int_eq(mknod(path, nodes[i].type | 0600,
				       makedev(nodes[i].major, nodes[i].minor)),
				 0);
	}
	link = str_printf("%s/link", dev);
	ck_assert_int_eq(symlink("sda", link), 0);
}

static const json_t *tree_devices(const struct oci_config *c)
{
	return json_object_get(json_object_get(c->tree, "linux"), "devices");
}

/* What is left with these rules, in both forms of the configuration; the tree that it came from is as it was. */
static void is_left(const char *rules, bool without, const char *want)
{
	const struct dev_options o = { .privileged_without_host_devices = without, .root = root };
	_free_ char *text = str_printf(
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},"
		"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"network\"}],"
		"\"devices\":[%s],\"resources\":{\"devices\":[%s]}}}",
		devices, rules);
	_json_ json_t *tree = json_loads(text, 0, NULL), *copy = json_deep_copy(tree);
	struct oci_config *c = NULL;
	struct err err = { 0 };
	char have[256] = "";

	unit_ok(oci_config_from_json(tree, NULL, NULL, &c, &err), &err);
	unit_ok(dev_leave_out_hosts(c, &o, &err), &err);
	ck_assert(json_equal(tree, copy));
	ck_assert_uint_eq(json_array_size(tree_devices(c)), c->linux_->n_devices);
	for (size_t i = 0; i < c->linux_->n_devices; i++) {
		const char *path = c->linux_->devices[i].path;

		ck_assert_str_eq(js_get_str(json_array_get(tree_devices(c), i), "path"), path);
		snprintf(have + strlen(have), sizeof(have) - strlen(have), "%s ", path);
	}
	ck_assert_str_eq(have, want);
	oci_config_free(c);
}

START_TEST(list_of_the_host)
{
	make_host();
	is_left(ALL, true, asked_for);
	is_left("{\"allow\":true,\"type\":\"a\",\"major\":-1,\"minor\":-1}", true, asked_for);
	is_left(NONE "," ALL ",{\"allow\":false,\"type\":\"c\",\"major\":10,\"minor\":229}", true,
		asked_for);
	unit_rmdir(root);
}
END_TEST

START_TEST(not_privileged)
{
	make_host();
	is_left(ALL, false, all);
	is_left("", true, all);
	is_left(ALL "," NONE, true, all);
	is_left("{\"allow\":true,\"access\":\"rm\"}", true, all);
	is_left("{\"allow\":true,\"type\":\"c\",\"access\":\"rwm\"}", true, all);
	is_left("{\"allow\":true,\"major\":8,\"access\":\"rwm\"}", true, all);
	unit_rmdir(root);
}
END_TEST

UNIT_MAIN_ROOT("devices_privileged", list_of_the_host, not_privileged)
