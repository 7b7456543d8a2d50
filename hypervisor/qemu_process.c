/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU as a process: starting it with its descriptors, what it says, its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sock.h"
#include "hypervisor/confine_child.h"
#include "hypervisor/qemu.h"
#include "hypervisor/qemu_plan.h"

/* The guest can make QEMU talk; past this only the tail is kept. */
#define LOG_LIMIT 65536
/* Reading in one turn of the loop. */
#define DRAIN_LIMIT 65536
/* Threads besides the vcpus: main loop, RCU, I/O workers. */
#define THREADS 64
/* Descriptors: 25 after boot, 10 a vhost-user-fs device (14 with KVM), one a KVM vcpu. */
#define FILES 64
#define FILES_A_PORT 16
#define REAP_MS 5000

/* Logs the line that is complete, or as much of it as fits. */
static void log_line(struct qemu *q)
{
	size_t n = q->line_len;

	q->line_len = 0;
	if (n == 0 || q->logged >= LOG_LIMIT)
		return;
	q->logged += n;
	log_info("%s%.*s", n > 4 && memcmp(q->line, "qemu", 4) == 0 ? "" : "qemu: ", (int)n,
		 q->line);
	if (q->logged >= LOG_LIMIT)
		log_warn("qemu: no more of its messages are logged");
}

/* QEMU writes its messages word by word. */
static void log_lines(struct qemu *q, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n')
			q->line[q->line_len++] = data[i];
		if (data[i] == '\n' || q->line_len == sizeof(q->line))
			log_line(q);
	}
}

static void keep_tail(struct qemu *q, const char *data, size_t len)
{
	buf_append(&q->tail, data, len);
	if (q->tail.len > QEMU_TAIL) {
		size_t drop = q->tail.len - QEMU_TAIL;

		memmove(q->tail.data, q->tail.data + drop, QEMU_TAIL);
		q->tail.len = QEMU_TAIL;
	}
}

/* Reads what QEMU has said. False once it has closed its end. */
static bool drain(struct qemu *q)
{
	char chunk[4096];

	for (size_t total = 0; total < DRAIN_LIMIT;) {
		ssize_t n = read(q->err_fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		total += (size_t)n;
		log_lines(q, chunk, (size_t)n);
		keep_tail(q, chunk, (size_t)n);
	}
	return true;
}

static void on_err_readable(struct loop_source *src, uint32_t revents, void *data)
{
	struct qemu *q = data;

	if (!drain(q))
		q->err_source = loop_remove(q->err_source);
}

/* The last line QEMU said, without its name in front; "" if there is none. Fits ret. */
static void last_line(struct qemu *q, char *ret, size_t size)
{
	static const char *const prefixes[] = { "qemu-system-x86_64: ", "qemu-kvm: ", "qemu: " };
	const char *s = q->tail.data, *line;
	size_t end = q->tail.len;

	ret[0] = '\0';
	while (end > 0 && (s[end - 1] == '\n' || s[end - 1] == '\r' || s[end - 1] == ' '))
		end--;
	if (end == 0)
		return;
	line = memrchr(s, '\n', end);
	line = line ? line + 1 : s;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if ((size_t)(s + end - line) > n && memcmp(line, prefixes[i], n) == 0) {
			line += n;
			break;
		}
	}
	snprintf(ret, size, "%.*s", (int)(s + end - line), line);
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

/* "exit status 1: could not load kernel 'x'", "killed by signal 9". */
static void describe_end(struct qemu *q, const siginfo_t *si, bool known, char *ret, size_t size)
{
	char line[512];

	last_line(q, line, sizeof(line));
	if (!known)
		snprintf(ret, size, "it ended%s%s", *line ? ": " : "", line);
	else if (si->si_code == CLD_EXITED && si->si_status == 0)
		snprintf(ret, size, "exit status 0");
	else if (si->si_code == CLD_EXITED)
		snprintf(ret, size, "exit status %d%s%s", si->si_status, *line ? ": " : "", line);
	else
		snprintf(ret, size, "killed by signal %d%s%s", si->si_status, *line ? ": " : "",
			 line);
}

static void forget_process(struct qemu *q)
{
	q->pid = 0;
	q->ready = false;
	q->pid_source = loop_remove(q->pid_source);
	q->pidfd = fd_close(q->pidfd);
	q->err_source = loop_remove(q->err_source);
	q->err_fd = fd_close(q->err_fd);
	q->kill_timer = loop_remove(q->kill_timer);
}

static void on_ended(struct loop_source *src, uint32_t revents, void *data)
{
	struct qemu *q = data;
	siginfo_t si = { 0 };
	char text[600] = "";
	struct err err = { 0 };
	bool known;
	int r;

	do {
		r = waitid(P_PIDFD, (id_t)q->pidfd, &si, WEXITED | WNOHANG);
	} while (r < 0 && errno == EINTR);
	known = r == 0 && si.si_pid != 0;
	if (r == 0 && !known)
		return;
	qemu_enter(q);
	/* Events that it sent before its end come before the end. */
	q->ending = true;
	if (q->qmp)
		qmp_drain(q->qmp);
	if (!q->dead) {
		qmp_free(q->qmp);
		q->qmp = NULL;
		drain(q);
		log_line(q);
		describe_end(q, &si, known, text, sizeof(text));
		forget_process(q);
		err_set(&err, ESRCH, "qemu: %s", q->fault.code ? q->fault.msg : text);
		qemu_fail_ops(q, &err);
	}
	if (!q->dead)
		q->on_event(q->data, HV_EVENT_EXITED, text);
	qemu_leave(q);
}

static void on_kill_timer(struct loop_source *src, void *data)
{
	struct qemu *q = data;
	struct err err = { 0 };
	int r = proc_signal(q->pidfd, SIGKILL);

	if (r >= 0)
		return;
	/* Its own uid protects it from an owner without privileges: it ends with the owner's pid namespace. */
	err_errno(&err, -r, "qemu does not answer and cannot be killed");
	log_warn("%s", err.msg);
	qemu_enter(q);
	qemu_fail_ops(q, &err);
	qemu_leave(q);
}

void qemu_expect_end(struct qemu *q, int ms)
{
	q->ending = true;
	if (q->kill_timer)
		loop_set_timer(q->kill_timer, ms);
}

void qemu_kill(struct qemu *q)
{
	if (q->pid != 0 && proc_signal(q->pidfd, SIGKILL) != -EPERM &&
	    proc_wait_end(q->pidfd, REAP_MS) == 0) {
		siginfo_t si;

		while (waitid(P_PIDFD, (id_t)q->pidfd, &si, WEXITED) < 0 && errno == EINTR)
			;
	}
	forget_process(q);
}

/* Ends of the three socketpairs and of the pipe: [0] is ours, [1] goes to QEMU. */
struct pipes {
	int qmp[2], console[2], agent[2], err[2];
};

static void close_pair(int pair[2])
{
	pair[0] = fd_close(pair[0]);
	pair[1] = fd_close(pair[1]);
}

static void pipes_done(struct pipes *p)
{
	close_pair(p->qmp);
	close_pair(p->console);
	close_pair(p->agent);
	close_pair(p->err);
}

static int pipes_init(struct pipes *p, bool agent, struct err *err)
{
	int r;

	r = sock_pair(p->qmp, err);
	if (r < 0)
		return r;
	r = sock_pair(p->console, err);
	if (r < 0)
		return r;
	if (agent) {
		r = sock_pair(p->agent, err);
		if (r < 0)
			return r;
	}
	if (pipe2(p->err, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	r = fd_set_nonblock(p->err[0], true);
	return r < 0 ? err_errno(err, -r, "pipe") : 0;
}

/* Bytes: a file holds the guest's first memory, another one what may be added. */
static uint64_t largest_file(const struct hv_config *cfg)
{
	uint64_t first = qemu_uses_memfd(cfg) ? cfg->memory : 0, more = qemu_memory_room(cfg);

	return (first > more ? first : more) << 20;
}

static uint32_t most_vcpus(const struct hv_config *cfg)
{
	return cfg->max_vcpus > cfg->vcpus ? cfg->max_vcpus : cfg->vcpus;
}

static int exec_qemu(struct qemu *q, const struct pipes *p, struct err *err)
{
	struct spawn_fd fds[6] = {
		{ p->err[1], 1 },
		{ p->err[1], 2 },
		{ p->qmp[1], QEMU_FD_QMP },
		{ p->console[1], QEMU_FD_CONSOLE },
	};
	size_t n_fds = 4;
	struct confine_child confine = {
		.uid = q->cfg.uid,
		.gid = q->cfg.gid,
		.groups = q->cfg.groups,
		.n_groups = q->cfg.n_groups,
		.fsize = q->cfg.image_files ? RLIM_INFINITY : largest_file(&q->cfg),
		.locked = q->cfg.locked,
		.files = FILES + FILES_A_PORT * q->cfg.ports + most_vcpus(&q->cfg),
		.processes = THREADS + most_vcpus(&q->cfg),
	};
	struct spawn s = {
		.path = q->cfg.path,
		.exe_fd = -EBADF,
		.argv = q->argv,
		.fds = fds,
		.pdeathsig = SIGKILL,
		/* systemd sends SIGTERM to everybody in a scope: it is the container that gets it, from its stand-in. */
		.deaf = true,
		.prepare = confine_child,
		.data = &confine,
	};

	if (p->agent[1] >= 0)
		fds[n_fds++] = (struct spawn_fd){ p->agent[1], QEMU_FD_AGENT };
	if (q->cfg.memory_fd > 0)
		fds[n_fds++] = (struct spawn_fd){ q->cfg.memory_fd, QEMU_FD_MEMORY };
	s.n_fds = n_fds;
	return spawn(&s, &q->pid, &q->pidfd, err);
}

static int watch(struct qemu *q, struct err *err)
{
	q->pid_source = loop_add_io(q->loop, q->pidfd, EPOLLIN, on_ended, q, err);
	if (!q->pid_source)
		return -ENOMEM;
	q->err_source = loop_add_io(q->loop, q->err_fd, EPOLLIN, on_err_readable, q, err);
	if (!q->err_source)
		return -ENOMEM;
	q->kill_timer = loop_add_timer(q->loop, -1, on_kill_timer, q, err);
	return q->kill_timer ? 0 : -ENOMEM;
}

int qemu_spawn(struct qemu *q, struct err *err)
{
	struct pipes p = { { -EBADF, -EBADF },
			   { -EBADF, -EBADF },
			   { -EBADF, -EBADF },
			   { -EBADF, -EBADF } };
	int r;

	r = pipes_init(&p, q->cfg.vsock_cid == 0, err);
	if (r >= 0)
		r = exec_qemu(q, &p, err);
	q->err_fd = take_fd(p.err[0]);
	if (r < 0) {
		char line[256];

		/* The child says in which step of its preparation it failed. */
		if (q->err_fd >= 0)
			drain(q);
		last_line(q, line, sizeof(line));
		if (*line)
			err_wrap(err, "%s", line);
		q->err_fd = fd_close(q->err_fd);
		pipes_done(&p);
		return r;
	}
	q->console = take_fd(p.console[0]);
	q->channel = take_fd(p.agent[0]);
	r = watch(q, err);
	if (r >= 0)
		r = qmp_new(q->loop, take_fd(p.qmp[0]), &qemu_qmp_handler, q, &q->qmp, err);
	pipes_done(&p);
	if (r < 0) {
		qemu_kill(q);
		q->console = fd_close(q->console);
		q->channel = fd_close(q->channel);
	}
	return r;
}
