/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/status.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/proc.h"
#include "libruntime/monitor_client.h"

static const char *const names[] = { "creating", "created", "running", "paused", "stopped" };

const char *status_name(enum status s)
{
	return names[s];
}

int status_open_process(const struct state *s, const struct state_process *p)
{
	char boot[37];

	if (p->pid <= 0 || proc_boot_id(boot) < 0 || strcmp(boot, s->boot_id) != 0)
		return -ESRCH;
	return proc_open(p->pid, p->start);
}

static int by_name(const char *name, enum status *ret)
{
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (enum status)i;
			return 0;
		}
	return -EINVAL;
}

static int ask_monitor(int state_fd, const char *id, enum status *ret)
{
	_json_ json_t *params = json_object(), *result = NULL;
	json_t *c;
	size_t i;
	int r;

	r = monitor_request(state_fd, "state", params, MONITOR_STATE_MS, &result, NULL);
	if (r < 0)
		return r;
	json_array_foreach(json_object_get(result, "containers"), i, c) {
		const char *cid = js_get_str(c, "id");

		if (cid && strcmp(cid, id) == 0)
			return by_name(js_get_str(c, "status"), ret);
	}
	return -ENOENT;
}

enum status status_compute(int state_fd, const struct state *s)
{
	_close_ int monitor = -EBADF, standin = -EBADF;
	enum status now = STATUS_STOPPED;

	monitor = status_open_process(s, &s->monitor);
	if (strcmp(s->phase, "creating") == 0)
		return monitor >= 0 ? STATUS_CREATING : STATUS_STOPPED;
	/* Without either of them nothing of the container is left that could run. */
	standin = status_open_process(s, &s->standin);
	if (monitor < 0 || standin < 0)
		return STATUS_STOPPED;
	if (ask_monitor(state_fd, s->id, &now) >= 0)
		return now == STATUS_CREATING ? STATUS_CREATED : now;
	/* It lives but does not answer (stopped by a signal, say): the record is the best there is. */
	return by_name(s->phase, &now) >= 0 ? now : STATUS_STOPPED;
}
