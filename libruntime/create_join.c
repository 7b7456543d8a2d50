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
#include "libruntime/cgroup.h"
#include "libruntime/creation.h"
#include "libruntime/joined.h"

/* Nobody else's network can come into a VM that runs; one that nothing is in yet is the guest's to make. */
static int check_network(struct creation *c, struct err *err)
{
	const char *path = pod_namespace_path(c->config, POD_NETWORK);
	int r;

	if (!path || c->pod.owner[POD_NETWORK] || !c->vm.network)
		return 0;
	r = network_scan(c->config, &c->network, err);
	if (r < 0 || c->network.n == 0)
		return r;
	return err_set(
		err, ENOTSUP,
		"linux.namespaces: the network namespace '%s' has interfaces and is not that of sandbox '%s': a virtual machine that runs gets no more of them",
		path, c->pod.sandbox);
}

int creation_plan_joining(struct creation *c, struct err *err)
{
	int r = dev_plan(c->config, &c->vm.devices, &c->devices, err);

	for (size_t i = 0; r >= 0 && i < c->devices.n; i++)
		if (c->devices.v[i].outcome != DEV_GUEST)
			return err_set(
				err, ENOTSUP,
				"linux.devices[%zu] '%s': a container that joins sandbox '%s' cannot have a device of the host",
				c->devices.v[i].index,
				c->config->linux_->devices[c->devices.v[i].index].path,
				c->pod.sandbox);
	return r < 0 ? r : check_network(c, err);
}

int creation_note_joining(struct creation *c, struct err *err)
{
	int r;

	c->state.sandbox = strdup(c->pod.sandbox);
	c->state.monitor = c->pod.monitor;
	c->state.creator.pid = getpid();
	r = proc_start_time(getpid(), &c->state.creator.start);
	return c->state.sandbox && r >= 0 ? 0 : err_errno(err, r < 0 ? -r : ENOMEM, "state");
}

int creation_join(struct creation *c, struct err *err)
{
	int r = cgroup_make(c->state.cgroups, err);

	if (r < 0)
		return r;
	/* A second name for this very socket: that of a later sandbox with the same id would be another one. */
	if (linkat(c->pod.dir, MONITOR_SOCKET, c->dir, MONITOR_SOCKET, 0) < 0)
		return err_errno(err, errno, "join sandbox '%s'", c->pod.sandbox);
	r = c->monitor.control = sock_connect_at(c->dir, MONITOR_SOCKET, err);
	return r < 0 ? err_wrap(err, "join sandbox '%s'", c->pod.sandbox) : 0;
}

void creation_leave(struct creation *c)
{
	struct err err = {};

	if (c->claimed && joined_remove(c->dir, &c->state, true, &err) < 0)
		log_warn("%s", err.msg);
}
