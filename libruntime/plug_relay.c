/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/plug_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "config/paths.h"
#include "devices/vhost_relay.h"
#include "libruntime/cgroup.h"
#include "libruntime/monitor_client.h"
#include "libruntime/state.h"
#include "libruntime/status.h"
#include "wire/message.h"

static int run(struct vhost_relay *v, const struct state *s, int *ret_listener, struct err *err)
{
	_close_ int monitor = status_open_process(s, &s->monitor), sock = -EBADF;
	int cgroups[VHOST_RELAY_CGROUPS_MAX], r;

	if (monitor < 0)
		return err_set(err, ESRCH, "the virtual machine has ended");
	v->monitor = monitor;
	v->cgroups = cgroups;
	v->n_cgroups = cgroup_open_procs(s->cgroups, cgroups, VHOST_RELAY_CGROUPS_MAX);
	r = vhost_relay_start(v, &sock, err);
	while (v->n_cgroups > 0)
		fd_close(cgroups[--v->n_cgroups]);
	v->cgroups = NULL;
	if (r >= 0)
		r = *ret_listener = vhost_relay_listener(v, sock, err);
	return r;
}

int plug_relay_start(int dir, int monitor, const struct vm_device *v, int target, struct err *err)
{
	_cleanup_(moat_paths_done) struct moat_paths paths = {};
	_cleanup_(state_done) struct state s = {};
	_close_ int out = -EBADF, in = -EBADF, listener = -EBADF;
	int pipefd[2], r;

	r = moat_paths(&paths, err);
	if (r >= 0)
		r = state_load(dir, &s, err);
	if (r < 0)
		return r;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	out = pipefd[0];
	in = pipefd[1];
	struct vhost_relay relay = {
		.program = paths.monitor,
		.target = v->socket,
		.name = "",
		.seconds = v->reconnect,
		.connection = target,
		.output = in,
		.orphan = true,
	};
	r = run(&relay, &s, &listener, err);
	if (r >= 0)
		r = wire_call_fd(monitor, "log", NULL, out, MONITOR_REQUEST_MS, NULL, err);
	return r < 0 ? r : take_fd(listener);
}
