/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "devices/open.h"
#include "wire/vm_setup.h"

#define ANY (-1)

/* Character devices that every guest has, or gets when its module is loaded: major and minor are the kernel's, everywhere. */
static const struct {
	int64_t major, minor;
	const char *name;
} guest_nodes[] = {
	{ 1, 3, "null" },
	{ 1, 5, "zero" },
	{ 1, 7, "full" },
	{ 1, 8, "random" },
	{ 1, 9, "urandom" },
	{ 1, 11, "kmsg" },
	{ 5, 0, "tty" },
	{ 5, 1, "console" },
	{ 5, 2, "ptmx" },
	{ 136, ANY, "pts" },
	{ 10, 229, "fuse" },
	{ 10, 200, "tun" },
	{ 10, 237, "loop-control" },
	{ 10, 196, "vfio/vfio" },
	{ 10, 236, "mapper/control" },
};

bool dev_is_guest_node(const struct oci_device *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(guest_nodes); i++)
		if (guest_nodes[i].major == d->major &&
		    (guest_nodes[i].minor == ANY || guest_nodes[i].minor == d->minor))
			return true;
	return false;
}

/* ---- block devices of the host ---- */

/* "DEVNAME=loop0" of /sys/dev/block/7:0/uevent as "/dev/loop0": the kernel's own name, in no container's hands. */
static int node_of(const struct dev_options *o, bool block, int64_t major, int64_t minor,
		   char **ret, struct err *err)
{
	const char *kind = block ? "block" : "character";
	_free_ char *path = str_printf("%s/sys/dev/%s/%lld:%lld/uevent", o->root,
				       block ? "block" : "char", (long long)major, (long long)minor);
	_free_ char *text = NULL;

	if (!path)
		return err_errno(err, ENOMEM, "device");
	if (io_read_file(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
		return err_set(err, ENODEV, "this host has no %s device %lld:%lld", kind,
			       (long long)major, (long long)minor);
	for (char *save, *p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save)) {
		if (!str_has_prefix(p, "DEVNAME=") || strstr(p, ".."))
			continue;
		*ret = str_printf("/dev/%s", p + strlen("DEVNAME="));
		return *ret ? 0 : err_errno(err, ENOMEM, "device");
	}
	return err_set(err, ENODEV, "%s device %lld:%lld has no node on this host", kind,
		       (long long)major, (long long)minor);
}

int dev_node_of(const struct dev_options *o, int64_t major, int64_t minor, char **ret,
		struct err *err)
{
	_free_ char *node = NULL;
	int r = node_of(o, true, major, minor, &node, err);

	if (r < 0)
		return r;
	*ret = str_printf("%s%s", o->root, node);
	return *ret ? 0 : err_errno(err, ENOMEM, "device");
}

/* Whether the last rule that is about the device allows to write: runc's reading of resources.devices. */
static bool may_write(const struct oci_config *c, const struct oci_device *d)
{
	const json_t *rules = json_object_get(c->linux_->resources, "devices"), *rule;
	bool write = true;
	size_t i;

	json_array_foreach(rules, i, rule) {
		const char *type = json_string_value(json_object_get(rule, "type"));
		const char *access = json_string_value(json_object_get(rule, "access"));
		const json_t *major = json_object_get(rule, "major"),
			     *minor = json_object_get(rule, "minor");

		/* A rule for all devices is about what the container may open besides those it was given. */
		if (!type || strcmp(type, "b") != 0 || !json_is_integer(major) ||
		    json_integer_value(major) != d->major ||
		    (json_is_integer(minor) && json_integer_value(minor) != d->minor &&
		     json_integer_value(minor) != ANY))
			continue;
		write = json_is_true(json_object_get(rule, "allow")) &&
			(!access || strchr(access, 'w'));
	}
	return write;
}

/* ---- the table ---- */

static int plan_block(const struct oci_config *c, const struct dev_options *o,
		      const struct oci_device *d, struct dev_item *item, struct err *err)
{
	item->outcome = DEV_BLOCK;
	item->readonly = !may_write(c, d);
	return dev_node_of(o, d->major, d->minor, &item->source, err);
}

static int plan_vhost(const struct oci_config *c, const struct dev_options *o,
		      const struct oci_device *d, struct dev_item *item, struct err *err)
{
	item->outcome = d->major == DEV_MAJOR_VHOST_BLK ? DEV_VHOST_BLK : DEV_VHOST_SCSI;
	item->readonly = !may_write(c, d);
	return dev_store_find(o, d->major, d->minor, &item->source, err);
}

static int plan_char(const struct oci_config *c, const struct dev_options *o,
		     const struct oci_device *d, struct dev_item *item, struct err *err)
{
	_free_ char *node = NULL;

	if (dev_is_guest_node(d)) {
		item->outcome = DEV_GUEST;
		return 0;
	}
	/* By its numbers, since the path is what the container calls it. */
	if (node_of(o, d->type[0] == 'b', d->major, d->minor, &node, NULL) >= 0 &&
	    str_has_prefix(node, "/dev/vfio/")) {
		item->outcome = DEV_VFIO;
		item->source = take_ptr(node);
		return vfio_find(o->root, item->source, &item->vfio, err);
	}
	if (str_has_prefix(d->path, "/dev/vfio/"))
		return err_set(
			err, ENODEV,
			"this host has no VFIO group or device with number %lld:%lld (its devices are not bound to "
			"vfio-pci, or the node is stale)",
			(long long)d->major, (long long)d->minor);
	return err_set(err, ENOTSUP,
		       "a virtual machine cannot have the host's character device %lld:%lld",
		       (long long)d->major, (long long)d->minor);
}

static int plan_fifo(const struct oci_config *c, const struct dev_options *o,
		     const struct oci_device *d, struct dev_item *item, struct err *err)
{
	item->outcome = DEV_GUEST;
	return 0;
}

static const struct {
	char type; /* as in linux.devices */
	int64_t major;
	int (*plan)(const struct oci_config *c, const struct dev_options *o,
		    const struct oci_device *d, struct dev_item *item, struct err *err);
} table[] = {
	{ 'b', DEV_MAJOR_VHOST_BLK, plan_vhost },
	{ 'b', DEV_MAJOR_VHOST_SCSI, plan_vhost },
	{ 'b', ANY, plan_block },
	{ 'c', ANY, plan_char },
	{ 'u', ANY, plan_char },
	{ 'p', ANY, plan_fifo },
};

int dev_plan_one(const struct oci_config *c, const struct dev_options *o, size_t index,
		 struct dev_item *item, struct err *err)
{
	const struct oci_device *d = &c->linux_->devices[index];

	*item = (struct dev_item){ .index = index, .fd = -EBADF };
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].type == d->type[0] &&
		    (table[i].major == ANY || table[i].major == d->major))
			return table[i].plan(c, o, d, item, err);
	return err_set(err, EINVAL, "type \"%s\" is unknown", d->type);
}

/* One group for two entries would be opened twice. */
static int check_groups(const struct dev_plan *p, struct err *err)
{
	const struct dev_item *last = &p->v[p->n - 1];

	if (last->outcome != DEV_VFIO)
		return 0;
	for (size_t i = 0; i + 1 < p->n; i++)
		if (p->v[i].outcome == DEV_VFIO && p->v[i].vfio.number == last->vfio.number)
			return err_set(err, EEXIST, "the same VFIO group %u as linux.devices[%zu]",
				       last->vfio.number, i);
	return 0;
}

static int check_twice(const struct oci_config *c, size_t index, struct err *err)
{
	for (size_t i = 0; i < index; i++)
		if (strcmp(c->linux_->devices[i].path, c->linux_->devices[index].path) == 0)
			return err_set(err, EEXIST, "the same path as linux.devices[%zu]", i);
	return 0;
}

int dev_wrap(const struct oci_config *c, size_t index, struct err *err)
{
	const struct oci_linux *l = c->linux_;

	return index >= l->n_devices - l->n_mounted ?
		       err_wrap(err, "mounts: the device at '%s'", l->devices[index].path) :
		       err_wrap(err, "linux.devices[%zu] '%s'", index, l->devices[index].path);
}

int dev_plan(const struct oci_config *c, const struct dev_options *o, struct dev_plan *ret,
	     struct err *err)
{
	size_t n = c->linux_->n_devices;
	struct dev_plan p = { .v = calloc(n + 1, sizeof(*p.v)) };
	int r = 0;

	if (!p.v)
		return err_errno(err, ENOMEM, "linux.devices");
	for (size_t i = 0; i < n && r >= 0; i++) {
		p.n = i + 1;
		r = dev_plan_one(c, o, i, &p.v[i], err);
		if (r >= 0)
			r = check_twice(c, i, err);
		if (r >= 0)
			r = check_groups(&p, err);
		if (r < 0)
			(void)dev_wrap(c, i, err);
	}
	if (r < 0) {
		dev_plan_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void dev_item_done(struct dev_item *item)
{
	free(item->source);
	vfio_group_done(&item->vfio);
	fd_close(item->fd);
}

void dev_plan_done(struct dev_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		dev_item_done(&p->v[i]);
	free(p->v);
	*p = (struct dev_plan){ 0 };
}

size_t dev_plan_hardware(const struct dev_plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->v[i].outcome == DEV_VFIO ? p->v[i].vfio.n : p->v[i].outcome != DEV_GUEST;
	return n;
}

size_t dev_plan_vfio(const struct dev_plan *p, bool *ret_large)
{
	bool large = false;
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		n += p->v[i].vfio.n;
		for (size_t k = 0; k < p->v[i].vfio.n; k++)
			large = large || p->v[i].vfio.v[k].memory > VFIO_HOTPLUG_MEMORY;
	}
	if (ret_large)
		*ret_large = large;
	return n;
}

const char *dev_outcome_kind(enum dev_outcome o)
{
	static const char *const kinds[] = { "guest", VM_DEVICE_BLOCK, VM_DEVICE_VHOST_BLK,
					     VM_DEVICE_VHOST_SCSI, VM_DEVICE_VFIO };

	return kinds[o];
}

static json_t *describe_functions(const struct vfio_group *g)
{
	json_t *arr = json_array();

	for (size_t i = 0; arr && i < g->n; i++)
		json_array_append_new(arr, json_string(g->v[i].address));
	return arr;
}

json_t *dev_plan_describe(const struct dev_plan *p, const struct oci_config *c)
{
	json_t *arr = json_array();

	for (size_t i = 0; arr && i < p->n; i++) {
		const struct dev_item *d = &p->v[i];
		json_t *o = json_pack("{s:I, s:s, s:s, s:b}", "index", (json_int_t)d->index, "path",
				      c->linux_->devices[d->index].path, "kind",
				      dev_outcome_kind(d->outcome), "readonly", (int)d->readonly);

		if (o && d->source)
			json_object_set_new(o, "source", json_string(d->source));
		if (o && d->outcome == DEV_VFIO)
			json_object_set_new(o, "functions", describe_functions(&d->vfio));
		json_array_append_new(arr, o);
	}
	return arr;
}
