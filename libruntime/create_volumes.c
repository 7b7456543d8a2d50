/* SPDX-License-Identifier: Apache-2.0 */
/* The part of create that is about direct volumes. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/creation.h"
#include "libruntime/store.h"
#include "libruntime/volume_use.h"

static const struct oci_mount *mount_of(const struct creation *c, size_t i)
{
	return &c->config->mounts[c->volumes.v[i].index];
}

int creation_note_volumes(struct creation *c, struct err *err)
{
	for (size_t i = 0; i < c->volumes.n; i++) {
		_free_ char *name = NULL, *dir = NULL;
		int r = volume_name(mount_of(c, i)->source, &name, err);

		if (r < 0)
			return r;
		dir = path_join(c->vm.volumes, name);
		if (!dir || strv_add(&c->state.volumes, dir) < 0)
			return err_errno(err, ENOMEM, "state");
	}
	return 0;
}

/* name: of the device, once it was plugged in; else NULL. */
static int take(struct creation *c, int all, size_t i, const char *root, size_t device,
		const char *name, struct err *err)
{
	const struct volume_item *v = &c->volumes.v[i];
	const struct volume_use use = { .id = c->state.id,
					.root = (char *)root,
					.device = (uint32_t)device,
					.name = (char *)name,
					.index = (uint32_t)v->index,
					.readonly = v->readonly };

	return volume_use_claim(all, mount_of(c, i)->source, &v->info, &use, err);
}

/* The record of each. names: whether the devices have been plugged in. */
static int take_all(struct creation *c, size_t first, bool names, struct err *err)
{
	_close_ int all = -EBADF;
	char root[PATH_MAX];
	int r;

	all = volumes_open(c->vm.volumes, false, err);
	if (all == -ENOENT)
		return err_set(err, ENOENT, "volumes '%s' were removed meanwhile", c->vm.volumes);
	r = all < 0 ? all : store_path(c->root_fd, root, err);
	for (size_t i = 0; r >= 0 && i < c->volumes.n; i++) {
		r = take(c, all, i, root, first + i, names ? c->plugged[first + i].device : NULL,
			 err);
		if (r < 0)
			err_wrap(err, "mounts[%zu] '%s': volume '%s'", c->volumes.v[i].index,
				 mount_of(c, i)->destination, mount_of(c, i)->source);
	}
	return r;
}

int creation_take_volumes(struct creation *c, size_t first, struct err *err)
{
	int r = c->volumes.n > 0 ? take_all(c, first, false, err) : 0;

	return r < 0 ? r : volume_plan_open(&c->volumes, c->config, err);
}

int creation_plug_volumes(struct creation *c, size_t first, struct err *err)
{
	int r = creation_take_volumes(c, first, err);

	for (size_t i = 0; r >= 0 && i < c->volumes.n; i++) {
		const struct volume_item *d = &c->volumes.v[i];
		const struct vm_device v = { .kind = (char *)d->kind,
					     .readonly = d->readonly,
					     .queues = d->info.queues,
					     .queue_size = d->info.queue_size,
					     .socket = d->info.device,
					     .reconnect = c->vm.reconnect };

		r = d->vfio.n > 0 ? creation_plug_vfio(c, &d->vfio, &c->plugged[first + i], err) :
				    plug(c->dir, c->args->id, &v, d->fd, MONITOR_REQUEST_MS,
					 &c->plugged[first + i], err);
		if (r < 0)
			err_wrap(err, "mounts[%zu] '%s': volume '%s'", d->index,
				 mount_of(c, i)->destination, mount_of(c, i)->source);
	}
	return r < 0 || c->volumes.n == 0 ? r : take_all(c, first, true, err);
}

void creation_leave_volumes(struct creation *c)
{
	char root[PATH_MAX];

	if (c->root_fd >= 0 && c->state.volumes && store_path(c->root_fd, root, NULL) >= 0)
		volume_use_drop(c->state.volumes, c->state.id, root);
}

int creation_open_trees(struct creation *c, struct err *err)
{
	const struct tree_disks disks = { .only = !c->vm.share,
					  .volumes = &c->volumes,
					  /* A VM that runs has its disks. */
					  .root = c->vm.root_disk && !c->pod.sandbox ? &c->root_disk :
										       NULL,
					  .options = &c->vm.devices };

	return trees_open(c->bundle_fd, c->bundle, c->config, c->pod.sandbox, &disks, &c->trees,
			  err);
}

json_t *creation_volume_params(const struct creation *c)
{
	const struct root_disk *root = &c->root_disk;
	size_t device = c->pod.sandbox ? dev_plan_hardware(&c->devices) :
					 c->vm.setup.n_devices - c->volumes.n - (root->path != NULL);
	json_t *arr = json_array();

	for (size_t i = 0; arr && i < c->volumes.n; i++, device++) {
		json_t *o = volume_item_params(&c->volumes.v[i]);

		if (o && c->pod.sandbox)
			json_object_set_new(o, "port", json_string(c->plugged[device].port));
		else if (o)
			json_object_set_new(o, "device", json_integer((json_int_t)device));
		json_array_append_new(arr, o);
	}
	if (arr && root->path)
		json_array_append_new(arr, json_pack("{s:i, s:I, s:b, s:s, s:o}", "index", -1,
						     "device", (json_int_t)device, "readonly",
						     (int)root->readonly, "fstype", root->fstype,
						     "options", js_new_strv(root->options)));
	return arr;
}
