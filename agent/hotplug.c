/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hotplug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/modules.h"
#include "agent/pci.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/num.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define TIMEOUT_MS 20000
#define MAX_DEPTH 7 /* port/device/virtio0/host0/target0:0:0/0:0:0:0/block */

/* What is looked for behind a port: the attribute `file` of the first child of a directory `class`. */
struct search {
	const char *port, *class, *file;
	char text[32];
};

static int open_dir(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int read_attribute(int dirfd, const char *child, struct search *s)
{
	_free_ char *text = NULL;
	char path[300];
	size_t len = 0;
	int r;

	snprintf(path, sizeof(path), "%s/%s", child, s->file);
	r = io_read_file(dirfd, path, sizeof(s->text) - 1, &text, &len, NULL);
	if (r >= 0) {
		memcpy(s->text, text, len + 1);
		s->text[strcspn(s->text, "\n")] = '\0';
	}
	return r;
}

/* Takes fd. inside: it is a directory of the class. -ENOENT: nothing yet. */
static int search(int fd, int depth, bool inside, struct search *s)
{
	DIR *dir = fdopendir(fd);
	int r = -ENOENT;

	if (!dir) {
		close(fd);
		return -ENOENT;
	}
	for (struct dirent *d; r == -ENOENT && (d = readdir(dir));) {
		if (d->d_name[0] == '.' || d->d_type != DT_DIR)
			continue;
		if (inside) {
			r = read_attribute(dirfd(dir), d->d_name, s);
		} else if (depth < MAX_DEPTH) {
			int child = open_dir(dirfd(dir), d->d_name);

			if (child >= 0)
				r = search(child, depth + 1, !strcmp(d->d_name, s->class), s);
		}
	}
	closedir(dir);
	return r;
}

static int look(void *data, struct err *err)
{
	struct search *s = data;
	char path[64];
	int fd;

	/* The port's entry is a symbolic link of the kernel's. */
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/.", s->port);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -ENOENT : search(fd, 0, false, s);
}

int hotplug_check_port(const char *port, struct err *err)
{
	if (strlen(port) != strlen("0000:00:04.0") ||
	    strspn(port, "0123456789abcdef:.") != strlen(port))
		return err_set(err, EINVAL, "\"%s\" is no PCI address", port);
	return 0;
}

static int wait_for(struct search *s, struct err *err)
{
	char event[16];
	int r;

	r = hotplug_check_port(s->port, err);
	if (r < 0)
		return r;
	snprintf(event, sizeof(event), "/%s/", s->class);
	r = uevent_until(event, look, s, TIMEOUT_MS, err);
	if (r == -ETIMEDOUT)
		return err_set(err, ENODEV,
			       "the guest has found no %s device behind port %s after %d ms",
			       s->class, s->port, TIMEOUT_MS);
	return r;
}

int hotplug_wait_net(const char *port, int *ret_index, struct err *err)
{
	struct search s = { .port = port, .class = "net", .file = "ifindex" };
	int r;

	modules_load("net");
	r = wait_for(&s, err);
	if (r >= 0 && num_int(s.text, 1, INT32_MAX, ret_index) < 0)
		return err_set(err, EIO, "interface behind port %s: no index", port);
	return r;
}

int hotplug_wait_disk(const char *port, int *ret_major, int *ret_minor, struct err *err)
{
	struct search s = { .port = port, .class = "block", .file = "dev" };
	int r;

	modules_load("blk");
	r = wait_for(&s, err);
	if (r < 0)
		return r;
	char *minor = strchr(s.text, ':');
	if (minor)
		*minor++ = '\0';
	if (!minor || num_int(s.text, 0, INT32_MAX, ret_major) < 0 ||
	    num_int(minor, 0, INT32_MAX, ret_minor) < 0)
		return err_set(err, EIO, "disk behind port %s: no numbers", port);
	return 0;
}

/* Rules about the host's number are about the guest's. */
static void change_rules(json_t *rules, json_int_t old_major, json_int_t old_minor, int major,
			 int minor)
{
	json_t *rule;
	size_t i;

	json_array_foreach(rules, i, rule) {
		const char *type = js_get_str(rule, "type");

		if (!type || strcmp(type, "b") != 0 || js_get_int(rule, "major", -1) != old_major ||
		    js_get_int(rule, "minor", -1) != old_minor)
			continue;
		json_object_set_new(rule, "major", json_integer(major));
		json_object_set_new(rule, "minor", json_integer(minor));
	}
}

/* Limits of block devices are about those that the container has been given. */
static void change_throttles(json_t *block_io, json_int_t old_major, json_int_t old_minor,
			     int major, int minor)
{
	static const char *const lists[] = { "weightDevice", "throttleReadBpsDevice",
					     "throttleWriteBpsDevice", "throttleReadIOPSDevice",
					     "throttleWriteIOPSDevice" };

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		json_t *device;
		size_t i;

		json_array_foreach(json_object_get(block_io, lists[l]), i, device) {
			if (js_get_int(device, "major", -1) != old_major ||
			    js_get_int(device, "minor", -1) != old_minor)
				continue;
			json_object_set_new(device, "major", json_integer(major));
			json_object_set_new(device, "minor", json_integer(minor));
		}
	}
}

static json_t *member(json_t *obj, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(obj, key);

	if (v && !json_is_null(v))
		return v;
	json_object_set_new(obj, key, make());
	return json_object_get(obj, key);
}

static json_t *rules_of(json_t *config)
{
	return member(member(member(config, "linux", json_object), "resources", json_object),
		      "devices", json_array);
}

int hotplug_allow(json_t *config, int major, int minor, const char *access, struct err *err)
{
	json_t *rule = json_pack("{s:b, s:s, s:i, s:i, s:s}", "allow", 1, "type", "b", "major",
				 major, "minor", minor, "access", access);

	return json_array_append_new(rules_of(config), rule) < 0 ?
		       err_set(err, EINVAL, "linux.resources.devices is no array") :
		       0;
}

int hotplug_add_node(json_t *config, const char *path, uint32_t gid, int major, int minor,
		     bool readonly, struct err *err)
{
	json_t *devices = member(member(config, "linux", json_object), "devices", json_array);

	if (json_array_append_new(devices,
				  json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:I}", "path", path,
					    "type", "b", "major", major, "minor", minor, "fileMode",
					    0660, "uid", 0, "gid", (json_int_t)gid)) < 0)
		return err_errno(err, ENOMEM, "linux.devices");
	return hotplug_allow(config, major, minor, readonly ? "rm" : "rwm", err);
}

static int translate_disk(json_t *config, json_t *device, const char *port, bool readonly,
			  struct err *err)
{
	int major = 0, minor = 0, r;

	r = hotplug_wait_disk(port, &major, &minor, err);
	if (r < 0)
		return r;
	change_rules(rules_of(config), js_get_int(device, "major", -1),
		     js_get_int(device, "minor", -1), major, minor);
	change_throttles(
		json_object_get(json_object_get(json_object_get(config, "linux"), "resources"),
				"blockIO"),
		js_get_int(device, "major", -1), js_get_int(device, "minor", -1), major, minor);
	json_object_set_new(device, "major", json_integer(major));
	json_object_set_new(device, "minor", json_integer(minor));
	return hotplug_allow(config, major, minor, readonly ? "rm" : "rwm", err);
}

/* The host's node has no meaning in the guest, and its number may be another device's there. */
static void forget_node(json_t *config, json_t *device)
{
	json_t *rules = rules_of(config), *rule;
	json_int_t major = js_get_int(device, "major", -1), minor = js_get_int(device, "minor", -1);

	for (size_t i = json_array_size(rules); i-- > 0;) {
		rule = json_array_get(rules, i);
		if (js_get_int(rule, "major", -1) == major &&
		    js_get_int(rule, "minor", -1) == minor && js_get_str(rule, "type") &&
		    strcmp(js_get_str(rule, "type"), "c") == 0)
			json_array_remove(rules, i);
	}
	json_object_set_new(device, "given", json_true());
}

static int translate_pci(json_t *config, json_t *device, const char *port, struct err *err)
{
	_cleanup_(pci_found_done) struct pci_found found = { 0 };
	int r = pci_wait(port, &found, err);

	if (r >= 0)
		r = pci_add_disks(&found, device, config, err);
	if (r >= 0)
		forget_node(config, device);
	return r;
}

static int translate(json_t *config, const json_t *entry, struct err *err)
{
	json_t *device = json_array_get(json_object_get(json_object_get(config, "linux"), "devices"),
					(size_t)js_get_int(entry, "index", -1));
	const char *port = js_get_str(entry, "port"), *kind = js_get_str(entry, "kind");

	if (!json_is_object(device) || !port)
		return err_set(err, EINVAL, "devices: index and port are required");
	if (kind && strcmp(kind, "pci") == 0)
		return translate_pci(config, device, port, err);
	return translate_disk(config, device, port, js_get_bool(entry, "readonly", false), err);
}

/* Only now, since entries are named by their index. */
static void drop_given(json_t *config)
{
	json_t *devices = json_object_get(json_object_get(config, "linux"), "devices");

	for (size_t i = json_array_size(devices); i-- > 0;)
		if (json_object_get(json_array_get(devices, i), "given"))
			json_array_remove(devices, i);
}

int hotplug_devices(const json_t *devices, json_t *config, struct err *err)
{
	const json_t *entry;
	size_t i;
	int r = 0;

	json_array_foreach(devices, i, entry) {
		r = translate(config, entry, err);
		if (r < 0)
			return err_wrap(err, "linux.devices[%d]",
					(int)js_get_int(entry, "index", -1));
	}
	drop_given(config);
	return r;
}
