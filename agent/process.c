/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/container.h"
#include "agent/report.h"
#include "agent/server.h"
#include "agent/userns.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#define STALL_MS 1000

/* ---- reports on the way to the program ---- */

static void fail(struct process *p, int code, const char *msg)
{
	if (!p->error)
		p->error = calloc(1, sizeof(*p->error));
	if (p->error)
		err_set(p->error, code, "unable to start container process: %s", msg);
}

static void end_report(struct process *p)
{
	p->report_src = loop_remove(p->report_src);
	p->report = fd_close(p->report);
	if (p->error || (p->start >= 0 && p->state == PROCESS_STARTING))
		return; /* it has ended too; the rest comes when it is reaped */
	p->start = fd_close(p->start);
	p->state = PROCESS_RUNNING;
	container_on_running(p);
}

static void on_tty(struct process *p, const int fds[2])
{
	struct err err;

	if (stdio_open_tty(&p->io, fds[0], fds[1], &err) < 0)
		log_error("terminal: %s", err.msg);
}

/* True if there may be more. */
static bool read_report(struct process *p)
{
	struct report r;
	int fds[2];
	int n = report_recv(p->report, &r, fds);

	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		end_report(p);
		return false;
	}
	switch ((enum report_kind)r.kind) {
	case REPORT_ERROR:
		fail(p, r.code, r.text);
		break;
	case REPORT_LOG:
		log_msg((enum log_level)r.code, "%s", r.text);
		break;
	case REPORT_READY:
		p->state = PROCESS_READY;
		container_on_ready(p->container);
		break;
	case REPORT_TTY:
		on_tty(p, fds);
		break;
	}
	return true;
}

static void on_report(struct loop_source *src, uint32_t revents, void *data)
{
	read_report(data);
}

/* ---- birth ---- */

/* The kernel writes to *ret_pidfd. */
static pid_t clone_into(uint64_t flags, int cgroup,
			int *ret_pidfd) /* NOLINT(readability-non-const-parameter) */
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? -errno : (pid_t)pid;
}

/* A member of an existing pid namespace is ours to wait for all the same, and never has another pid. */
static pid_t make_child(struct agent *a, struct child *ch, uint64_t flags, int cgroup,
			int *ret_pidfd)
{
	pid_t pid;
	int r;

	r = join_enter(a, ch->joins);
	if (r < 0)
		return r;
	pid = clone_into(flags, cgroup, ret_pidfd);
	if (pid != 0)
		join_leave(a, ch->joins);
	return pid;
}

/* Descriptors of both sides; ours are in p and io, the child's in ch. */
static int make_channels(struct process *p, struct child *ch, struct err *err)
{
	int report[2], start[2], r;

	r = report_pair(report);
	if (r < 0)
		return err_errno(err, -r, "socketpair");
	p->report = report[0];
	ch->report = report[1];
	fd_set_nonblock(p->report, true);
	if (ch->rootfs) {
		if (pipe2(start, O_CLOEXEC) < 0)
			return err_errno(err, errno, "pipe");
		ch->start = start[0];
		p->start = start[1];
	}
	r = ch->process->terminal ? 0 : stdio_open_pipes(&p->io, ch->stdio, err);
	return r < 0 ? r : stdio_open_passed(&p->io, ch->passed, ch->n_passed, err);
}

/* So that /dev/stdout and its like can be opened again: inside, nobody could give these pipes to the user. */
static void own_stdio(const struct container *c, const struct child *ch)
{
	uint32_t uid = userns_outer(c->uid_map, c->n_uid_map, ch->process->user.uid);

	for (size_t i = 0; uid != USERNS_NONE && i < 3 + ch->n_passed; i++) {
		int fd = i < 3 ? ch->stdio[i] : ch->passed[i - 3].child;

		if (fd >= 0 && fchown(fd, uid, (gid_t)-1) < 0)
			log_warn("give descriptor %zu to the user: %s", i, err_str(errno));
	}
}

/* What a process in a new user namespace waits for. Failures are its failure to start. */
static void set_up_userns(struct process *p, const struct child *ch)
{
	struct err err = { 0 };
	int r = userns_map(p->agent, p->pid, ch->rootfs->config->linux_, &err);

	if (r >= 0)
		r = child_rlimits(p->pid, ch->process, &err);
	if (r >= 0)
		r = process_start(p, &err);
	if (r < 0) {
		fail(p, err.code, err.msg);
		kill(p->pid, SIGKILL);
	}
}

static void on_flushed(void *data)
{
	struct process *p = data;

	p->flushed = true;
	p->stall = loop_remove(p->stall);
	container_on_flushed(p);
}

int process_spawn(struct agent *a, struct container *c, const char *exec, uint32_t stream,
		  struct child *ch, void (*entry)(struct child *ch), uint64_t flags, int cgroup,
		  struct process **ret, struct err *err)
{
	struct process *p = calloc(1, sizeof(*p));
	int r, pidfd = -EBADF;

	if (!p)
		return err_errno(err, ENOMEM, "new process");
	*p = (struct process){ .agent = a,
			       .container = c,
			       .pidfd = -EBADF,
			       .report = -EBADF,
			       .start = -EBADF };
	stdio_init(&p->io, &a->mux, stream);
	p->io.on_flushed = on_flushed;
	p->io.data = p;
	p->next = c->processes;
	c->processes = p;
	ch->agent = a;
	ch->report = ch->start = ch->stdio[0] = ch->stdio[1] = ch->stdio[2] = -EBADF;
	for (size_t i = 0; i < ch->n_passed; i++)
		ch->passed[i].child = -EBADF;
	p->exec = strdup(exec);
	r = p->exec ? make_channels(p, ch, err) : err_errno(err, ENOMEM, "new process");
	if (r >= 0) {
		p->report_src = loop_add_io(a->loop, p->report, EPOLLIN, on_report, p, err);
		r = p->report_src ? 0 : -ENOMEM;
	}
	if (r >= 0 && c->uid_map)
		own_stdio(c, ch);
	if (r >= 0) {
		p->pid = make_child(a, ch, flags, cgroup, &pidfd);
		if (p->pid == 0)
			entry(ch);
		if (p->pid < 0)
			r = err_errno(err, -p->pid, "unable to start container process: clone");
	}
	fd_close(ch->report);
	fd_close(ch->start);
	for (int i = 0; i < 3; i++)
		fd_close(ch->stdio[i]);
	for (size_t i = 0; i < ch->n_passed; i++)
		fd_close(ch->passed[i].child);
	if (r < 0) {
		process_free(p);
		return r;
	}
	if (ch->rootfs && ch->namespaces & CLONE_NEWUSER)
		set_up_userns(p, ch);
	if (ch->rootfs)
		p->pidfd = pidfd;
	else
		fd_close(pidfd);
	*ret = p;
	return 0;
}

int process_start(struct process *p, struct err *err)
{
	if (write(p->start, "", 1) != 1)
		return err_errno(err, errno, "start");
	return 0;
}

/* ---- death ---- */

static void on_stall(struct loop_source *src, void *data)
{
	struct process *p = data;

	if (p->io.sent == p->stall_sent) {
		log_info("output of process %d is dropped: nobody reads it", (int)p->pid);
		stdio_drop(&p->io);
		return;
	}
	p->stall_sent = p->io.sent;
	loop_set_timer(src, STALL_MS);
}

void process_set_killed(struct process *p)
{
	p->killed = true;
	if (p->state != PROCESS_EXITED || p->flushed || p->stall)
		return;
	p->stall_sent = p->io.sent;
	p->stall = loop_add_timer(p->agent->loop, STALL_MS, on_stall, p, NULL);
	if (!p->stall)
		stdio_drop(&p->io);
}

void process_reaped(struct process *p, int code, int status)
{
	/* All that it had to say is there. */
	while (p->report >= 0 && read_report(p))
		;
	p->wait_code = code;
	p->wait_status = status;
	if (p->state == PROCESS_STARTING) {
		if (!p->error)
			fail(p, EIO,
			     p->exec[0] ? "process died before it ran" :
					  "container init died before it was ready");
		p->state = PROCESS_EXITED;
		container_on_failed(p);
		return;
	}
	p->state = PROCESS_EXITED;
	p->report_src = loop_remove(p->report_src);
	p->report = fd_close(p->report);
	p->start = fd_close(p->start);
	container_on_reaped(p);
}

void process_free(struct process *p)
{
	for (struct process **q = &p->container->processes; *q; q = &(*q)->next) {
		if (*q == p) {
			*q = p->next;
			break;
		}
	}
	loop_remove(p->report_src);
	loop_remove(p->stall);
	fd_close(p->report);
	fd_close(p->start);
	fd_close(p->pidfd);
	stdio_done(&p->io);
	free(p->error);
	free(p->exec);
	free(p);
}
