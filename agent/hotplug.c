/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hotplug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/modules.h"
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

static int wait_for(struct search *s, struct err *err)
{
	char event[16];
	int r;

	if (strlen(s->port) != strlen("0000:00:04.0") ||
	    strspn(s->port, "0123456789abcdef:.") != strlen(s->port))
		return err_set(err, EINVAL, "\"%s\" is no PCI address", s->port);
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

static json_t *member(json_t *obj, const char *key, json_t *(*make)(void))
{
	json_t *v = json_object_get(obj, key);

	if (v && !json_is_null(v))
		return v;
	json_object_set_new(obj, key, make());
	return json_object_get(obj, key);
}

static int allow(json_t *config, int major, int minor, bool readonly, struct err *err)
{
	json_t *rules = member(member(member(config, "linux", json_object), "resources", json_object),
			       "devices", json_array);

	return json_array_append_new(rules, json_pack("{s:b, s:s, s:i, s:i, s:s}", "allow", 1,
						      "type", "b", "major", major, "minor", minor,
						      "access", readonly ? "rm" : "rwm")) < 0 ?
		       err_errno(err, ENOMEM, "linux.resources.devices") :
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
	return allow(config, major, minor, readonly, err);
}

static int translate(json_t *config, const json_t *entry, struct err *err)
{
	json_t *linux_ = json_object_get(config, "linux");
	json_t *device = json_array_get(json_object_get(linux_, "devices"),
					(size_t)js_get_int(entry, "index", -1));
	json_t *rules = member(member(linux_, "resources", json_object), "devices", json_array);
	const char *port = js_get_str(entry, "port");
	int major = 0, minor = 0, r;

	if (!json_is_object(device) || !port || !rules)
		return err_set(err, EINVAL, "devices: index and port are required");
	r = hotplug_wait_disk(port, &major, &minor, err);
	if (r < 0)
		return r;
	change_rules(rules, js_get_int(device, "major", -1), js_get_int(device, "minor", -1), major,
		     minor);
	json_object_set_new(device, "major", json_integer(major));
	json_object_set_new(device, "minor", json_integer(minor));
	return allow(config, major, minor, js_get_bool(entry, "readonly", false), err);
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
	return r;
}
