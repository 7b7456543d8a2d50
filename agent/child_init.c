/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/report.h"
#include "agent/sysctl.h"
#include "agent/userns.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "oci/hook.h"

static int set_names(const struct child *ch, struct err *err)
{
	const struct oci_config *c = ch->rootfs->config;

	if (!(ch->namespaces & CLONE_NEWUTS))
		return 0;
	if (c->hostname && *c->hostname && sethostname(c->hostname, strlen(c->hostname)) < 0)
		return err_errno(err, errno, "sethostname");
	if (c->domainname && *c->domainname &&
	    setdomainname(c->domainname, strlen(c->domainname)) < 0)
		return err_errno(err, errno, "setdomainname");
	return 0;
}

/* Offsets can be set only as long as nobody is in the namespace: it is made, set, and then entered. */
static int enter_time(const struct child *ch, struct err *err)
{
	const struct oci_time_offsets *t = ch->rootfs->config->linux_->time_offsets;
	char text[128];
	int r = 0;

	if (!(ch->namespaces & CLONE_NEWTIME))
		return 0;
	if (unshare(CLONE_NEWTIME) < 0)
		return err_errno(err, errno, "unshare time namespace");
	if (t) {
		snprintf(text, sizeof(text), "monotonic %lld %u\nboottime %lld %u\n",
			 (long long)t->monotonic.secs, t->monotonic.nanosecs,
			 (long long)t->boottime.secs, t->boottime.nanosecs);
		r = io_write_string(ch->agent->proc_fd, "self/timens_offsets", text, err);
	}
	if (r < 0)
		return err_wrap(err, "linux.timeOffsets");
	_close_ int ns = openat(ch->agent->proc_fd, "self/ns/time_for_children",
				O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWTIME) < 0)
		return err_errno(err, errno, "enter time namespace");
	return 0;
}

/* Everything in which this is the first process, up to the container's root. */
static int enter_container(struct child *ch, int *ret_tty, struct err *err)
{
	struct rootfs *r = ch->rootfs;
	int rc, tty = -EBADF;
	char mapped;

	if (ch->namespaces & CLONE_NEWUSER && io_read_all(ch->start, &mapped, 1) < 0)
		return err_set(err, ECANCELED, "there are no user namespace mappings");
	if (ch->namespaces & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0)
		return err_errno(err, errno, "unshare cgroup namespace");
	if ((rc = child_oom_score(ch, err)) < 0 || (rc = enter_time(ch, err)) < 0 ||
	    (rc = set_names(ch, err)) < 0 ||
	    (rc = sysctl_apply(ch->agent->proc_fd, r->config->linux_->sysctl, false, err)) < 0 ||
	    (rc = rootfs_attach(r, err)) < 0)
		return rc;
	/* Files that are made from here on are to belong to somebody there. */
	if (ch->namespaces & CLONE_NEWUSER && (rc = userns_become_root(err)) < 0)
		return rc;
	if ((rc = sysctl_apply(ch->agent->proc_fd, r->config->linux_->sysctl, true, err)) < 0 ||
	    (rc = rootfs_mount(r, err)) < 0)
		return rc;
	if (ch->process->terminal) {
		tty = child_open_tty(ch, r->env.root, err);
		rc = tty < 0 ? tty : rootfs_console(r, tty, err);
	}
	if (rc < 0 || (rc = rootfs_enter(r, err)) < 0)
		return rc;
	*ret_tty = tty;
	return 0;
}

static void on_signal(int sig)
{
	_exit(128 + sig);
}

/*
 * The kernel ignores a signal that a pid namespace's first process has no
 * handler for. One that is killed before its start is to end all the same.
 */
static void die_on_signals(void)
{
	struct sigaction die = { .sa_handler = on_signal };

	for (int sig = 1; sig < NSIG; sig++) {
		if (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH ||
		    sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			continue;
		sigaction(sig, &die, NULL);
	}
}

/* Nothing of the guest's goes on into the process that waits: no descriptor of its tree, or of its /proc. */
static int close_guest(const struct child *ch, int tty, struct err *err)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int keep[] = { ch->report,   ch->start, ch->stdio[0], ch->stdio[1],
			     ch->stdio[2], tty,       root };

	if (root < 0)
		return err_errno(err, errno, "open /");
	child_close_others(ch, keep, ARRAY_SIZE(keep));
	return root;
}

/* As the user of the program, in its directory; the pid is the one that the container knows. */
static int run_hooks(struct child *ch, struct err *err)
{
	const struct oci_hooks *h = ch->rootfs->config->hooks;

	if (!ch->state || !h)
		return 0;
	if (json_object_set_new(ch->state, "pid", json_integer(getpid())) < 0)
		return err_errno(err, ENOMEM, "startContainer hooks");
	return oci_hooks_run(&(struct oci_hook_run){ .name = "startContainer",
						     .hooks = h->start_container,
						     .n = h->n_start_container,
						     .cwd = ch->process->cwd },
			     ch->state, err);
}

void child_init(struct child *ch)
{
	char *program, **env, go;
	struct err err = { 0 };
	int tty = -EBADF, root;

	child_begin(ch, ch->start);
	if (enter_container(ch, &tty, &err) < 0 || (root = close_guest(ch, tty, &err)) < 0) {
		err_wrap(&err, "error during container init");
		child_fail(ch, &err);
	}
	if (child_become(ch, root, tty, &program, &env, &err) < 0)
		child_fail(ch, &err);
	child_close_others(ch, (const int[]){ ch->report, ch->start }, 2);
	die_on_signals();
	if (report_send(ch->report, REPORT_READY, 0, "", NULL, 0) < 0)
		_exit(1);
	/* End of file: the container was deleted instead. */
	if (io_read_all(ch->start, &go, 1) < 0)
		_exit(1);
	if (run_hooks(ch, &err) < 0)
		child_fail(ch, &err);
	child_execve(ch, program, env, &err);
	/* As runc has it: now it is the container's own failure. */
	io_write_all(STDERR_FILENO, err.msg, strlen(err.msg));
	io_write_all(STDERR_FILENO, "\n", 1);
	_exit(1);
}
