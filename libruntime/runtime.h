/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container verbs, behind moat.h, which is what programs and the command use. Each function is one
 * verb, complete: on failure nothing that it made is left, and err holds the
 * one message for the user, in runc's words where runc has words for it.
 *
 * Namespaces of the calling thread change for moments; nothing of the process does.
 */
#ifndef MOAT_LIBRUNTIME_RUNTIME_H
#define MOAT_LIBRUNTIME_RUNTIME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "libruntime/moat.h"

#define RT_DEFAULT_ROOT MOAT_DEFAULT_ROOT

struct rt {
	const char *root; /* state directory; absolute or relative to the cwd */
	const char *config; /* configuration file; NULL: the default one if it exists */
	bool debug;
	bool systemd_cgroup; /* cgroupsPath is "slice:prefix:name" */
};

struct rt_create {
	const char *id;
	const char *bundle; /* NULL: "." */
	json_t *config; /* what config.json would say, borrowed; NULL: the bundle's. Without a bundle its paths are absolute */
	bool own_root; /* root.path is rootfs in the container's state directory, and is made */
	const char *sandbox; /* the container whose VM it joins; NULL: as config.json says */
	const char *pid_file; /* NULL: none; relative to the cwd */
	const char *console_socket; /* NULL: none */
	bool detach; /* the caller does not wait: a terminal needs a console socket */
	int console_fd; /* slave of a pty that the caller relays, -EBADF: none */
	const int *stdio; /* three descriptors, -EBADF for /dev/null; NULL: 0, 1 and 2 */
	unsigned int preserve_fds; /* that many descriptors of this process, from 3 on, are for the container's, too */
};

/* After success the container's process waits. *ret_pid (may be NULL) is its stand-in, a child of this process. */
int rt_create(const struct rt *rt, const struct rt_create *args, pid_t *ret_pid, struct err *err);
/*
 * What rt_create() would start, as a fresh JSON object: id, rootfs, sandbox (only if it joins the VM of one), template (whether
 * the VM may start from one), hypervisor, vm.argv (as for a boot; not if it joins), devices, volumes, network, and root_disk if there is one. Makes nothing.
 */
int rt_dry_run(const struct rt *rt, const struct rt_create *args, json_t **ret, struct err *err);
int rt_start(const struct rt *rt, const char *id, struct err *err);
int rt_kill(const struct rt *rt, const char *id, int sig, bool all, struct err *err);
/* force: in any state, also half-made ones; an unknown id is fine then. */
int rt_delete(const struct rt *rt, const char *id, bool force, struct err *err);
int rt_pause(const struct rt *rt, const char *id, struct err *err);
int rt_resume(const struct rt *rt, const char *id, struct err *err);
/* Gives the VM what has changed in its network namespace since it was last told. */
int rt_network(const struct rt *rt, const char *id, struct err *err);
/* resources: an OCI linux.resources object of which what is set is applied, and merged with what was set before. */
int rt_update(const struct rt *rt, const char *id, const json_t *resources, struct err *err);

/* A block device of the host for a container that runs. */
struct rt_device {
	const char *source; /* its node, or one of the vhost-user store */
	const char *path; /* in the container; NULL: the same */
	const char *access; /* of "r", "w", "m"; NULL: all. Without "w" it is read-only */
	const json_t *node; /* fileMode, uid, gid as in linux.devices; what is missing is the source's. NULL: all of it */
};
int rt_device_add(const struct rt *rt, const char *id, const struct rt_device *d, struct err *err);
/* -EBUSY: the guest uses it, unless force is set. */
int rt_device_remove(const struct rt *rt, const char *id, const char *path, bool force,
		     struct err *err);
/* A fresh array; see moat_container_list_devices(). */
int rt_device_list(const struct rt *rt, const char *id, json_t **ret, struct err *err);
/* What the guest says, cleaned: see moat_container_network(). */
int rt_guest_network(const struct rt *rt, const char *id, json_t **ret, struct err *err);

struct rt_exec {
	const char *id;
	json_t *process; /* OCI process object, complete; NULL: made from the container's with what follows */
	char *const *args; /* replaces process.args */
	char *const *env; /* added */
	const char *cwd; /* NULL: the container's */
	const char *user; /* "uid[:gid]"; NULL: the container's */
	char *const *additional_gids; /* numbers */
	char *const *caps; /* added to all sets but inheritable and ambient */
	int tty; /* 0 no, 1 yes, -1 as process says */
	const char *apparmor, *label; /* profile and SELinux label; NULL: the container's */
	char *const *cgroups; /* groups below the container's, "[CONTROLLER,...:]PATH": see rt_exec() */
	bool no_new_privs, ignore_paused;
	const char *pid_file;
	const char *console_socket;
	bool detach;
	int console_fd; /* as in rt_create */
	const int *stdio; /* likewise */
	unsigned int preserve_fds; /* likewise */
};

/*
 * The guest has one hierarchy: of cgroups only one without controllers can be joined. In a paused container the
 * program runs when that is resumed, which has to be within a minute.
 * After success the program runs. *ret_pid (may be NULL) is its stand-in, a child of this process.
 */
int rt_exec(const struct rt *rt, const struct rt_exec *args, pid_t *ret_pid, struct err *err);

struct rt_status {
	char *id, *status, *bundle, *rootfs, *created, *owner;
	char *sandbox; /* the container whose VM it is in; its own id if it has one of its own */
	pid_t pid; /* 0 when stopped */
	json_t *annotations; /* object or NULL */
	char **interfaces; /* of the network namespace, that the VM has; NULL: none */
};
void rt_status_done(struct rt_status *s);
/* "container does not exist" is -ENOENT. */
int rt_state(const struct rt *rt, const char *id, struct rt_status *ret, struct err *err);
/* Sorted by id; the caller frees each element and the array. A missing root directory is an empty list. */
int rt_list(const struct rt *rt, struct rt_status **ret, size_t *ret_n, struct err *err);

/* ---- ps ---- */

/* Processes of the host that stand for the container's: the stand-ins of init and of each exec, by number. */
struct rt_pids {
	pid_t *pids;
	size_t n;
};
/* The caller frees ret->pids. Of a stopped container there are none. */
int rt_pids(const struct rt *rt, const char *id, struct rt_pids *ret, struct err *err);

int rt_processes(const struct rt *rt, const char *id, struct moat_processes *ret, struct err *err);
void rt_processes_done(struct moat_processes *p);

/* ---- events ---- */

struct rt_events {
	int64_t interval_ms; /* between two stats; 0: one, and that is all */
	/* A JSON object for each, as runc prints it. A negative return ends it. */
	int (*on_event)(void *data, const json_t *event, struct err *err);
	void *data;
};
/* Returns when the container has ended. */
int rt_events(const struct rt *rt, const char *id, const struct rt_events *args, struct err *err);

/* ---- metrics ---- */

/*
 * Prometheus' text format, owned by the caller: of the VM that the container lives in, or with id NULL of all. A guest that does not answer
 * is waited for a few seconds, and its part is left out.
 */
int rt_metrics(const struct rt *rt, const char *id, char **ret, struct err *err);

#endif
