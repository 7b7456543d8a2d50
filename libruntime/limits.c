/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "libruntime/creation.h"
#include "libruntime/host_limits.h"
#include "libruntime/scope.h"
#include "oci/pod.h"

#define SHARED_FILE "shared" /* in the state directory: others are in the VM, or have been */

bool limits_are_pods(const json_t *annotations)
{
	const struct oci_config c = { .annotations = (json_t *)annotations };
	struct oci_pod pod;

	return oci_pod_read(&c, &pod, NULL) >= 0 && pod.role == OCI_POD_SANDBOX;
}

/* Whether we set limits in its cgroups at all. */
static bool has_limits(const struct state *s)
{
	return s->overhead && !limits_are_pods(s->annotations);
}

/* Into the files first: systemd is told what was possible. */
static int apply(const struct host_limits *l, const struct state *s, bool late, struct err *err)
{
	int r = host_limits_apply(l, s->cgroups, late, err);

	return r < 0 || !s->unit ? r : scope_limit(&sdbus_system, s->unit, l, s->cgroups, late, err);
}

static int set(const struct oci_resources *r, const char *path, const struct host_room *room,
	       const struct state *s, bool early, bool late, struct err *err)
{
	_cleanup_(host_limits_done) struct host_limits l = {};
	int e = host_limits_plan(r, path, room, &l, err);

	if (e >= 0 && early)
		e = apply(&l, s, false, err);
	if (e >= 0 && late)
		e = apply(&l, s, true, err);
	return e;
}

/* What creation_limit() or an update has set; what somebody else put there stays. */
static int lift(const struct state *s, struct err *err)
{
	_cleanup_(host_limits_done) struct host_limits l = {};
	int r;

	if (!has_limits(s))
		return 0;
	r = host_limits_plan_lift(&l, err);
	if (r >= 0)
		r = apply(&l, s, false, err);
	if (r >= 0)
		host_limits_lift_throttles(s->cgroups);
	return r;
}

int limits_lift(int dir, struct err *err)
{
	_cleanup_(state_done) struct state s = {};
	/* First: an update that goes on at the same time looks for it last. */
	_close_ int fd = openat(dir, SHARED_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? err_errno(err, errno, "%s", SHARED_FILE) : state_load(dir, &s, err);

	if (r >= 0)
		r = lift(&s, err);
	return r < 0 ? err_wrap(err, "the sandbox's cgroup") : 0;
}

int limits_update(struct container *c, const struct oci_resources *now, uint32_t vm_memory,
		  struct err *err)
{
	const struct host_room room = { .vm = !c->state.sandbox,
					.vm_memory = vm_memory,
					.overhead = c->state.overhead };
	int r;

	if (!has_limits(&c->state))
		return 0;
	if (room.vm && faccessat(c->dir, SHARED_FILE, F_OK, 0) == 0)
		return 0;
	r = set(now, "resources", &room, &c->state, true, true, err);
	if (r >= 0 && room.vm && faccessat(c->dir, SHARED_FILE, F_OK, 0) == 0)
		r = lift(&c->state, err);
	return r;
}

int creation_limit(struct creation *c, bool late, struct err *err)
{
	const struct host_room room = { .vm = !c->pod.sandbox,
					.vm_memory = c->memory ? c->memory : c->boot_memory,
					.overhead = c->vm.overhead };
	int r = 0;

	if (c->pod.sandbox && !late)
		r = limits_lift(c->pod.dir, err);
	if (r < 0 || !c->vm.overhead || limits_are_pods(c->config->annotations))
		return r;
	return set(c->config->linux_->limits, "linux.resources", &room, &c->state, !late, late, err);
}
