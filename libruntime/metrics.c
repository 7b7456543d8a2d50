/* SPDX-License-Identifier: Apache-2.0 */
/* Which sandboxes there are, and whom to ask. Nobody waits longer than a few seconds for a guest that hangs. */
#include "libruntime/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/num.h"
#include "base/path.h"
#include "libruntime/container.h"
#include "libruntime/monitor_client.h"
#include "libruntime/store.h"
#include "version.h"

#define GUEST_MS 4000 /* the monitor gives it two seconds */
#define PIDS_MAX 4096
#define MIB ((uint64_t)1 << 20)

struct pids {
	pid_t v[PIDS_MAX];
	size_t n;
};

/* Containers that have joined the VM of another, and whose. */
struct members {
	char **ids, **sandboxes;
	size_t n;
};

static void members_done(struct members *m)
{
	strv_free(m->ids);
	strv_free(m->sandboxes);
}

/* A number may be a stranger's by now. */
static void take_live(const struct state *s, const struct state_process *who, struct pids *p)
{
	_close_ int fd = status_open_process(s, who);

	if (fd >= 0 && p->n < PIDS_MAX)
		p->v[p->n++] = who->pid;
}

/* All who are in a container's cgroup; it is the same in each hierarchy. Without any there are those that are recorded. */
static void take_pids(const struct state *s, struct pids *p)
{
	_free_ char *procs = s->cgroups ? path_join(s->cgroups[strv_len(s->cgroups) - 1],
						    "cgroup.procs") :
					  NULL;
	_free_ char *text = NULL;
	char *save = NULL, *line;
	int pid;

	if (!procs || io_read_file(AT_FDCWD, procs, 1 << 20, &text, NULL, NULL) < 0) {
		if (!s->sandbox)
			take_live(s, &s->monitor, p);
		take_live(s, &s->standin, p);
		return;
	}
	for (line = strtok_r(text, "\n", &save); line && p->n < PIDS_MAX;
	     line = strtok_r(NULL, "\n", &save))
		if (num_int(line, 1, INT32_MAX, &pid) >= 0)
			p->v[p->n++] = pid;
}

static int ask(const struct container *c, const char *method, json_t **ret)
{
	_json_ json_t *params = json_pack("{s:s}", "id", c->state.id);

	return params ? monitor_request(c->dir, method, params, GUEST_MS, ret, NULL) : -ENOMEM;
}

static void one_container(struct metrics *m, const char *sandbox, const struct container *c,
			  bool *guest)
{
	_json_ json_t *stats = NULL;
	bool up = c->status == STATUS_RUNNING || c->status == STATUS_PAUSED;

	metrics_add(m, METRIC_CONTAINER_UP, up, "sandbox=\"%s\",container=\"%s\"", sandbox,
		    c->state.id);
	if (!*guest || c->status == STATUS_STOPPED)
		return;
	/* One that has kept us waiting is not asked again, of the others. */
	*guest = ask(c, "stats", &stats) >= 0;
	if (*guest)
		metrics_container(m, sandbox, c->state.id, stats);
}

/* The monitor's own answer, which no guest can delay. */
static bool vm(struct metrics *m, const char *sandbox, const struct container *c)
{
	_json_ json_t *params = json_object(), *state = NULL;
	const char *phase;
	int64_t memory, vcpus;
	bool up;

	up = monitor_request(c->dir, "state", params, MONITOR_STATE_MS, &state, NULL) >= 0;
	metrics_add(m, METRIC_SANDBOX_UP, up, "sandbox=\"%s\"", sandbox);
	if (!up)
		return false;
	memory = js_get_int(state, "memory", 0);
	vcpus = js_get_int(state, "vcpus", 0);
	if (memory > 0 && memory <= UINT32_MAX)
		metrics_add(m, METRIC_VM_MEMORY, (uint64_t)memory * MIB, "sandbox=\"%s\"", sandbox);
	if (vcpus > 0)
		metrics_add(m, METRIC_VM_VCPUS, (uint64_t)vcpus, "sandbox=\"%s\"", sandbox);
	phase = js_get_str(state, "vm");
	return phase && strcmp(phase, "ready") == 0;
}

static bool guest(struct metrics *m, const char *sandbox, const struct container *c)
{
	_json_ json_t *stats = NULL;
	bool up = ask(c, "guest.stats", &stats) >= 0;

	if (up)
		metrics_guest(m, sandbox, stats);
	return up;
}

/* Asked again of one that is opened again: it may be another by then. */
static bool is_member(const struct container *c, const char *sandbox)
{
	return c->state.sandbox && strcmp(c->state.sandbox, sandbox) == 0;
}

static void one_sandbox(const struct rt *rt, struct metrics *m, const struct container *c,
			const struct members *members)
{
	_free_ struct pids *pids = calloc(1, sizeof(*pids));
	const char *sandbox = c->state.id;
	bool ready;

	if (!pids) {
		m->family[METRIC_BUILD].failed = true;
		return;
	}
	ready = vm(m, sandbox, c);
	ready = ready && guest(m, sandbox, c);
	metrics_add(m, METRIC_AGENT_UP, ready, "sandbox=\"%s\"", sandbox);
	take_pids(&c->state, pids);
	one_container(m, sandbox, c, &ready);
	for (size_t i = 0; i < members->n; i++) {
		_cleanup_(container_close) struct container other = { .root_fd = -EBADF,
								      .dir = -EBADF };

		if (strcmp(members->sandboxes[i], sandbox) != 0 ||
		    container_open(rt, members->ids[i], false, &other, NULL) < 0 ||
		    !is_member(&other, sandbox))
			continue;
		take_pids(&other.state, pids);
		one_container(m, sandbox, &other, &ready);
	}
	metrics_host(m, sandbox, pids->v, pids->n);
}

static int by_id(const struct rt *rt, const char *id, const struct members *members,
		 struct metrics *m, struct err *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	int r = container_open(rt, id, false, &c, err);

	if (r < 0)
		return r;
	if (c.state.sandbox) {
		_free_ char *sandbox = strdup(c.state.sandbox);

		container_close(&c);
		r = sandbox ? container_open(rt, sandbox, false, &c, err) :
			      err_errno(err, ENOMEM, "metrics");
	}
	if (r >= 0)
		one_sandbox(rt, m, &c, members);
	return r < 0 ? r : 0;
}

/* Each container is looked at once; one that is gone by then is left out. */
static int look(const struct rt *rt, char *const *ids, struct members *members, char ***ret_owners)
{
	for (; ids && *ids; ids++) {
		_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };

		if (container_open(rt, *ids, false, &c, NULL) < 0)
			continue;
		if (!c.state.sandbox) {
			if (strv_add(ret_owners, *ids) < 0)
				return -ENOMEM;
			continue;
		}
		if (strv_add(&members->ids, *ids) < 0 ||
		    strv_add(&members->sandboxes, c.state.sandbox) < 0)
			return -ENOMEM;
		members->n++;
	}
	return 0;
}

static int collect(const struct rt *rt, const char *id, struct metrics *m, struct err *err)
{
	_cleanup_(members_done) struct members members = {};
	_close_ int root_fd = store_open(rt->root, false, err);
	_strv_ char **ids = NULL, **owners = NULL;
	int r = root_fd;

	if (r == -ENOENT)
		return id ? err_set(err, ENOENT, "container does not exist") : 0;
	if (r >= 0)
		r = store_list(root_fd, &ids, err);
	if (r < 0)
		return r;
	if (look(rt, ids, &members, &owners) < 0)
		return err_errno(err, ENOMEM, "metrics");
	if (id)
		return by_id(rt, id, &members, m, err);
	for (char **i = owners; i && *i; i++) {
		_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };

		if (container_open(rt, *i, false, &c, NULL) >= 0 && !c.state.sandbox)
			one_sandbox(rt, m, &c, &members);
	}
	return 0;
}

int rt_metrics(const struct rt *rt, const char *id, char **ret, struct err *err)
{
	_cleanup_(metrics_done) struct metrics m = {};
	char *text;
	int r;

	metrics_add(&m, METRIC_BUILD, 1, "version=\"%s\"", MOAT_VERSION);
	r = collect(rt, id, &m, err);
	if (r < 0)
		return r;
	text = metrics_text(&m);
	if (!text)
		return err_errno(err, ENOMEM, "metrics");
	*ret = text;
	return 0;
}
