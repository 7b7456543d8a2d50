/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/standin_client.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sock.h"
#include "base/str.h"
#include "libruntime/monitor_client.h"
#include "oci/mount_options.h"
#include "wire/setup_msg.h"

/* ---- start ---- */

/*
 * The pid namespace of the next child: that of init's stand-in (of another container's for a shared one), so that callers
 * see both in one /proc. It is for this thread's children only and is taken back at once.
 */
static int enter_pidns(int fd, int *ret_own, struct err *err)
{
	_close_ int own = -EBADF;

	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(fd, CLONE_NEWPID) < 0)
		return err_errno(err, errno, "join the container's pid namespace");
	*ret_own = take_fd(own);
	return 0;
}

int standin_spawn(const struct standin_start *s, struct standin_proc *ret, struct err *err)
{
	_close_ int mine = -EBADF, theirs = -EBADF, monitor = -EBADF, own_pidns = -EBADF;
	int pidns = s->join_pidfd >= 0 ? s->join_pidfd : s->pidns;
	int pair[2], r;

	monitor = sock_connect_at(s->state_fd, MONITOR_SOCKET, err);
	if (monitor < 0)
		return err_wrap(err, "connect to the monitor");
	r = sock_pair(pair, err);
	if (r < 0)
		return r;
	mine = pair[0];
	theirs = pair[1];
	if (pidns >= 0) {
		r = enter_pidns(pidns, &own_pidns, err);
		if (r < 0)
			return r;
	}

	static const int own[3] = { 0, 1, 2 };
	const int pty[3] = { s->console_fd, s->console_fd, s->console_fd };
	const int *stdio = s->console_fd >= 0 ? pty : s->stdio ? s->stdio : own;
	struct spawn_fd fds[5 + WIRE_PASSED_MAX] = {
		{ stdio[0], 0 }, { stdio[1], 1 }, { stdio[2], 2 }, { theirs, 3 }, { monitor, 4 },
	};
	for (unsigned int i = 0; i < s->preserve_fds; i++)
		fds[5 + i] = (struct spawn_fd){ PASSED_FIRST + (int)i, 5 + (int)i };
	const struct spawn sp = {
		.path = s->program,
		.exe_fd = -EBADF,
		.argv = s->args,
		.fds = fds,
		.n_fds = 5 + s->preserve_fds,
		.clone_flags = pidns >= 0 ? 0 : CLONE_NEWPID,
		.new_session = true,
	};

	r = spawn(&sp, &ret->pid, &ret->pidfd, err);
	if (pidns >= 0 && setns(own_pidns, CLONE_NEWPID) < 0 && r >= 0)
		r = err_errno(err, errno, "leave the container's pid namespace");
	if (r < 0)
		return err_wrap(err, "start '%s'", s->program);
	ret->setup = take_fd(mine);
	return 0;
}

/* ---- what to build ---- */

struct message {
	json_t *json;
	int *fds;
	size_t n_fds;
	struct spawn_fd owned[5]; /* namespaces that were opened for it */
	size_t n_owned;
};

static void message_done(struct message *m)
{
	size_t i;

	for (i = 0; i < m->n_owned; i++)
		fd_close(m->owned[i].from);
	free(m->fds);
	json_decref(m->json);
}

static int add_fd(struct message *m, int fd)
{
	int *v = reallocarray(m->fds, m->n_fds + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	m->fds = v;
	v[m->n_fds] = fd;
	return (int)m->n_fds++;
}

/* A namespace to join, as {"key": index}; -1 stands for a new one. */
static int add_namespace(struct message *m, json_t *obj, const char *key, const char *path,
			 int type, struct err *err)
{
	int fd, i = -1;

	if (path) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_errno(err, errno, "linux.namespaces: open '%s'", path);
		m->owned[m->n_owned++].from = fd;
		if (ioctl(fd, NS_GET_NSTYPE) != type)
			return err_set(err, EINVAL,
				       "linux.namespaces: '%s' is not a namespace of that type",
				       path);
		i = add_fd(m, fd);
		if (i < 0)
			return err_errno(err, -i, "stand-in");
	}
	json_object_set_new(obj, key, json_integer(i));
	return 0;
}

static const char *mount_kind(const struct oci_mount *m)
{
	static const char *const same[] = { "proc", "sysfs", "tmpfs", "devpts", "mqueue" };
	size_t i;

	if (strcmp(m->destination, "/dev") == 0)
		return "dev";
	for (i = 0; m->type && i < ARRAY_SIZE(same); i++)
		if (strcmp(m->type, same[i]) == 0)
			return same[i];
	return "skip"; /* only its mount point: the guest has the file system */
}

static const struct tree *find_tree(const struct trees *t, size_t index)
{
	size_t i;

	for (i = 1; i < t->n; i++)
		if (t->v[i].index == index)
			return &t->v[i];
	return NULL;
}

static int add_mount(struct message *msg, json_t *list, const struct standin_start *s, size_t index,
		     struct err *err)
{
	const struct oci_mount *m = &s->config->mounts[index];
	const struct tree *tree = find_tree(s->trees, index);
	struct oci_mount_flags flags = {};
	struct stat st;
	json_t *obj;
	int r, i;

	r = oci_mount_flags_parse(m->options, &flags, err);
	if (r < 0)
		return err_wrap(err, "mounts[%zu]", index);
	if (tree) {
		i = add_fd(msg, tree->view);
		obj = json_pack("{s:s, s:s, s:i, s:b, s:b}", "destination", m->destination, "kind",
				"bind", "fd", i, "file", !tree->dir, "readonly",
				(int)tree->readonly);
	} else {
		bool file = oci_mount_is_bind(m) && m->source && stat(m->source, &st) == 0 &&
			    !S_ISDIR(st.st_mode);

		obj = json_pack("{s:s, s:s, s:b, s:b, s:s*}", "destination", m->destination, "kind",
				oci_mount_is_bind(m) ? "skip" : mount_kind(m), "file", file,
				"readonly", (flags.set & 1) != 0, "options", flags.data);
	}
	oci_mount_flags_done(&flags);
	return obj && json_array_append_new(list, obj) == 0 ? 0 : err_errno(err, ENOMEM, "stand-in");
}

static const char *namespace_path(const struct oci_config *c, const char *type)
{
	const struct oci_namespace *ns = oci_namespace_find(c, type);

	return ns && ns->path && *ns->path ? ns->path : NULL;
}

static int describe_init(struct message *msg, const struct standin_start *s, struct err *err)
{
	const struct oci_config *c = s->config;
	json_t *mounts = json_array();
	size_t i;
	int r;

	json_object_set_new(msg->json, "mounts", mounts);
	if (c->hostname)
		json_object_set_new(msg->json, "hostname", json_string(c->hostname));
	if (c->domainname)
		json_object_set_new(msg->json, "domainname", json_string(c->domainname));
	json_object_set_new(msg->json, "root",
			    json_pack("{s:i, s:b}", "fd", add_fd(msg, s->trees->v[0].view),
				      "readonly", (int)c->root.readonly));
	if (s->resolver)
		json_object_set_new(msg->json, "resolver", json_true());
	r = add_namespace(msg, msg->json, "netns", namespace_path(c, "network"), CLONE_NEWNET, err);
	if (r >= 0)
		r = add_namespace(msg, msg->json, "ipcns", namespace_path(c, "ipc"), CLONE_NEWIPC,
				  err);
	if (r >= 0)
		r = add_namespace(msg, msg->json, "utsns", namespace_path(c, "uts"), CLONE_NEWUTS,
				  err);
	for (i = 0; r >= 0 && i < c->n_mounts; i++)
		r = add_mount(msg, mounts, s, i, err);
	return r;
}

static int describe_exec(struct message *msg, const struct standin_start *s, struct err *err)
{
	static const struct {
		const char *name;
		int type;
	} types[] = { { "mnt", CLONE_NEWNS },
		      { "uts", CLONE_NEWUTS },
		      { "ipc", CLONE_NEWIPC },
		      { "net", CLONE_NEWNET } };
	json_t *join = json_object();
	char path[64];
	size_t i;
	int r = 0;

	json_object_set_new(msg->json, "join", join);
	for (i = 0; r >= 0 && i < ARRAY_SIZE(types); i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", s->join_pid, types[i].name);
		r = add_namespace(msg, join, types[i].name, path, types[i].type, err);
	}
	/* The pid was checked by pidfd before; if it still lives now, the links were its own. */
	if (r >= 0 && proc_signal(s->join_pidfd, 0) < 0)
		r = err_set(err, ESRCH, "cannot exec in a stopped container");
	return r;
}

/* {"ok": true, "warnings": [...]} or {"error": {...}} */
static int read_answer(const struct standin_proc *p, struct err *err)
{
	const struct setup_limits limits = { .max_fds = 0 };
	_json_ json_t *answer = NULL;
	json_t *e, *w;
	int *fds = NULL;
	size_t n = 0, i;
	int r;

	r = setup_msg_recv(p->setup, &limits, &answer, &fds, &n, err);
	if (r < 0)
		return err_wrap(err, "stand-in");
	setup_msg_close(fds, n);
	e = json_object_get(answer, "error");
	if (e)
		return err_set(err, (int)js_get_int(e, "code", EIO), "%s",
			       js_get_str(e, "message") ?: "stand-in failed");
	json_array_foreach(json_object_get(answer, "warnings"), i, w)
		log_debug("stand-in: %s", json_string_value(w) ?: "");
	return 0;
}

int standin_setup(const struct standin_start *s, const struct standin_proc *p, struct err *err)
{
	_cleanup_(message_done) struct message msg = {};
	int r;

	msg.json = json_pack("{s:s, s:s, s:b, s:o}", "id", s->id, "exec", s->exec, "terminal",
			     (int)s->terminal, "passed",
			     passed_describe(s->passed, s->preserve_fds));
	if (!msg.json)
		return err_errno(err, ENOMEM, "stand-in");
	r = *s->exec ? describe_exec(&msg, s, err) : describe_init(&msg, s, err);
	if (r >= 0)
		r = setup_msg_send(p->setup, msg.json, msg.fds, msg.n_fds, err);
	return r < 0 ? r : read_answer(p, err);
}

int standin_go(struct standin_proc *p, struct err *err)
{
	const char go = SETUP_GO;
	int r = io_write_all(p->setup, &go, 1);

	p->setup = fd_close(p->setup);
	return r < 0 ? err_errno(err, -r, "stand-in") : 0;
}

void standin_cancel(struct standin_proc *p)
{
	p->setup = fd_close(p->setup);
	if (p->pid > 0) {
		if (p->pidfd >= 0)
			proc_signal(p->pidfd, SIGKILL);
		(void)proc_reap(p->pid, NULL);
	}
	p->pidfd = fd_close(p->pidfd);
	p->pid = 0;
}
