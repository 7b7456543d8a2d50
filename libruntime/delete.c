/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete: what was recorded is taken down, in this order: the VM (its monitor), the stand-ins, what was done to the caller's
 * network, the cgroups with whatever is left in them, the directory. Every step works without the one before.
 */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "libruntime/cgroup.h"
#include "libruntime/container.h"
#include "libruntime/hooks.h"
#include "libruntime/joined.h"
#include "libruntime/monitor_client.h"
#include "libruntime/network.h"
#include "libruntime/resolver_outside.h"
#include "libruntime/scope.h"
#include "libruntime/store.h"
#include "libruntime/volume_use.h"
#include "oci/validate.h"

#define END_MS \
	20000 /* beyond the monitor's own deadlines: up to 15 s for a guest that writes to disks */
#define STANDIN_MS 2000 /* for a stand-in to pass on the last output */
#define KILL_MS 5000

/* Waits for a recorded process to end, then kills it. A child of ours is reaped, also one that has ended before. */
static void end_process(const struct state *s, const struct state_process *p, int timeout_ms)
{
	_close_ int fd = status_open_process(s, p), child = proc_open_any(p->pid, p->start);

	if (fd >= 0 && proc_wait_end(fd, timeout_ms) < 0) {
		proc_signal(fd, SIGKILL);
		(void)proc_wait_end(fd, KILL_MS);
	}
	if (child >= 0)
		(void)waitid(P_PIDFD, (id_t)child, NULL, WEXITED | WNOHANG);
}

/* The VM, and with it everything in it. */
static void end_vm(int dir, const struct state *s, bool force)
{
	_json_ json_t *params = json_pack("{s:s, s:b}", "id", s->id, "force", (int)force);
	_close_ int monitor = status_open_process(s, &s->monitor);
	int timeout = END_MS;

	/* Half-made or deaf: then it is not asked but killed. */
	if (monitor >= 0 && monitor_request(dir, "delete", params, 2000, NULL, NULL) < 0) {
		proc_signal(monitor, SIGKILL);
		timeout = KILL_MS;
	}
	end_process(s, &s->monitor, timeout);
}

/* systemd takes away what it has made; where it does not answer the directory can still be removed. */
static void empty_cgroups(const struct state *s)
{
	struct err err = {};

	cgroup_kill(s->cgroups, KILL_MS);
	if (s->unit && scope_stop(&sdbus_system, s->unit, &err) < 0)
		log_warn("%s", err.msg);
}

static void leave_volumes(const struct state *s, const char *root)
{
	volume_use_drop(s->volumes, s->id, root);
	for (size_t i = 0; i < s->n_added; i++) {
		char *const dir[] = { s->added[i].dir, NULL };

		volume_use_drop(dir, s->id, root);
	}
}

static int take_down(int root_fd, int dir, const char *id, struct state *s, bool force,
		     struct err *err)
{
	_cleanup_(oci_config_freep) struct oci_config *hooks = NULL;
	char root[PATH_MAX];
	int r = 0;

	if (s->sandbox)
		r = joined_remove(dir, s, force, err);
	else
		end_vm(dir, s, force);
	if (r < 0)
		return r;
	end_process(s, &s->standin, force ? 0 : STANDIN_MS);
	empty_cgroups(s);
	/* The taps went with the VM. */
	network_release(s->netns, s->interfaces);
	if (s->netns && s->ports)
		resolver_ports_restore(s->netns, s->ports);
	if (store_path(root_fd, root, NULL) >= 0)
		leave_volumes(s, root);
	r = cgroup_remove(s->cgroups, err);
	if (r < 0)
		return r;
	hooks = hooks_load(dir);
	r = store_remove(root_fd, id, err);
	/* The id is free again by now: they may use any command on it. */
	if (r >= 0 && hooks)
		hooks_poststop(s, hooks);
	return r;
}

/* The record cannot be read. The monitor is found by its socket's name, and everything else in the cgroups. */
static int take_down_blind(int root_fd, int dir, const char *id, struct err *err)
{
	_json_ json_t *params = json_pack("{s:s, s:b}", "id", id, "force", 1);
	_cleanup_(state_done) struct state s = {};
	int r;

	(void)monitor_request(dir, "delete", params, 2000, NULL, NULL);
	(void)state_load_cgroups(dir, &s, NULL);
	empty_cgroups(&s);
	r = cgroup_remove(s.cgroups, err);
	return r < 0 ? r : store_remove(root_fd, id, err);
}

static int lock_for_delete(int root_fd, const char *id, bool force, struct err *err)
{
	_cleanup_(state_done) struct state s = {};
	_close_ int dir = -EBADF, hanging = -EBADF;
	bool creating = false;
	int fd;

	if (!force) {
		fd = container_lock(root_fd, id, &creating, err);
		if (!creating)
			return fd;
		close(fd);
		return err_set(err, EBUSY,
			       "cannot delete container %s that is not stopped: creating", id);
	}
	fd = store_lock(root_fd, id, 200, err);
	if (fd != -ETIMEDOUT)
		return fd;
	/*
	 * A create that hangs is ended by taking its VM away; it then cleans up and lets go of the lock. Where the VM is
	 * others' too, it is the command that is killed.
	 */
	dir = store_get(root_fd, id, err);
	if (dir >= 0 && state_load(dir, &s, NULL) >= 0) {
		hanging = status_open_process(&s, s.sandbox ? &s.creator : &s.monitor);
		if (hanging >= 0)
			proc_signal(hanging, SIGKILL);
	}
	return store_lock(root_fd, id, LOCK_MS, err);
}

int rt_delete(const struct rt *rt, const char *id, bool force, struct err *err)
{
	_close_ int root_fd = -EBADF, dir = -EBADF;
	_cleanup_(state_done) struct state s = {};
	struct err damage = {};
	enum status now;
	int r;

	r = oci_id_validate(id, err);
	if (r < 0)
		return r;
	root_fd = store_open(rt->root, false, err);
	if (root_fd >= 0)
		dir = lock_for_delete(root_fd, id, force, err);
	r = root_fd < 0 ? root_fd : dir < 0 ? dir : 0;
	if (r == -ENOENT && force)
		return 0;
	if (r == -ENOENT)
		return err_set(err, ENOENT, "container does not exist");
	if (r < 0)
		return r;
	r = state_load(dir, &s, &damage);
	if (r < 0 && !force)
		return err_set(err, damage.code, "%s (delete --force clears it)", damage.msg);
	if (r < 0)
		return take_down_blind(root_fd, dir, id, err);
	now = status_compute(dir, &s);
	if (!force && (now == STATUS_RUNNING || now == STATUS_PAUSED))
		return err_set(err, EBUSY, "cannot delete container %s that is not stopped: %s", id,
			       status_name(now));
	/* A stopped container's machine may still be writing back; any other is simply killed. */
	return take_down(root_fd, dir, id, &s, now != STATUS_STOPPED, err);
}
