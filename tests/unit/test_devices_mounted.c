/* SPDX-License-Identifier: Apache-2.0 */
/* Bind mounts of device nodes, which are in the bundle's directory here. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "devices/mounted.h"
#include "oci/config.h"

#define PLAIN "{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"disk\"}"
#define RW                                                                                   \
	"{\"destination\":\"/dev/xvda\",\"type\":\"bind\",\"source\":\"disk\",\"options\":[" \
	"\"rbind\"]}"
#define RO                                                                                   \
	"{\"destination\":\"/mnt/../b\",\"type\":\"none\",\"source\":\"link\",\"options\":[" \
	"\"bind\",\"ro\"]}"
#define NULL_DEVICE \
	"{\"destination\":\"/etc/x\",\"type\":\"bind\",\"source\":\"/dev/null\",\"options\":[]}"
#define FILE_MOUNT "{\"destination\":\"/f\",\"type\":\"bind\",\"source\":\"file\",\"options\":[]}"

static char *dir;
static int bundle;

static void make_bundle(void)
{
	dir = unit_mkdtemp();
	bundle = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(bundle, 0);
	umask(0);
	ck_assert_int_eq(mknodat(bundle, "disk", S_IFBLK | 0640, makedev(7, 1000)), 0);
	ck_assert_int_eq(fchownat(bundle, "disk", 0, 6, 0), 0);
	ck_assert_int_eq(symlinkat("disk", bundle, "link"), 0);
	ck_assert_int_eq(mknodat(bundle, "file", S_IFREG | 0600, 0), 0);
}

static void remove_bundle(void)
{
	fd_close(bundle);
	unit_rmdir(dir);
}

/* linux: members of it. */
static struct oci_config *parse(const char *mounts, const char *linux_)
{
	_free_ char *text = str_printf(
		"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"process\":{\"args\":[\"x\"],\"cwd\":\"/\"},"
		"\"mounts\":[%s],\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"network\"}]%s}}",
		mounts, linux_);
	struct oci_config *c = NULL;
	struct err err = { 0 };

	unit_ok(oci_config_parse(text, strlen(text), NULL, NULL, &c, &err), &err);
	return c;
}

START_TEST(become_devices)
{
	static const char rest[] =
		",\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229}],"
		"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],\"pids\":{\"limit\":7}}";
	struct oci_config *c;
	const json_t *rules;
	struct err err = { 0 };

	make_bundle();
	c = parse(PLAIN "," RW "," FILE_MOUNT "," RO "," NULL_DEVICE, rest);
	unit_ok(dev_take_mounted(&c, bundle, &err), &err);
	ck_assert_uint_eq(c->n_mounts, 2);
	ck_assert_str_eq(c->mounts[0].destination, "/tmp");
	ck_assert_str_eq(c->mounts[1].destination, "/f");
	ck_assert_uint_eq(json_array_size(json_object_get(c->tree, "mounts")), 2);
	ck_assert_uint_eq(c->linux_->n_devices, 4);
	ck_assert_uint_eq(c->linux_->n_mounted, 3);
	const struct oci_device *d = c->linux_->devices;
	ck_assert_str_eq(d[0].path, "/dev/fuse");
	ck_assert_str_eq(d[1].path, "/dev/xvda");
	ck_assert_str_eq(d[1].type, "b");
	ck_assert_int_eq(d[1].major, 7);
	ck_assert_int_eq(d[1].minor, 1000);
	ck_assert_uint_eq(d[1].file_mode, 0640);
	ck_assert_uint_eq(d[1].gid, 6);
	ck_assert_str_eq(d[2].path, "/b");
	ck_assert_int_eq(d[2].minor, 1000);
	ck_assert_str_eq(d[3].path, "/etc/x");
	ck_assert_str_eq(d[3].type, "c");
	rules = json_object_get(c->linux_->resources, "devices");
	ck_assert_uint_eq(json_array_size(rules), 4);
	ck_assert_str_eq(js_get_str(json_array_get(rules, 1), "access"), "rwm");
	ck_assert_str_eq(js_get_str(json_array_get(rules, 2), "access"), "rm");
	ck_assert_int_eq(js_get_int(json_object_get(c->linux_->resources, "pids"), "limit", 0), 7);
	oci_config_free(c);
	remove_bundle();
}
END_TEST

START_TEST(others_stay)
{
	struct oci_config *c, *before;
	struct err err = { 0 };

	make_bundle();
	before = c = parse(PLAIN "," FILE_MOUNT, "");
	unit_ok(dev_take_mounted(&c, bundle, &err), &err);
	ck_assert_ptr_eq(c, before);
	ck_assert_uint_eq(c->n_mounts, 2);
	oci_config_free(c);
	/* Without linux.devices and linux.resources. */
	c = parse(RW, "");
	unit_ok(dev_take_mounted(&c, bundle, &err), &err);
	ck_assert_uint_eq(c->n_mounts, 0);
	ck_assert_uint_eq(c->linux_->n_devices, 1);
	oci_config_free(c);
	remove_bundle();
}
END_TEST

START_TEST(refused)
{
	struct oci_config *c;
	struct err err = { 0 };

	make_bundle();
	c = parse(PLAIN "," RW,
		  ",\"devices\":[{\"path\":\"/dev/xvda\",\"type\":\"b\",\"major\":8,\"minor\":0}]");
	unit_fails(dev_take_mounted(&c, bundle, &err), EEXIST, &err,
		   "mounts[1] '/dev/xvda': linux.devices[0] has the same path");
	ck_assert_uint_eq(c->n_mounts, 2);
	oci_config_free(c);
	remove_bundle();
}
END_TEST

UNIT_MAIN_ROOT("devices_mounted", become_devices, others_stay, refused)
