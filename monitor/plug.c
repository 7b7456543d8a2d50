/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/plug.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "hypervisor/hv.h"
#include "monitor/backend.h"
#include "monitor/container.h"
#include "monitor/setup_device.h"
#include "wire/vm_setup.h"

struct plug {
	struct plug *next;
	struct client *client; /* NULL: gone */
	uint32_t id;
	bool out;
	struct device *dev; /* the device manager's */
};

/* Stays until the device goes. */
struct owned {
	struct owned *next;
	struct device *dev;
	char *container;
	char *tag; /* the command's own name for it; NULL: none */
	bool kept; /* the guest did not let go of it */
};

static void owned_free(struct owned *o)
{
	if (o) {
		free(o->container);
		free(o->tag);
	}
	free(o);
}

static int own(struct monitor *m, struct device *dev, const char *container, const char *tag,
	       struct err *err)
{
	struct owned *o = calloc(1, sizeof(*o));

	if (o) {
		o->container = strdup(container);
		o->tag = tag ? strdup(tag) : NULL;
	}
	if (!o || !o->container || (tag && !o->tag)) {
		owned_free(o);
		return err_errno(err, ENOMEM, "plug");
	}
	o->dev = dev;
	o->next = m->owned;
	m->owned = o;
	return 0;
}

static struct device *find_owned(const struct monitor *m, const char *container)
{
	const struct owned *o;

	for (o = m->owned; o && (o->kept || strcmp(o->container, container) != 0); o = o->next)
		;
	return o ? o->dev : NULL;
}

/* Also one that the guest has kept: perhaps it does let go now. */
static struct device *find_tagged(const struct monitor *m, const char *container, const char *tag)
{
	for (const struct owned *o = m->owned; o; o = o->next)
		if (o->tag && strcmp(o->container, container) == 0 && strcmp(o->tag, tag) == 0)
			return o->dev;
	return NULL;
}

static struct owned *find_record(const struct monitor *m, const char *name)
{
	struct owned *o = m->owned;

	while (o && strcmp(o->dev->id, name) != 0)
		o = o->next;
	return o;
}

struct device *plugged_device(const struct monitor *m, const char *container, const char *name)
{
	for (const struct owned *o = m->owned; o; o = o->next)
		if (strcmp(o->container, container) == 0 && strcmp(o->dev->id, name) == 0)
			return o->dev;
	return NULL;
}

bool plugged_disks(const struct monitor *m)
{
	for (const struct owned *o = m->owned; o; o = o->next)
		if (o->dev->kind != DEVICE_NET &&
		    !(o->dev->kind == DEVICE_BLK && o->dev->blk.readonly))
			return true;
	return false;
}

/* An interface that the VM was started with, by its number in the setup. Other devices are its own as long as it runs. */
static struct device *find_interface(const struct monitor *m, int64_t number)
{
	struct device *dev = NULL;

	if (number >= 0 && (uint64_t)number < m->setup.n_devices && m->setup_devices)
		dev = m->setup_devices[number];
	return dev && dev->kind == DEVICE_NET ? dev : NULL;
}

static void remove_device(struct monitor *m, struct device *dev)
{
	for (size_t i = 0; m->setup_devices && i < m->setup.n_devices; i++)
		if (m->setup_devices[i] == dev)
			m->setup_devices[i] = NULL;
	for (struct owned **op = &m->owned; *op; op = &(*op)->next) {
		struct owned *o = *op;

		if (o->dev != dev)
			continue;
		*op = o->next;
		owned_free(o);
		break;
	}
	backend_forget(m, dev);
	devices_remove(m->devices, dev);
}

static void answer(struct plug *p, const struct err *err)
{
	_json_ json_t *result = NULL;

	if (!p->client)
		return;
	if (err->code) {
		client_error(p->client, p->id, err);
		return;
	}
	if (!p->out)
		result = json_pack("{s:s, s:s}", "device", p->dev->id, "port", p->dev->port_address);
	client_result(p->client, p->id, result);
}

static void do_first(struct monitor *m);

static void on_done(void *data, const struct err *err)
{
	struct monitor *m = data;
	struct plug *p = m->plugs;
	struct owned *o;

	/* The VM's end has answered already. */
	if (!p || m->phase != VM_READY)
		return;
	m->plugs = p->next;
	answer(p, err);
	if (!err->code)
		log_debug("%s %s port %s", p->dev->id, p->out ? "taken from" : "plugged into",
			  p->dev->port_address);
	/* One that does not come out stays known: it is still there. */
	if (p->out != !!err->code)
		remove_device(m, p->dev);
	else if (p->out && (o = find_record(m, p->dev->id)))
		o->kept = true;
	free(p);
	do_first(m);
}

static void do_first(struct monitor *m)
{
	struct plug *p = m->plugs;
	struct err err = {};
	int r;

	if (!p)
		return;
	r = p->out ? m->hv->ops->detach(m->hv, p->dev, on_done, m, &err) :
		     m->hv->ops->attach(m->hv, p->dev, on_done, m, &err);
	if (r < 0)
		on_done(m, &err);
}

static int add(struct client *c, uint32_t id, struct device *dev, bool out, struct err *err)
{
	struct monitor *m = c->m;
	struct plug *p = calloc(1, sizeof(*p)), **end;

	if (!p)
		return err_errno(err, ENOMEM, "plug");
	*p = (struct plug){ .client = c, .id = id, .out = out, .dev = dev };
	for (end = &m->plugs; *end; end = &(*end)->next)
		;
	*end = p;
	if (m->phase == VM_READY && m->plugs == p)
		do_first(m);
	return 0;
}

static int need_vm(const struct monitor *m, struct err *err)
{
	if (m->phase == VM_BOOTING || m->phase == VM_READY)
		return 0;
	return err_set(err, ESRCH, "the virtual machine is not running");
}

int plug_request(struct client *c, uint32_t request, const json_t *params, int fd, struct err *err)
{
	_cleanup_(vm_device_done) struct vm_device v = {};
	const char *id = js_get_str(params, "id"), *tag = js_get_str(params, "tag");
	_json_ json_t *description = json_copy((json_t *)params);
	_close_ int owned = fd;
	struct device dev, *known;
	int r;

	if (!id || strlen(id) > ID_MAX)
		return err_set(err, EPROTO, "plug without id");
	if (tag && find_tagged(c->m, id, tag))
		return err_set(err, EEXIST, "plug: there is a device %s already", tag);
	json_object_del(description, "id");
	json_object_del(description, "tag");
	r = need_vm(c->m, err);
	if (r >= 0)
		r = vm_device_from_json(description, &v, err);
	/* Its relay is started with the VM. */
	if (r >= 0 && strcmp(v.kind, VM_DEVICE_VHOST_NET) == 0)
		r = err_set(err, EPROTO, "plug of a %s", v.kind);
	/* That one is opened by the hypervisor, by name. */
	if (r >= 0 && (fd < 0) != (strcmp(v.kind, VM_DEVICE_VFIO) == 0))
		r = err_set(err, EPROTO, "plug of a %s with%s descriptor", v.kind,
			    fd < 0 ? "out a" : " a");
	if (r >= 0)
		r = setup_device(&c->m->setup, &v, fd, &dev, err);
	if (r < 0)
		return r;
	(void)take_fd(owned);
	if (dev.kind == DEVICE_VHOST_BLK || dev.kind == DEVICE_VHOST_SCSI)
		dev.vhost.listening = v.reconnect > 0;
	r = devices_add(c->m->devices, &dev, &known, err);
	if (r < 0)
		return r;
	r = own(c->m, known, id, tag, err);
	if (r >= 0)
		r = backend_watch(c->m, known, v.socket, err);
	if (r >= 0)
		r = add(c, request, known, false, err);
	if (r < 0)
		remove_device(c->m, known);
	return r;
}

int unplug_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	const char *name = js_get_str(params, "device"), *owner = js_get_str(params, "id");
	const char *tag = js_get_str(params, "tag");
	const struct owned *o;
	struct device *dev = NULL;
	int r = need_vm(c->m, err);

	if (r < 0)
		return r;
	if (name && (o = find_record(c->m, name)))
		dev = o->dev;
	else if (json_is_integer(json_object_get(params, "device")))
		dev = find_interface(c->m, js_get_int(params, "device", -1));
	else if (!name && owner)
		dev = tag ? find_tagged(c->m, owner, tag) : find_owned(c->m, owner);
	if (!dev)
		return err_set(err, ENOENT, "unplug: there is no such device");
	for (const struct plug *p = c->m->plugs; p; p = p->next)
		if (p->dev == dev)
			return err_set(err, EBUSY, "unplug: the device is on its way");
	return add(c, id, dev, true, err);
}

void plugs_vm_ready(struct monitor *m)
{
	do_first(m);
}

void plugs_vm_ended(struct monitor *m, const struct err *err)
{
	struct plug *p;

	while ((p = m->plugs)) {
		m->plugs = p->next;
		answer(p, err);
		free(p);
	}
}

void plugs_client_gone(struct monitor *m, const struct client *c)
{
	for (struct plug *p = m->plugs; p; p = p->next)
		if (p->client == c)
			p->client = NULL;
}
