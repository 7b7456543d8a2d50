/* SPDX-License-Identifier: Apache-2.0 */
/* The part of create that is different for a container that joins the virtual machine of a sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sock.h"
#include "libruntime/creation.h"
#include "libruntime/joined.h"
#include "libruntime/plug.h"

/* Its own network, if it is not that of the VM or of somebody there, is plugged in when its hooks have run. */
static int plan_network(struct creation *c, struct err *err)
{
	_cleanup_(network_done) struct network n = {};

	if (c->pod.owner[POD_NETWORK] || !c->vm.network)
		return 0;
	c->state.network = true;
	c->state.macvtap = c->vm.macvtap;
	/* What is wrong with it is found out before anything is made. */
	return network_scan(pod_namespace_path(c->config, POD_NETWORK), &n, err);
}

int creation_plan_joining(struct creation *c, struct err *err)
{
	int r = dev_plan(c->config, &c->vm.devices, &c->devices, err);
	size_t n = dev_plan_hardware(&c->devices) + c->volumes.n;

	if (r < 0)
		return r;
	if (strcmp(c->vm.setup.hypervisor, "fake") == 0)
		return n == 0 ? 0 :
				err_set(err, ENOTSUP,
					"the fake hypervisor has no devices and no volumes");
	if (n > MONITOR_DEVICES_MAX)
		return err_set(err, ENOSPC, "%zu devices are more than %d", n, MONITOR_DEVICES_MAX);
	r = creation_check_vfio(c, err);
	return r < 0 ? r : plan_network(c, err);
}

int creation_note_joining(struct creation *c, struct err *err)
{
	const char *netns = pod_namespace_path(c->config, POD_NETWORK);
	int r;

	if (c->state.network && netns && !(c->state.netns = strdup(netns)))
		return err_errno(err, ENOMEM, "state");
	c->state.sandbox = strdup(c->pod.sandbox);
	c->state.monitor = c->pod.monitor;
	c->state.creator.pid = getpid();
	r = proc_start_time(getpid(), &c->state.creator.start);
	return c->state.sandbox && r >= 0 ? 0 : err_errno(err, r < 0 ? -r : ENOMEM, "state");
}

/* They are known by their ports from then on. */
static int plug_devices(struct creation *c, size_t *n, struct err *err)
{
	int r = dev_plan_open(&c->devices, c->config, err);

	for (size_t i = 0; r >= 0 && i < c->devices.n; i++) {
		struct dev_item *d = &c->devices.v[i];
		const struct vm_device v = { .kind = (char *)dev_outcome_kind(d->outcome),
					     .readonly = d->readonly,
					     .socket = d->source,
					     .reconnect = c->vm.reconnect };

		if (d->outcome == DEV_GUEST)
			continue;
		if (d->outcome == DEV_VFIO) {
			r = creation_plug_vfio(c, &d->vfio, &c->plugged[*n], err);
			*n += d->vfio.n;
		} else {
			r = plug(c->dir, c->args->id, &v, d->fd, MONITOR_REQUEST_MS,
				 &c->plugged[(*n)++], err);
		}
		if (r < 0)
			return dev_wrap(c->config, d->index, err);
	}
	return r;
}

static int plug_all(struct creation *c, struct err *err)
{
	size_t n = 0;
	int r = plug_devices(c, &n, err);

	if (r >= 0)
		r = creation_plug_volumes(c, n, err);
	creation_close_devices(c);
	return r;
}

int creation_join(struct creation *c, struct err *err)
{
	int r;

	/* A second name for this very socket: that of a later sandbox with the same id would be another one. */
	if (linkat(c->pod.dir, MONITOR_SOCKET, c->dir, MONITOR_SOCKET, 0) < 0)
		return err_errno(err, errno, "join sandbox '%s'", c->pod.sandbox);
	r = c->monitor.control = sock_connect_at(c->dir, MONITOR_SOCKET, err);
	return r < 0 ? err_wrap(err, "join sandbox '%s'", c->pod.sandbox) : plug_all(c, err);
}

void creation_leave(struct creation *c)
{
	struct err err = {};

	if (c->claimed && joined_remove(c->dir, &c->state, true, &err) < 0)
		log_warn("%s", err.msg);
}
