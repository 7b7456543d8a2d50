/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn(). The child begins with a copy of our memory as of one moment, in
 * which another thread may have held any lock: between clone and exec it
 * makes system calls only, no malloc and no stdio.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"

#define ALLOWED_CLONE_FLAGS                                                                        \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

enum step { STEP_SETUP, STEP_SIGNALS, STEP_FDS, STEP_PARENT, STEP_PREPARE, STEP_EXEC };

static const char *const step_names[] = {
	[STEP_SETUP] = "set up",         [STEP_SIGNALS] = "reset signals",
	[STEP_FDS] = "pass descriptors", [STEP_PARENT] = "watch the parent",
	[STEP_PREPARE] = "prepare",      [STEP_EXEC] = "exec",
};

/* What the child sends when it cannot become the program. */
struct failure {
	int step;
	int code;
};

struct child {
	const struct spawn *s;
	int *high; /* copy of each s->fds[i].from above every target; room for n_fds */
	int err_wr; /* the write end of the error pipe */
	int err_rd; /* the read end, the parent's */
	int exe_fd;
};

/* What the kernel's rt_sigaction takes; glibc's sigaction() keeps signals 32 and 33 to itself. */
struct kernel_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static int reset_signals(bool deaf)
{
	/* Bit 0 is signal 1. */
	const uint64_t blocked = deaf ? 1U << (SIGHUP - 1) | 1U << (SIGINT - 1) |
						 1U << (SIGTERM - 1) :
					0;
	struct kernel_sigaction dfl = { .handler = SIG_DFL };

	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		if (syscall(SYS_rt_sigaction, sig, &dfl, NULL, sizeof(dfl.mask)) < 0)
			return -errno;
	}
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, NULL, sizeof(blocked)) < 0)
		return -errno;
	return 0;
}

static int dup_above(int fd, int base)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, base);

	return copy < 0 ? -errno : copy;
}

static int open_null(int base)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int copy = dup_above(fd, base);
	close(fd);
	return copy;
}

static bool is_kept(const struct child *c, int fd)
{
	if (fd < 3 || fd == c->err_wr || fd == c->exe_fd)
		return true;
	for (size_t i = 0; i < c->s->n_fds; i++) {
		if (c->s->fds[i].to == fd)
			return true;
	}
	return false;
}

/* Closes the gaps between the descriptors that stay. */
static int close_others(const struct child *c)
{
	int from = 3;

	for (;;) {
		while (is_kept(c, from))
			from++;
		int next = -1;
		if (c->err_wr > from)
			next = c->err_wr;
		if (c->exe_fd > from && (next < 0 || c->exe_fd < next))
			next = c->exe_fd;
		for (size_t i = 0; i < c->s->n_fds; i++) {
			int to = c->s->fds[i].to;

			if (to > from && (next < 0 || to < next))
				next = to;
		}
		if (close_range((unsigned int)from, next < 0 ? ~0U : (unsigned int)next - 1, 0) < 0)
			return -errno;
		if (next < 0)
			return 0;
		from = next;
	}
}

/*
 * Everything that is passed is first copied above the highest target, then
 * down to its place: no dup2() can hit a descriptor that is still needed.
 */
static int place_fds(struct child *c)
{
	const struct spawn *s = c->s;
	int base = 3, null, r;

	for (size_t i = 0; i < s->n_fds; i++) {
		if (s->fds[i].to >= base)
			base = s->fds[i].to + 1;
	}
	r = dup_above(c->err_wr, base);
	if (r < 0)
		return r;
	c->err_wr = r;
	if (c->exe_fd >= 0) {
		r = dup_above(c->exe_fd, base);
		if (r < 0)
			return r;
		c->exe_fd = r;
	}
	null = open_null(base);
	if (null < 0)
		return null;
	for (size_t i = 0; i < s->n_fds; i++) {
		c->high[i] = s->fds[i].from < 0 ? null : dup_above(s->fds[i].from, base);
		if (c->high[i] < 0)
			return c->high[i];
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(null, i) < 0)
			return -errno;
	}
	for (size_t i = 0; i < s->n_fds; i++) {
		if (dup2(c->high[i], s->fds[i].to) < 0)
			return -errno;
	}
	return close_others(c);
}

/*
 * The parent may have died before the request was made. Its pid says nothing
 * in a new pid namespace (0), but without it nobody reads the error pipe.
 */
static int watch_parent(const struct child *c)
{
	struct pollfd p = { .fd = c->err_wr };

	if (c->s->pdeathsig == 0)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, c->s->pdeathsig) < 0)
		return -errno;
	if (poll(&p, 1, 0) > 0 && p.revents & POLLERR)
		_exit(127);
	return 0;
}

static int become(struct child *c, enum step *step)
{
	static char *const nothing[] = { NULL };
	const struct spawn *s = c->s;
	char *const *envp = s->envp ? s->envp : nothing;
	int r;

	close(c->err_rd);
	*step = STEP_SIGNALS;
	r = reset_signals(s->deaf);
	if (r < 0)
		return r;
	*step = STEP_PARENT;
	r = watch_parent(c);
	if (r < 0)
		return r;
	*step = STEP_FDS;
	r = place_fds(c);
	if (r < 0)
		return r;
	*step = STEP_SETUP;
	umask(022);
	if (chdir("/") < 0)
		return -errno;
	if (s->new_session && setsid() < 0)
		return -errno;
	if (s->prepare) {
		*step = STEP_PREPARE;
		r = s->prepare(s->data);
		if (r < 0)
			return r;
		/* A change of credentials clears it. */
		*step = STEP_PARENT;
		r = watch_parent(c);
		if (r < 0)
			return r;
	}
	*step = STEP_EXEC;
	if (c->exe_fd >= 0)
		syscall(SYS_execveat, c->exe_fd, "", s->argv, envp, AT_EMPTY_PATH);
	else
		execve(s->path, s->argv, envp);
	return -errno;
}

/* Goes on as a child of the one that was asked for, which ends. */
static int leave_parent(void)
{
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid > 0)
		_exit(0);
	return pid < 0 ? -errno : 0;
}

static void __attribute__((noreturn)) child_main(struct child *c)
{
	enum step step = STEP_SETUP;
	int r = c->s->orphan ? leave_parent() : 0;

	if (r >= 0)
		r = become(c, &step);
	struct failure f = { .step = step, .code = -r };

	/* Smaller than PIPE_BUF: whole or not at all. */
	while (write(c->err_wr, &f, sizeof(f)) < 0 && errno == EINTR)
		;
	_exit(127);
}

static int check(const struct spawn *s, struct err *err)
{
	if (s->clone_flags & ~(uint64_t)ALLOWED_CLONE_FLAGS)
		return err_set(err, EINVAL, "start '%s': clone flags %#llx are not for spawn",
			       s->path, (unsigned long long)s->clone_flags);
	for (size_t i = 0; i < s->n_fds; i++) {
		const struct spawn_fd *f = &s->fds[i];

		if (f->to < 0 || (f->from < 0 && f->from != -EBADF))
			return err_set(err, EINVAL, "start '%s': cannot pass descriptor %d as %d",
				       s->path, f->from, f->to);
		for (size_t j = 0; j < i; j++) {
			if (s->fds[j].to == f->to)
				return err_set(err, EINVAL,
					       "start '%s': two descriptors are passed as %d",
					       s->path, f->to);
		}
	}
	return 0;
}

/* Waits for the exec (end of file) or for what went wrong. */
static int read_failure(int fd, struct failure *f)
{
	ssize_t n;

	do {
		n = read(fd, f, sizeof(*f));
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n != sizeof(*f))
		*f = (struct failure){ .step = STEP_SETUP, .code = n < 0 ? errno : EIO };
	return 1;
}

int spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	struct failure f;
	sigset_t all, saved;
	int pipe_fds[2], pidfd = -EBADF, r;
	pid_t pid;

	r = check(s, err);
	if (r < 0)
		return r;
	_free_ int *high = calloc(s->n_fds + 1, sizeof(*high));
	if (!high)
		return err_errno(err, ENOMEM, "start '%s'", s->path);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "start '%s': pipe", s->path);
	_close_ int rd = pipe_fds[0];
	_close_ int wr = pipe_fds[1];
	struct child c = { .s = s, .high = high, .err_wr = wr, .err_rd = rd, .exe_fd = s->exe_fd };

	struct clone_args args = {
		.flags = s->clone_flags | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};

	/* Our handlers must not run in the child, which has our memory as of now. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args)); /* like fork() */
	if (pid == 0)
		child_main(&c);
	int code = errno;
	sigprocmask(SIG_SETMASK, &saved, NULL);
	if (pid < 0)
		return err_errno(err, code, "start '%s': clone", s->path);

	wr = fd_close(wr);
	_close_ int own_pidfd = pidfd;
	if (read_failure(rd, &f)) {
		(void)proc_reap(pid, NULL);
		return err_errno(err, f.code, "start '%s': %s", s->path, step_names[f.step]);
	}
	if (s->orphan) {
		(void)proc_reap(pid, NULL);
		return 0;
	}
	if (ret_pid)
		*ret_pid = pid;
	if (ret_pidfd)
		*ret_pidfd = take_fd(own_pidfd);
	return 0;
}
