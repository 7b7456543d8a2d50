/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/join.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "agent/container.h"
#include "base/cleanup.h"

static const struct {
	const char *name; /* of the parameter */
	const char *link; /* in /proc/PID/ns */
	uint64_t type;
} types[JOIN_TYPES] = {
	{ "network", "net", CLONE_NEWNET },
	{ "ipc", "ipc", CLONE_NEWIPC },
	{ "uts", "uts", CLONE_NEWUTS },
	{ "pid", "pid", CLONE_NEWPID },
};

int join_init(struct agent *a, struct err *err)
{
	char path[32];

	for (size_t i = 0; i < JOIN_TYPES; i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", types[i].link);
		a->own_ns[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (a->own_ns[i] < 0)
			return err_errno(err, errno, "open %s", path);
	}
	return 0;
}

void join_add(struct joins *j, int fd, uint64_t type)
{
	j->v[j->n].fd = fd;
	j->v[j->n++].type = type;
	j->types |= type;
}

struct joins join_network(int netns)
{
	struct joins j = { .n = 0 };

	if (netns >= 0)
		join_add(&j, netns, CLONE_NEWNET);
	return j;
}

int join_param(const struct agent *a, const json_t *params, struct joins *ret, struct err *err)
{
	const json_t *join = json_object_get(params, "join");
	struct joins j = { .n = 0 };

	if (join && !json_is_object(join))
		return err_set(err, EINVAL, "join: an object is required");
	for (size_t i = 0; i < JOIN_TYPES; i++) {
		const json_t *v = json_object_get(join, types[i].name);
		const char *id = json_string_value(v);
		const struct container *c;

		if (!v)
			continue;
		c = id ? container_find(a, id) : NULL;
		if (!c || !c->init ||
		    (c->state != CONTAINER_CREATED && c->state != CONTAINER_RUNNING))
			return err_set(
				err, ESRCH,
				"container '%s', whose %s namespace is to be shared, is not there any more",
				id ? id : "", types[i].name);
		join_add(&j, c->init->pidfd, types[i].type);
	}
	*ret = j;
	return 0;
}

int join_enter(const struct agent *a, const struct joins *j)
{
	for (size_t i = 0; i < j->n; i++) {
		if (setns(j->v[i].fd, (int)j->v[i].type) == 0)
			continue;
		int code = errno;

		join_leave(a, j);
		return -code;
	}
	return 0;
}

void join_leave(const struct agent *a, const struct joins *j)
{
	for (size_t i = 0; i < JOIN_TYPES; i++)
		if (j->types & types[i].type && setns(a->own_ns[i], (int)types[i].type) < 0)
			agent_fatal("return to the %s namespace: %s", types[i].name, err_str(errno));
}
