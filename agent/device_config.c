/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/hotplug.h"
#include "agent/pci.h"
#include "agent/vfio.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/str.h"

/* ---- rules and limits ---- */

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

static json_t *devices_of(json_t *config)
{
	return member(member(config, "linux", json_object), "devices", json_array);
}

/* One more rule. type: "b" or "c" */
static int allow(json_t *config, const char *type, int major, int minor, const char *access,
		 struct err *err)
{
	json_t *rule = json_pack("{s:b, s:s, s:i, s:i, s:s}", "allow", 1, "type", type, "major",
				 major, "minor", minor, "access", access);

	return rule && json_array_append_new(rules_of(config), rule) == 0 ?
		       0 :
		       err_set(err, EINVAL, "linux.resources.devices is no array");
}

int device_config_add_disk(json_t *config, const char *path, uint32_t gid, int major, int minor,
			   bool readonly, struct err *err)
{
	if (json_array_append_new(devices_of(config),
				  json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:I}", "path", path,
					    "type", "b", "major", major, "minor", minor, "fileMode",
					    0660, "uid", 0, "gid", (json_int_t)gid)) < 0)
		return err_errno(err, ENOMEM, "linux.devices");
	return allow(config, "b", major, minor, readonly ? "rm" : "rwm", err);
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
	return allow(config, "b", major, minor, readonly ? "rm" : "rwm", err);
}

/* ---- entries that are PCI devices ---- */

/* One with mode and owner of `like`. */
static int add_node(json_t *config, const char *path, const json_t *like, const char *type,
		    int major, int minor, struct err *err)
{
	static const char *const kept[] = { "fileMode", "uid", "gid" };
	json_t *node = json_pack("{s:s, s:s, s:i, s:i}", "path", path, "type", type, "major", major,
				 "minor", minor);

	for (size_t i = 0; node && i < ARRAY_SIZE(kept); i++) {
		json_t *value = json_object_get(like, kept[i]);

		if (value && json_object_set(node, kept[i], value) < 0) {
			json_decref(node);
			node = NULL;
		}
	}
	return node && json_array_append_new(devices_of(config), node) == 0 ?
		       0 :
		       err_errno(err, ENOMEM, "linux.devices");
}

static int add_pci_disk(const char *name, const json_t *like, json_t *config, struct err *err)
{
	_free_ char *path = str_printf("/dev/%s", name);
	int major = 0, minor = 0, r;

	if (!path)
		return err_errno(err, ENOMEM, "PCI device");
	r = pci_disk_numbers(name, &major, &minor, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!js_find(devices_of(config), "path", path))
		r = add_node(config, path, like, "b", major, minor, err);
	return r < 0 ? r : allow(config, "b", major, minor, "rwm", err);
}

int device_config_add_pci(const struct pci_found *f, const json_t *like, json_t *config,
			  struct err *err)
{
	int r = 0;

	if (!f->class || strcmp(f->class, "block") != 0)
		return 0;
	for (char **name = f->names; r >= 0 && *name; name++)
		r = add_pci_disk(*name, like, config, err);
	return r;
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
}

static int translate_pci(json_t *config, json_t *device, const char *port, struct err *err)
{
	_cleanup_(pci_found_done) struct pci_found found = { 0 };
	int r = pci_wait(port, &found, err);

	return r < 0 ? r : device_config_add_pci(&found, device, config, err);
}

/* The number of the group is the guest's: that is where a program which has found the device in sysfs looks. */
int device_config_add_vfio(const struct vfio_node *node, const json_t *like, json_t *config,
			   struct err *err)
{
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/dev/vfio/%u", node->group);
	r = add_node(config, path, like, "c", node->major, node->minor, err);
	return r < 0 ? r : allow(config, "c", node->major, node->minor, "rwm", err);
}

/* What groups are put into. */
static int add_container(json_t *config, struct err *err)
{
	static const char path[] = "/dev/vfio/vfio";
	int major = 0, minor = 0, r = vfio_container(&major, &minor, err);

	if (r >= 0 && !js_find(devices_of(config), "path", path))
		r = add_node(config, path, NULL, "c", major, minor, err);
	return r < 0 ? r : allow(config, "c", major, minor, "rwm", err);
}

static int translate_vfio(json_t *config, json_t *device, const char *port, struct err *err)
{
	struct vfio_node node = { 0 };
	int r = vfio_take(port, &node, err);

	if (r >= 0)
		r = add_container(config, err);
	return r < 0 ? r : device_config_add_vfio(&node, device, config, err);
}

static bool is_kind(const json_t *entry, const char *want)
{
	const char *kind = js_get_str(entry, "kind");

	return kind && strcmp(kind, want) == 0;
}

static json_t *entry_device(json_t *config, const json_t *entry)
{
	return json_array_get(json_object_get(json_object_get(config, "linux"), "devices"),
			      (size_t)js_get_int(entry, "index", -1));
}

static int translate(json_t *config, const json_t *entry, struct err *err)
{
	json_t *device = entry_device(config, entry);
	const char *port = js_get_str(entry, "port");

	if (!json_is_object(device) || !port)
		return err_set(err, EINVAL, "devices: index and port are required");
	if (is_kind(entry, "pci"))
		return translate_pci(config, device, port, err);
	if (is_kind(entry, "vfio"))
		return translate_vfio(config, device, port, err);
	return translate_disk(config, device, port, js_get_bool(entry, "readonly", false), err);
}

/* Does some entry say that linux.devices[index] is PCI devices? */
static bool is_given(const json_t *devices, size_t index)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(devices, i, entry)
		if ((is_kind(entry, "pci") || is_kind(entry, "vfio")) &&
		    js_get_int(entry, "index", -1) == (json_int_t)index)
			return true;
	return false;
}

int device_config_apply(const json_t *devices, json_t *config, struct err *err)
{
	const json_t *entry;
	size_t i;
	int r = 0;

	/* Before any of the guest's numbers is there, which may be one of them. */
	json_array_foreach(devices, i, entry)
		if ((is_kind(entry, "pci") || is_kind(entry, "vfio")) &&
		    json_is_object(entry_device(config, entry)))
			forget_node(config, entry_device(config, entry));
	json_array_foreach(devices, i, entry) {
		r = translate(config, entry, err);
		if (r < 0)
			return err_wrap(err, "linux.devices[%d]",
					(int)js_get_int(entry, "index", -1));
	}
	/* Only now, and from the last one, since entries are named by their index. */
	for (i = devices ? json_array_size(devices_of(config)) : 0; i-- > 0;)
		if (is_given(devices, i))
			json_array_remove(devices_of(config), i);
	return r;
}
