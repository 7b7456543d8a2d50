/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: an init process, further processes, a cgroup. Nothing of a
 * container alone is mounted in the agent's own mount namespace, so it ends with
 * its processes and its cgroup. All states change in the loop; what takes time
 * (freezing, dying) is answered when the kernel tells of it.
 */
#ifndef MOAT_AGENT_CONTAINER_H
#define MOAT_AGENT_CONTAINER_H

#include <jansson.h>

#include "agent/agent.h"
#include "agent/process.h"

enum container_state {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_STOPPED, /* init was reaped */
};

struct container {
	struct container *next;
	struct agent *agent;
	char *id;
	enum container_state state;
	uint64_t namespaces; /* CLONE_NEW* that it has for itself, or shares with another */
	bool linux32; /* its personality */
	int netns; /* the network that it has for itself; -EBADF: the guest's, or another container's */
	struct oci_id_map *uid_map; /* of its user namespace */
	size_t n_uid_map;
	struct process *init,
		*processes; /* init is in the list too; NULL once its end was reported */
	char **memory; /* memory.h: names of those it uses */
	char **binds; /* paths of its bind mounts in the share */
	struct volume *volumes;
	json_t *resources; /* linux.resources, with the devices that came while it runs */
	struct added_device *added; /* those: container_device.c */
	int device_filter; /* program on its cgroup; -EBADF: none */
	struct resolver *resolver; /* NULL: none */
	char *cgroup_name;
	int cgroup; /* directory; -EBADF: none */
	int events, memory_events; /* cgroup.events, memory.events */
	struct loop_source *events_src, *memory_src;
	uint64_t oom_kills;
	bool paused; /* asked for */
	struct pending freezing; /* pause or resume */
	bool deleting; /* or its creation failed: goes away when it is empty */
	struct pending ending; /* who waits for that: delete, or a failed create */
	struct err *error; /* why its creation failed; NULL */
};

/* Links it; NULL if there is no memory. */
struct container *container_new(struct agent *a, const char *id);
/* Unlinks and frees, processes included; kills nothing. */
void container_free(struct container *c);
struct container *container_find(const struct agent *a, const char *id);
/* SIGKILL to everything in all of them. */
void container_kill_all(struct agent *a);
/* A child of the agent was reaped: one of ours, or an orphan. */
void container_child_reaped(struct agent *a, pid_t pid, int code, int status);

/* The container that the parameter "id" of a request names; NULL with err set. */
struct container *container_param(const struct agent *a, const json_t *params, struct err *err);
/* The parameters "stream", a multiple of WIRE_STREAMS that is not in use, and "passed" of a request. */
struct stream_params {
	uint32_t stream;
	struct passed passed[WIRE_PASSED_MAX];
	size_t n_passed;
};
int container_stream_params(const struct agent *a, const json_t *params, struct stream_params *ret,
			    struct err *err);

/* The parameter "seccomp" of a request; it may be absent, then *ret stays empty. */
int container_seccomp_param(const json_t *params, struct oci_seccomp_program *ret, struct err *err);

/* container_cgroup.c */
int container_make_cgroup(struct container *c, struct err *err);
/* Kills everything in it; without a cgroup, the init. */
void container_kill_processes(struct container *c);
/* True when no process is left in the cgroup. */
bool container_is_empty(const struct container *c);
void container_on_cgroup_event(struct container *c); /* container.c: something changed */

/* container_device.c */
/* Which devices it may use, by c->resources. */
int container_limit_devices(struct container *c, struct err *err);
void container_forget_devices(struct container *c);

/* Requests; see server.h. */
#define CONTAINER_REQUEST(name)                                                      \
	int name(struct agent *a, const struct pending *asked, const json_t *params, \
		 json_t **ret_result, struct err *err)
CONTAINER_REQUEST(container_create);
CONTAINER_REQUEST(container_start);
CONTAINER_REQUEST(container_delete);
CONTAINER_REQUEST(container_pause);
CONTAINER_REQUEST(container_resume);
CONTAINER_REQUEST(container_update);
CONTAINER_REQUEST(container_processes);
CONTAINER_REQUEST(container_stats);
CONTAINER_REQUEST(container_exec);
CONTAINER_REQUEST(container_kill);
CONTAINER_REQUEST(container_resize);
CONTAINER_REQUEST(container_add_device);
CONTAINER_REQUEST(container_remove_device);
CONTAINER_REQUEST(container_network);
CONTAINER_REQUEST(container_resolver);
CONTAINER_REQUEST(container_add_volume);
CONTAINER_REQUEST(container_remove_volume);
CONTAINER_REQUEST(volume_stats);
CONTAINER_REQUEST(volume_resize);

#endif
