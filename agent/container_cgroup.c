/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent/cgroup.h"
#include "agent/container.h"
#include "agent/server.h"
#include "base/log.h"
#include "base/str.h"

#define NAME_MAX_ID 200 /* an id may be longer than a file name */

static void on_events(struct loop_source *src, uint32_t revents, void *data)
{
	container_on_cgroup_event(data);
}

static void on_memory_events(struct loop_source *src, uint32_t revents, void *data)
{
	struct container *c = data;
	uint64_t kills = cgroup_event(c->memory_events, "oom_kill");

	if (kills > c->oom_kills)
		server_event(c->agent, json_pack("{s:s, s:s}", "event", "oom", "id", c->id));
	c->oom_kills = kills;
}

int container_make_cgroup(struct container *c, struct err *err)
{
	static unsigned int serial;
	struct agent *a = c->agent;

	if (a->cgroup_fd < 0)
		return 0;
	c->cgroup_name = strlen(c->id) <= NAME_MAX_ID ?
				 strdup(c->id) :
				 str_printf("%.*s+%u", NAME_MAX_ID, c->id, ++serial);
	if (!c->cgroup_name)
		return err_errno(err, ENOMEM, "cgroup");
	c->cgroup = cgroup_create(a->cgroup_fd, c->cgroup_name, err);
	if (c->cgroup < 0)
		return c->cgroup;
	c->events = openat(c->cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (c->events < 0)
		return err_errno(err, errno, "open cgroup.events");
	c->events_src = loop_add_io(a->loop, c->events, EPOLLPRI, on_events, c, err);
	if (!c->events_src)
		return -ENOMEM;
	/* Only where there is a memory controller. */
	c->memory_events = openat(c->cgroup, "memory.events", O_RDONLY | O_CLOEXEC);
	if (c->memory_events >= 0)
		c->memory_src = loop_add_io(a->loop, c->memory_events, EPOLLPRI, on_memory_events,
					    c, NULL);
	return 0;
}

void container_kill_processes(struct container *c)
{
	int r = c->cgroup >= 0 ? cgroup_kill(c->cgroup) : 0;

	if (r < 0) {
		log_warn("kill cgroup %s: %s", c->cgroup_name, err_str(-r));
		cgroup_signal(c->cgroup, SIGKILL);
	}
	/* They may have been born into a group further up, or there is none. */
	for (const struct process *p = c->processes; p; p = p->next)
		if (p->state != PROCESS_EXITED)
			kill(p->pid, SIGKILL);
}

bool container_is_empty(const struct container *c)
{
	return c->cgroup < 0 || c->events < 0 || !cgroup_event(c->events, "populated");
}
