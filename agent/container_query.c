/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that only look: container.processes and container.stats. */
#include <errno.h>

#include "agent/cgroup.h"
#include "agent/container.h"
#include "agent/ps.h"
#include "agent/server.h"
#include "agent/stats.h"
#include "agent/trim.h"
#include "base/cleanup.h"
#include "base/json.h"

static int add_pid(pid_t pid, void *data)
{
	return json_array_append_new(data, json_integer(pid)) < 0 ? -ENOMEM : 0;
}

static int each_pid(const struct container *c, int (*fn)(pid_t pid, void *data), void *data,
		    struct err *err)
{
	int r = 0;

	if (c->cgroup >= 0)
		r = cgroup_each_pid(c->cgroup, fn, data);
	else
		for (const struct process *p = c->processes; p && r >= 0; p = p->next)
			if (p->state != PROCESS_EXITED)
				r = fn(p->pid, data);
	return r < 0 ? err_errno(err, -r, "processes") : 0;
}

/* Answers by itself, so that the memory of a long list can be given back behind it. */
static int answer(struct agent *a, const struct pending *asked, json_t *result)
{
	struct pending to = *asked;

	server_result(a, &to, result);
	trim_memory();
	return SERVER_LATER;
}

/* With "details": what ps shows, see ps.h. */
static int list_details(struct agent *a, const struct container *c, const struct pending *asked,
			struct err *err)
{
	struct ps ps = { .proc_fd = a->proc_fd, .list = json_array() };
	int r = ps.list ? each_pid(c, ps_add, &ps, err) : err_errno(err, ENOMEM, "processes");
	json_t *result = r < 0 ? NULL : ps_result(&ps);

	json_decref(ps.list);
	if (r < 0)
		return r;
	return result ? answer(a, asked, result) : err_errno(err, ENOMEM, "processes");
}

CONTAINER_REQUEST(container_processes)
{
	struct container *c = container_param(a, params, err);
	int r;

	if (!c)
		return -ENOENT;
	if (js_get_bool(params, "details", false))
		return list_details(a, c, asked, err);
	_json_ json_t *pids = json_array();
	if (!pids)
		return err_errno(err, ENOMEM, "processes");
	r = each_pid(c, add_pid, pids, err);
	if (r < 0)
		return r;
	*ret_result = json_pack("{s:O}", "pids", pids);
	return 0;
}

CONTAINER_REQUEST(container_stats)
{
	struct container *c = container_param(a, params, err);
	json_t *files;

	if (!c)
		return -ENOENT;
	if (c->cgroup < 0)
		return err_set(err, ENOTSUP, "there are no control groups");
	files = stats_read(c->cgroup);
	return files ? answer(a, asked, json_pack("{s:o}", "files", files)) :
		       err_errno(err, ENOMEM, "stats");
}
