/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/pod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "libruntime/status.h"
#include "libruntime/store.h"
#include "oci/pod.h"
#include "oci/validate.h"

static const struct {
	const char *type; /* in config.json */
	const char *link; /* in /proc/PID/ns */
} types[POD_NAMESPACES] = {
	[POD_NETWORK] = { "network", "net" },
	[POD_IPC] = { "ipc", "ipc" },
	[POD_UTS] = { "uts", "uts" },
	[POD_PID] = { "pid", "pid" },
};

/* The search for owners of what config.json names by path. */
struct search {
	const char *id; /* of the new container */
	int root_fd;
	struct stat wanted[POD_NAMESPACES]; /* st_ino 0: not by path, or of the host */
	bool any;
	const char *what; /* the namespace that decided on the VM */
	struct pod *pod;
};

void pod_done(struct pod *p)
{
	free(p->sandbox);
	for (size_t i = 0; i < POD_NAMESPACES; i++)
		free(p->owner[i]);
	fd_close(p->dir);
	fd_close(p->monitor_pidfd);
	fd_close(p->pidns);
	*p = (struct pod)POD_INIT;
}

const char *pod_namespace_path(const struct oci_config *c, enum pod_namespace type)
{
	const struct oci_namespace *ns = oci_namespace_find(c, types[type].type);

	return ns && ns->path && *ns->path ? ns->path : NULL;
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* What cannot be looked at is left to who opens it, and says so. */
static void look_at_paths(struct search *s, const struct oci_config *c)
{
	for (size_t i = 0; i < POD_NAMESPACES; i++) {
		const char *path = pod_namespace_path(c, (enum pod_namespace)i);
		struct stat own;
		char link[64];

		snprintf(link, sizeof(link), "/proc/thread-self/ns/%s", types[i].link);
		if (!path || stat(path, &s->wanted[i]) < 0 || stat(link, &own) < 0 ||
		    same(&s->wanted[i], &own))
			s->wanted[i].st_ino = 0;
		s->any = s->any || s->wanted[i].st_ino;
	}
}

static int note_owner(struct search *s, size_t type, const char *id, const char *vm, struct err *err)
{
	struct pod *p = s->pod;
	char *copy;

	if (p->sandbox && strcmp(p->sandbox, vm) != 0)
		return err_set(
			err, EXDEV,
			"linux.namespaces: the %s namespace is of container '%s', but %s '%s': they are in different virtual machines",
			types[type].type, id, s->what, p->sandbox);
	if (!p->sandbox) {
		p->sandbox = strdup(vm);
		s->what = "others are of sandbox";
	}
	/* Those who share one have the same; the sandbox lives longest. */
	if (p->sandbox && p->owner[type] && strcmp(id, vm) != 0)
		return 0;
	copy = strdup(id);
	free(p->owner[type]);
	p->owner[type] = copy;
	return copy && p->sandbox ? 0 : err_errno(err, ENOMEM, "pod");
}

static int look_at_container(struct search *s, const char *id, struct err *err)
{
	_close_ int dir = store_get(s->root_fd, id, NULL), standin = -EBADF;
	_cleanup_(state_done) struct state state = {};
	char link[64];
	struct stat st;
	int r = 0;

	/* One that is damaged or about to vanish owns nothing. */
	if (dir < 0 || state_load(dir, &state, NULL) < 0)
		return 0;
	standin = status_open_process(&state, &state.standin);
	if (standin < 0)
		return 0;
	for (size_t i = 0; r >= 0 && i < POD_NAMESPACES; i++) {
		snprintf(link, sizeof(link), "/proc/%d/ns/%s", state.standin.pid, types[i].link);
		if (s->wanted[i].st_ino && stat(link, &st) == 0 && same(&st, &s->wanted[i]))
			r = note_owner(s, i, id, state.sandbox ? state.sandbox : id, err);
	}
	return r;
}

static int look_at_containers(struct search *s, struct err *err)
{
	_strv_ char **ids = NULL;
	int r = s->any ? store_list(s->root_fd, &ids, err) : 0;

	for (size_t i = 0; r >= 0 && ids && ids[i]; i++)
		if (strcmp(ids[i], s->id) != 0)
			r = look_at_container(s, ids[i], err);
	return r;
}

/* The error of a sandbox that cannot be joined. */
static int refuse(const char *sandbox, const char *key, const char *why, struct err *err)
{
	return err_set(err, ESRCH, "cannot join sandbox '%s'%s%s: %s", sandbox,
		       key ? " of annotation " : "", key ? key : "", why);
}

static int open_sandbox(int root_fd, const struct oci_pod *named, struct pod *p, struct err *err)
{
	_cleanup_(state_done) struct state s = {};
	int r;

	p->dir = root_fd < 0 ? -ENOENT : store_get(root_fd, p->sandbox, err);
	if (p->dir < 0 && p->dir != -ENOENT)
		return p->dir;
	r = p->dir < 0 ? p->dir : state_load(p->dir, &s, err);
	if (r == -ENOENT)
		return refuse(
			p->sandbox, named->key,
			named->key && strstr(named->key, "cri-o") ?
				"there is no such container (with drop_infra_ctr = true CRI-O makes none)" :
				"there is no such container",
			err);
	if (r < 0)
		return err_wrap(err, "sandbox '%s'", p->sandbox);
	if (s.sandbox)
		return refuse(p->sandbox, named->key, "that has joined another one itself", err);
	switch (status_compute(p->dir, &s)) {
	case STATUS_CREATING:
		return refuse(p->sandbox, named->key, "it is still being created", err);
	case STATUS_STOPPED:
		return refuse(p->sandbox, named->key, "it has ended", err);
	default:
		break;
	}
	p->monitor = s.monitor;
	p->monitor_pidfd = status_open_process(&s, &s.monitor);
	return p->monitor_pidfd < 0 ? refuse(p->sandbox, named->key, "it has ended", err) : 0;
}

/* Kept open: whatever happens to the path, this is what was compared. */
static int open_pidns(const struct search *s, const struct oci_config *c, struct err *err)
{
	const char *path = pod_namespace_path(c, POD_PID);
	struct stat st;

	if (!s->pod->owner[POD_PID])
		return 0;
	s->pod->pidns = open(path, O_RDONLY | O_CLOEXEC);
	if (s->pod->pidns < 0 || fstat(s->pod->pidns, &st) < 0)
		return err_errno(err, errno, "linux.namespaces: open '%s'", path);
	return same(&st, &s->wanted[POD_PID]) ?
		       0 :
		       err_set(err, ESRCH, "linux.namespaces: '%s' has changed", path);
}

static int find(struct search *s, const struct oci_pod *named, const struct oci_config *c,
		struct err *err)
{
	int r;

	if (named->role == OCI_POD_MEMBER) {
		s->pod->sandbox = strdup(named->sandbox);
		s->what = named->key ? "annotations name sandbox" : "it is to join";
		if (!s->pod->sandbox)
			return err_errno(err, ENOMEM, "pod");
	}
	r = s->root_fd < 0 ? 0 : look_at_containers(s, err);
	if (r < 0 || !s->pod->sandbox)
		return r;
	r = open_sandbox(s->root_fd, named, s->pod, err);
	return r < 0 ? r : open_pidns(s, c, err);
}

int pod_find(const struct rt *rt, const char *id, const char *sandbox, const struct oci_config *c,
	     struct pod *ret, struct err *err)
{
	struct pod pod = POD_INIT;
	struct search s = { .id = id, .pod = &pod };
	_close_ int root_fd = -EBADF;
	struct oci_pod named;
	int r;

	r = sandbox ? oci_id_validate(sandbox, err) : oci_pod_read(c, &named, err);
	if (r < 0)
		return r;
	if (sandbox)
		named = (struct oci_pod){ .role = OCI_POD_MEMBER, .sandbox = sandbox };
	look_at_paths(&s, c);
	/* A sandbox has a VM of its own, whoever else is in the namespaces that were made for it. */
	if (named.role == OCI_POD_SANDBOX || (named.role == OCI_POD_NONE && !s.any))
		return 0;
	root_fd = store_open(rt->root, false, err);
	if (root_fd < 0 && root_fd != -ENOENT)
		return root_fd;
	s.root_fd = root_fd;
	r = find(&s, &named, c, err);
	if (r < 0)
		pod_done(&pod);
	else
		*ret = pod;
	return r;
}

json_t *pod_describe(const struct pod *p)
{
	json_t *out = json_object();

	for (size_t i = 0; out && i < POD_NAMESPACES; i++)
		if (p->owner[i])
			json_object_set_new(out, types[i].type, json_string(p->owner[i]));
	return out;
}
