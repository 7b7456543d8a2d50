/* SPDX-License-Identifier: Apache-2.0 */
/* The devices that a container may use, and disks that come and go while it runs: device.add, device.remove. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/container.h"
#include "agent/device_filter.h"
#include "agent/devices.h"
#include "agent/hotplug.h"
#include "agent/server.h"
#include "agent/volume.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"

struct added_device {
	struct added_device *next;
	char *path;
	int major, minor;
	json_t *rule; /* in c->resources, borrowed */
};

static void added_free(struct added_device *d)
{
	free(d->path);
	free(d);
}

int container_limit_devices(struct container *c, struct err *err)
{
	return c->cgroup < 0 ? 0 :
			       device_filter_attach(c->cgroup, c->resources, &c->device_filter, err);
}

void container_forget_devices(struct container *c)
{
	struct added_device *d;

	while ((d = c->added)) {
		c->added = d->next;
		added_free(d);
	}
	json_decref(c->resources);
	c->resources = NULL;
	c->device_filter = fd_close(c->device_filter);
}

/* ---- rules ---- */

static json_t *rules_of(struct container *c)
{
	json_t *rules;

	if (!c->resources)
		c->resources = json_object();
	rules = json_object_get(c->resources, "devices");
	if (json_is_array(rules))
		return rules;
	json_object_set_new(c->resources, "devices", json_array());
	return json_object_get(c->resources, "devices");
}

/* A container without a filter may use everything already. */
static int apply_rules(struct container *c, struct err *err)
{
	return c->device_filter < 0 ? 0 : container_limit_devices(c, err);
}

static void drop_rule(struct container *c, const json_t *rule)
{
	json_t *rules = rules_of(c);

	for (size_t i = json_array_size(rules); i-- > 0;)
		if (json_array_get(rules, i) == rule)
			json_array_remove(rules, i);
}

/* The last rule that fits counts, so this one comes last. */
static int allow(struct container *c, struct added_device *d, bool readonly, struct err *err)
{
	json_t *rule = json_pack("{s:b, s:s, s:i, s:i, s:s}", "allow", 1, "type", "b", "major",
				 d->major, "minor", d->minor, "access", readonly ? "rm" : "rwm");
	int r;

	if (!rule || json_array_append_new(rules_of(c), rule) < 0)
		return err_errno(err, ENOMEM, "device rules");
	r = apply_rules(c, err);
	if (r < 0)
		drop_rule(c, rule);
	else
		d->rule = rule;
	return r;
}

static int disallow(struct container *c, struct added_device *d, struct err *err)
{
	drop_rule(c, d->rule);
	d->rule = NULL;
	return apply_rules(c, err);
}

/* ---- nodes ---- */

/* As its first process sees it: files can be made through the descriptor without entering the mount namespace. */
static int open_root(const struct container *c, struct err *err)
{
	char path[32];
	int fd;

	if (!c->init || c->init->state == PROCESS_EXITED)
		return err_set(err, ESRCH, "container not running");
	snprintf(path, sizeof(path), "%d/root", (int)c->init->pid);
	fd = openat(c->agent->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "root of the container") : fd;
}

static struct added_device *find(const struct container *c, const char *path)
{
	struct added_device *d = c->added;

	while (d && strcmp(d->path, path) != 0)
		d = d->next;
	return d;
}

/* ---- device.add ---- */

static int parse_node(const json_t *params, struct oci_device *ret, struct err *err)
{
	static char type[] = "b";
	const char *path = server_str(params, "path", err);
	int r;

	if (!path)
		return -EINVAL;
	if (path[0] != '/' || strlen(path) >= PATH_MAX)
		return err_set(err, EINVAL, "path: an absolute path is required");
	*ret = (struct oci_device){ .type = type, .path = (char *)path, .has_file_mode = true };
	r = server_u32(params, "fileMode", 07777, &ret->file_mode, err);
	if (r >= 0)
		r = server_u32(params, "uid", UINT32_MAX - 1, &ret->uid, err);
	return r < 0 ? r : server_u32(params, "gid", UINT32_MAX - 1, &ret->gid, err);
}

static int add(struct container *c, struct added_device *d, struct oci_device *node, bool readonly,
	       struct err *err)
{
	_close_ int root = open_root(c, err);
	int r = root < 0 ? root : allow(c, d, readonly, err);

	if (r < 0)
		return r;
	node->major = d->major;
	node->minor = d->minor;
	r = devices_add_node(root, node, err);
	if (r < 0)
		(void)disallow(c, d, NULL);
	return r;
}

static int check_can_add(const struct container *c, const char *path, struct err *err)
{
	if (c->state == CONTAINER_CREATING || c->state == CONTAINER_STOPPED || c->deleting)
		return err_set(err, ESRCH, "container not running");
	/* Its own mounts have no devices: those of others' namespaces are the kernel's to refuse (SB_I_NODEV). */
	if (c->namespaces & CLONE_NEWUSER)
		return err_set(err, ENOTSUP,
			       "a container with a user namespace gets no devices while it runs");
	if (find(c, path))
		return err_set(err, EEXIST, "device %s is there already", path);
	return 0;
}

CONTAINER_REQUEST(container_add_device)
{
	struct container *c = container_param(a, params, err);
	const char *port = c ? server_str(params, "port", err) : NULL;
	struct oci_device node;
	struct added_device *d;
	int r;

	(void)asked;
	if (!c)
		return -ENOENT;
	if (!port)
		return -EINVAL;
	r = parse_node(params, &node, err);
	if (r >= 0)
		r = check_can_add(c, node.path, err);
	if (r < 0)
		return r;
	d = calloc(1, sizeof(*d));
	if (d)
		d->path = strdup(node.path);
	if (!d || !d->path)
		r = err_errno(err, ENOMEM, "device");
	if (r >= 0)
		r = hotplug_wait_disk(port, &d->major, &d->minor, err);
	if (r >= 0)
		r = add(c, d, &node, js_get_bool(params, "readonly", false), err);
	if (r < 0) {
		if (d)
			added_free(d);
		return r;
	}
	d->next = c->added;
	c->added = d;
	*ret_result = json_pack("{s:i, s:i}", "major", d->major, "minor", d->minor);
	return 0;
}

/* ---- device.remove ---- */

/* Mounted, swapped on, or part of another device: whoever has it so has it alone. */
static int check_idle(const struct added_device *d, struct err *err)
{
	char name[32];

	/* It may have gone by itself: then nobody uses it. */
	return volume_disk_name(d->major, d->minor, name, NULL) >= 0 && volume_disk_busy(name) ?
		       err_set(err, EBUSY, "device %s is in use in the container", d->path) :
		       0;
}

static void unlink_added(struct container *c, struct added_device *d)
{
	struct added_device **p = &c->added;

	while (*p != d)
		p = &(*p)->next;
	*p = d->next;
	added_free(d);
}

CONTAINER_REQUEST(container_remove_device)
{
	struct container *c = container_param(a, params, err);
	const char *path = c ? server_str(params, "path", err) : NULL;
	struct added_device *d = path ? find(c, path) : NULL;
	_close_ int root = -EBADF;
	int r = 0;

	(void)asked;
	(void)ret_result;
	if (!c || !path)
		return c ? -EINVAL : -ENOENT;
	if (!d)
		return err_set(err, ENOENT, "there is no such device");
	if (!js_get_bool(params, "force", false))
		r = check_idle(d, err);
	if (r < 0)
		return r;
	/* Without a first process nobody is there to see the node. */
	root = open_root(c, NULL);
	if (root >= 0)
		r = devices_remove_node(root, d->path,
					makedev((unsigned int)d->major, (unsigned int)d->minor),
					err);
	if (r >= 0)
		r = disallow(c, d, err);
	if (r >= 0)
		unlink_added(c, d);
	return r;
}
