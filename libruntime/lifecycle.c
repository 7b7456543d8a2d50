/* SPDX-License-Identifier: Apache-2.0 */
/* start, kill, pause, resume: one request to the monitor each, with runc's answers for the wrong state. */
#include <signal.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/proc.h"
#include "libruntime/container.h"
#include "libruntime/hooks.h"
#include "libruntime/monitor_client.h"
#include "libruntime/network_follow.h"
#include "libruntime/network_watch.h"
#include "libruntime/resolver.h"
#include "oci/hook.h"

#define KILLED_MS 1000
#define ENDED_MS 2000

/* The caller has set the terminal up by now, at whatever moment after create sent it: size and modes count from here on. */
static void look_at_terminal(const struct state *s)
{
	_close_ int standin = status_open_process(s, &s->standin);

	if (standin >= 0)
		(void)proc_signal(standin, SIGWINCH);
}

/* The answer comes a moment before the end. */
static bool has_ended(const struct container *c)
{
	_close_ int standin = status_open_process(&c->state, &c->state.standin);

	return standin < 0 || proc_wait_end(standin, ENDED_MS) >= 0;
}

static int start(const struct rt *rt, const char *id, struct container *c,
		 struct oci_config **ret_hooks, int *ret_watch, struct err *err)
{
	_json_ json_t *params = NULL;
	const struct oci_hooks *h;
	int r, timeout = 0;

	r = container_open(rt, id, true, c, err);
	if (r < 0)
		return r;
	switch (c->status) {
	case STATUS_CREATED:
		break;
	case STATUS_STOPPED:
		return err_set(err, ESRCH, "cannot start a container that has stopped");
	case STATUS_CREATING:
		return err_set(err, EBUSY, "cannot start a container that is still being created");
	case STATUS_PAUSED:
		return err_set(err, EBUSY, "cannot start a container in the paused state");
	default:
		return err_set(err, EBUSY, "cannot start an already running container");
	}
	if (c->state.terminal)
		look_at_terminal(&c->state);
	*ret_watch = network_watch_open(c);
	r = network_catch_up(c, err);
	if (r < 0)
		return r;
	resolver_offer(c);
	*ret_hooks = hooks_load(c->dir);
	h = *ret_hooks ? (*ret_hooks)->hooks : NULL;
	/* The guest's startContainer hooks may take as long as they are given. */
	if (h && h->n_start_container)
		timeout = oci_hooks_timeout(h->start_container, h->n_start_container);
	params = json_pack("{s:i}", "hooks_ms", timeout);
	r = container_request(c, "start", json_incref(params),
			      timeout < 0 ? -1 : MONITOR_REQUEST_MS + timeout, NULL, err);
	return r < 0 ? r : container_set_phase(c, STATUS_RUNNING, err);
}

int rt_start(const struct rt *rt, const char *id, struct err *err)
{
	struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_cleanup_(oci_config_freep) struct oci_config *hooks = NULL;
	_close_ int watch = -EBADF;
	bool failed;
	int r;

	r = start(rt, id, &c, &hooks, &watch, err);
	if (r >= 0)
		network_watch_start(rt, &c, watch);
	/* Only a startContainer hook ends a container on its way to the program. */
	failed = r < 0 && hooks && hooks->hooks->n_start_container && has_ended(&c);
	/* Hooks may use any command on this container. */
	c.dir = fd_close(c.dir);
	if (r >= 0 && hooks)
		hooks_poststart(&c.state, hooks);
	container_close(&c);
	if (failed)
		(void)rt_delete(rt, id, true, NULL);
	return r;
}

int rt_kill(const struct rt *rt, const char *id, int sig, bool all, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_close_ int deaf = -EBADF, standin = -EBADF;
	json_t *params;
	int r;

	/* No lock: a kill must get through while another command waits for the guest. */
	r = container_open(rt, id, false, &c, err);
	if (r < 0)
		return r;
	if (c.status == STATUS_STOPPED)
		return all ? 0 : err_set(err, ESRCH, "container not running");
	standin = status_open_process(&c.state, &c.state.standin);
	params = json_pack("{s:i, s:b}", "signal", sig, "all", (int)all);
	r = container_request(&c, "kill", params, MONITOR_REQUEST_MS, NULL, err);
	if (sig != SIGKILL)
		return r;
	/* A process of the host is as good as gone after SIGKILL; this one's end takes its way through the guest. */
	if (r >= 0 && standin >= 0)
		(void)proc_wait_end(standin, KILLED_MS);
	if (r >= 0)
		return 0;
	/*
	 * A monitor that cannot pass it on any more is killed itself, and the VM with it. That of a sandbox is not for one of the
	 * others to end: when it listens again it finds that the stand-in is gone.
	 */
	deaf = status_open_process(&c.state, c.state.sandbox ? &c.state.standin : &c.state.monitor);
	return deaf >= 0 ? proc_signal(deaf, SIGKILL) : 0;
}

static int freeze(const struct rt *rt, const char *id, const char *method, enum status from,
		  enum status to, const char *wrong, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	int r;

	r = container_open(rt, id, true, &c, err);
	if (r < 0)
		return r;
	if (c.status != from)
		return err_set(err, EBUSY, "%s", wrong);
	r = container_request(&c, method, NULL, MONITOR_REQUEST_MS, NULL, err);
	return r < 0 ? r : container_set_phase(&c, to, err);
}

int rt_pause(const struct rt *rt, const char *id, struct err *err)
{
	return freeze(rt, id, "pause", STATUS_RUNNING, STATUS_PAUSED, "container not running", err);
}

int rt_resume(const struct rt *rt, const char *id, struct err *err)
{
	return freeze(rt, id, "resume", STATUS_PAUSED, STATUS_RUNNING, "container not paused", err);
}

int rt_network(const struct rt *rt, const char *id, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	int r;

	r = container_open(rt, id, true, &c, err);
	if (r < 0)
		return r;
	if (c.status == STATUS_STOPPED || c.status == STATUS_CREATING)
		return err_set(err, ESRCH, "container with id %s is not running", id);
	r = network_catch_up(&c, err);
	if (r >= 0)
		resolver_offer(&c);
	return r;
}
