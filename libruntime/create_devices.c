/* SPDX-License-Identifier: Apache-2.0 */
/* The part of create that is about hardware: linux.devices and the caller's network. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "libruntime/creation.h"
#include "libruntime/network_given.h"
#include "libruntime/network_late.h"
#include "libruntime/network_vhost.h"

/* VFIO wants memory to be locked, and some devices a guest that finds them when it boots. */
static int prepare_vfio(struct creation *c, struct err *err)
{
	bool large = false;
	size_t n = dev_plan_vfio(&c->devices, &large);
	const struct vm_setup *s = &c->vm.setup;
	uint32_t most = s->max_memory > c->boot_memory ? s->max_memory : c->boot_memory;
	const char *what = n > 0 ? "linux.devices" : "mounts";
	int r;

	n += volume_plan_vfio(&c->volumes, &large);
	if (n == 0)
		return 0;
	/* Tried with QEMU 7.2 and KVM: such a guest says nothing any more. */
	if (strcmp(c->vm.setup.machine, "q35") != 0)
		return err_set(err, ENOTSUP,
			       "%s: VFIO needs machine type q35: machine_type in [hypervisor.qemu]",
			       what);
	if (large && c->vm.template) {
		log_info("a device has more memory than a guest makes room for later: the virtual machine boots");
		c->vm.template = false;
	}
	r = creation_check_vfio_mode(c, err);
	if (r < 0)
		return r;
	r = vfio_check_memlock(vfio_locked_bytes(most > s->memory ? most : s->memory, n), err);
	return r < 0 ? err_wrap(err, "%s", what) : 0;
}

int creation_plan_devices(struct creation *c, struct err *err)
{
	struct vm_setup *s = &c->vm.setup;
	const struct oci_namespace *ns = oci_namespace_find(c->config, "network");
	bool fake = strcmp(s->hypervisor, "fake") == 0;
	size_t n;
	int r;

	r = dev_plan(c->config, &c->vm.devices, &c->devices, err);
	if (r >= 0 && !fake && c->vm.network && ns) {
		c->state.network = true;
		c->state.macvtap = c->vm.macvtap;
		r = network_scan(ns->path && *ns->path ? ns->path : NULL, &c->network, err);
		c->network.macvtap = c->vm.macvtap;
		if (r >= 0)
			r = network_find_sockets(&c->network, c->vm.vhost_user_net, err);
	}
	if (r < 0)
		return r;
	n = dev_plan_hardware(&c->devices) + c->network.n + c->volumes.n +
	    (c->root_disk.path != NULL);
	if (n == 0)
		return 0;
	if (fake)
		return err_set(err, ENOTSUP, "the fake hypervisor has no devices and no volumes");
	if (n > MONITOR_DEVICES_MAX)
		return err_set(err, ENOSPC, "%zu devices are more than %d", n, MONITOR_DEVICES_MAX);
	/* A VM with more ports than configured has no template. */
	if (n + 1 > s->ports) {
		s->ports = (uint32_t)n + 1;
		c->vm.template = false;
	}
	/* A spare could not be given descriptors. */
	c->vm.spares = 0;
	s->devices = calloc(n, sizeof(*s->devices));
	return s->devices ? prepare_vfio(c, err) : err_errno(err, ENOMEM, "linux.devices");
}

static struct vm_device *add_device(struct creation *c, int fds[MONITOR_DEVICES_MAX], int fd,
				    const char *kind)
{
	struct vm_setup *s = &c->vm.setup;
	struct vm_device *v = &s->devices[s->n_devices];

	free(v->kind);
	free(v->mac);
	free(v->address);
	free(v->socket);
	*v = (struct vm_device){ .kind = strdup(kind),
				 .fd = fd < 0 ? 0 : MONITOR_FIRST_DEVICE + (uint32_t)s->n_devices };
	fds[s->n_devices++] = fd;
	return v->kind ? v : NULL;
}

/* Where a vhost-user target is, and whether to look for it there again. */
static int set_socket(const struct creation *c, struct vm_device *v, const char *socket,
		      struct err *err)
{
	v->reconnect = c->vm.reconnect;
	v->socket = strdup(socket);
	return v->socket ? 0 : err_errno(err, ENOMEM, "vhost-user");
}

static int add_vfio(struct creation *c, int fds[MONITOR_DEVICES_MAX], const struct vfio_group *g,
		    struct err *err)
{
	for (size_t i = 0; i < g->n; i++) {
		struct vm_device *v = add_device(c, fds, -EBADF, VM_DEVICE_VFIO);

		if (v)
			v->address = strdup(g->v[i].address);
		if (!v || !v->address)
			return err_errno(err, ENOMEM, "VFIO");
		v->group = g->number;
	}
	return 0;
}

static int add_volumes(struct creation *c, int fds[MONITOR_DEVICES_MAX], struct err *err)
{
	int r = creation_take_volumes(c, c->vm.setup.n_devices, err);

	for (size_t i = 0; r >= 0 && i < c->volumes.n; i++) {
		const struct volume_item *d = &c->volumes.v[i];
		struct vm_device *v;

		if (d->vfio.n > 0) {
			r = add_vfio(c, fds, &d->vfio, err);
			continue;
		}
		v = add_device(c, fds, d->fd, d->kind);
		if (!v)
			return err_errno(err, ENOMEM, "volumes");
		v->readonly = d->readonly;
		v->queues = d->info.queues;
		v->queue_size = d->info.queue_size;
		if (d->info.type == VOLUME_VHOST_USER)
			r = set_socket(c, v, d->info.device, err);
	}
	return r;
}

static int add_root_disk(struct creation *c, int fds[MONITOR_DEVICES_MAX], struct err *err)
{
	struct vm_device *v;
	int r = root_disk_take(&c->root_disk, err);

	if (r < 0)
		return r;
	v = add_device(c, fds, c->root_disk.fd, VM_DEVICE_BLOCK);
	if (!v)
		return err_errno(err, ENOMEM, "root.path");
	v->readonly = c->root_disk.readonly;
	return 0;
}

int creation_open_devices(struct creation *c, int fds[MONITOR_DEVICES_MAX], struct err *err)
{
	struct vm_device *v = NULL;
	int r;

	c->vm.setup.n_devices = 0;
	r = dev_plan_open(&c->devices, c->config, err);
	for (size_t i = 0; r >= 0 && i < c->devices.n; i++) {
		const struct dev_item *d = &c->devices.v[i];

		if (d->outcome == DEV_GUEST)
			continue;
		if (d->outcome == DEV_VFIO) {
			r = add_vfio(c, fds, &d->vfio, err);
			continue;
		}
		v = add_device(c, fds, d->fd, dev_outcome_kind(d->outcome));
		if (!v)
			return err_errno(err, ENOMEM, "linux.devices");
		v->readonly = d->readonly;
		if (d->outcome == DEV_VHOST_BLK || d->outcome == DEV_VHOST_SCSI)
			r = set_socket(c, v, d->source, err);
	}
	if (r >= 0)
		r = network_attach(&c->network, err);
	for (size_t i = 0; r >= 0 && i < c->network.n; i++) {
		const char *socket = c->network.v[i].socket;

		v = add_device(c, fds, c->network.v[i].tap,
			       socket ? VM_DEVICE_VHOST_NET : VM_DEVICE_NET);
		if (v)
			v->mac = strdup(c->network.v[i].mac);
		if (!v || !v->mac)
			return err_errno(err, ENOMEM, "network");
		if (socket)
			r = set_socket(c, v, socket, err);
	}
	if (r >= 0)
		r = add_volumes(c, fds, err);
	return r < 0 || !c->root_disk.path ? r : add_root_disk(c, fds, err);
}

void creation_close_devices(struct creation *c)
{
	for (size_t i = 0; i < c->devices.n; i++)
		c->devices.v[i].fd = fd_close(c->devices.v[i].fd);
	for (size_t i = 0; i < c->network.n; i++)
		c->network.v[i].tap = fd_close(c->network.v[i].tap);
	for (size_t i = 0; i < c->volumes.n; i++)
		c->volumes.v[i].fd = fd_close(c->volumes.v[i].fd);
	c->root_disk.fd = fd_close(c->root_disk.fd);
}

int creation_note_network(struct creation *c, struct err *err)
{
	if (!c->network.netns)
		return 0;
	c->state.netns = strdup(c->network.netns);
	for (size_t i = 0; c->state.netns && i < c->network.n; i++)
		if (strv_add(&c->state.interfaces, c->network.v[i].name) < 0)
			return err_errno(err, ENOMEM, "state");
	if (!c->state.netns)
		return err_errno(err, ENOMEM, "state");
	return network_given_add(&c->state.given, &c->network, dev_plan_hardware(&c->devices), err);
}

int creation_late_network(struct creation *c, struct err *err)
{
	int timeout = (int)c->vm.setup.boot_timeout * 1000 + MONITOR_REQUEST_MS;

	/* Only a hook can have brought what was not there before, unless the VM was. */
	if (!c->state.network || !(c->hooks_ran || c->pod.sandbox) || c->network.n > 0)
		return 0;
	network_done(&c->network);
	c->late_network = true;
	return network_plug_new(c->dir, &c->state, timeout, &c->network, err);
}

void creation_forget_late_network(struct creation *c)
{
	if (!c->late_network)
		return;
	network_done(&c->network);
	strv_free(c->state.interfaces);
	c->state.interfaces = NULL;
	json_decref(c->state.given);
	c->state.given = NULL;
}
