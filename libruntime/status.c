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

/* Read once: it does not change while we run, and `list` asks for each container. */
static bool this_boot(const struct state *s)
{
	static __thread char boot[37];

	if (!*boot && proc_boot_id(boot) < 0)
		*boot = '\0';
	return strcmp(boot, s->boot_id) == 0;
}

int status_open_process(const struct state *s, const struct state_process *p)
{
	if (p->pid <= 0 || !this_boot(s))
		return -ESRCH;
	return proc_open(p->pid, p->start);
}

static bool alive(const struct state *s, const struct state_process *p)
{
	return p->pid > 0 && this_boot(s) && proc_alive(p->pid, p->start);
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
	enum status now = STATUS_STOPPED;

	/* A monitor that is not committed ends with its command; a sandbox's goes on. */
	if (strcmp(s->phase, "creating") == 0)
		return alive(s, s->sandbox ? &s->creator : &s->monitor) ? STATUS_CREATING :
									  STATUS_STOPPED;
	/* Without its stand-in nothing of the container is left for a caller to see. */
	if (!alive(s, &s->standin))
		return STATUS_STOPPED;
	if (ask_monitor(state_fd, s->id, &now) >= 0)
		return now == STATUS_CREATING ? STATUS_CREATED : now;
	/* A monitor that lives but does not answer (stopped by a signal, say): the record is the best there is. */
	if (alive(s, &s->monitor))
		(void)by_name(s->phase, &now);
	return now;
}
