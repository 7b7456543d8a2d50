/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/volume.h"

#include <errno.h>

#include "base/json.h"
#include "devices/device.h"
#include "hypervisor/hv.h"
#include "monitor/forward.h"
#include "monitor/plug.h"

#define RESIZE_MS 60000 /* a file system that grows */
#define MOUNT_MS 60000 /* one that is mounted, and handed over to a group; or written back */

int volume_stats_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	return k ? forward(c, id, "volume.stats", k, json_incref(params), FORWARD_MS, NULL, err) :
		   -ENOENT;
}

int volume_add_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	return k ? forward(c, id, "volume.add", k, json_incref(params), MOUNT_MS, NULL, err) :
		   -ENOENT;
}

int volume_remove_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);

	return k ? forward(c, id, "volume.remove", k, json_incref(params), MOUNT_MS, NULL, err) :
		   -ENOENT;
}

/* The disk has its new size, the file system on it is next. */
static void on_grown(void *data, const struct err *err)
{
	struct call *k = data;
	struct err e = *err;

	if (!e.code && k->m->phase != VM_READY)
		err_set(&e, ESRCH, "the virtual machine is ending");
	if (e.code || call_send(k, "volume.resize", json_incref(k->params), RESIZE_MS, &e) < 0)
		call_fail(k, &e);
}

/* A device by its name if it was plugged in for the container, else by its number in the setup. */
static struct device *find_device(const struct monitor *m, const struct container *k,
				  const json_t *params)
{
	const char *name = js_get_str(params, "name");
	int64_t n = js_get_int(params, "device", -1);

	if (name)
		return plugged_device(m, k->id, name);
	return n >= 0 && (uint64_t)n < m->setup.n_devices ? m->setup_devices[n] : NULL;
}

int volume_resize_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	struct container *k = need_container(c, params, err);
	int64_t size = js_get_int(params, "size", 0);
	struct monitor *m = c->m;
	struct device *dev;
	struct call *call;
	int r;

	if (!k)
		return -ENOENT;
	if (m->phase != VM_READY || !m->setup_devices)
		return err_set(err, EBUSY, "the virtual machine is not ready");
	dev = find_device(m, k, params);
	if (!dev || size <= 0)
		return err_set(err, EPROTO, "bad volume.resize");
	/* What a vhost-user target serves is its own business: the guest sees it grow by itself. */
	if (dev->kind != DEVICE_BLK)
		return forward(c, id, "volume.resize", k, json_incref(params), RESIZE_MS, NULL, err);
	/* It would cut the image off, where the guest's file system already is. */
	if ((uint64_t)size < dev->blk.size)
		return err_set(err, EINVAL, "the disk has %llu bytes by now",
			       (unsigned long long)dev->blk.size);
	call = call_new(c, id, k, err);
	if (!call)
		return -ENOMEM;
	call->params = json_incref(params);
	dev->blk.size = (uint64_t)size;
	r = m->hv->ops->grow(m->hv, dev, on_grown, call, err);
	if (r < 0)
		call_drop(call);
	return r;
}
