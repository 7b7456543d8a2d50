/* SPDX-License-Identifier: Apache-2.0 */
#include "base/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/proc.h"

/* Open ends of the program's output, and where their beginnings go. */
struct output {
	int fd;
	char *text;
	size_t len;
};

/* A pipe could fill up, or break: a program need not read what it is told. */
static int make_input(const char *text, struct err *err)
{
	_close_ int fd = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));

	if (r >= 0 &&
	    (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ||
	     lseek(fd, 0, SEEK_SET) < 0))
		r = -errno;
	return r < 0 ? err_errno(err, -r, "standard input") : take_fd(fd);
}

static int enter(void *data)
{
	const struct run *r = data;
	int rc = r->prepare ? r->prepare(r->data) : 0;

	if (r->prepare)
		close(RUN_PREPARE_FD);

	/* The directory may be gone, which is not the program's business. */
	if (rc >= 0 && (!r->cwd || chdir(r->cwd) < 0) && chdir("/") < 0)
		rc = -errno;
	return rc;
}

static int start(const struct run *r, struct output out[2], pid_t *ret_pid, int *ret_pidfd,
		 struct err *err)
{
	_close_ int in = make_input(r->input ? r->input : "", err), w0 = -EBADF, w1 = -EBADF;
	int p0[2], p1[2];

	if (in < 0)
		return in;
	if (pipe2(p0, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	out[0].fd = p0[0];
	w0 = p0[1];
	if (pipe2(p1, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	out[1].fd = p1[0];
	w1 = p1[1];
	fd_set_nonblock(out[0].fd, true);
	fd_set_nonblock(out[1].fd, true);

	const struct spawn_fd fds[] = { { in, 0 },
					{ w0, 1 },
					{ w1, 2 },
					{ r->prepare_fd, RUN_PREPARE_FD } };
	const struct spawn s = {
		.path = r->path,
		.exe_fd = -EBADF,
		.argv = r->argv,
		.envp = r->envp,
		.fds = fds,
		.n_fds = r->prepare ? 4 : 3,
		.pdeathsig = SIGKILL,
		.new_session = true,
		.prepare = enter,
		.data = (void *)r,
	};

	return spawn(&s, ret_pid, ret_pidfd, err);
}

/* One read; what is beyond the beginning is dropped. False when there is nothing (now, or any more). */
static bool take(struct output *o)
{
	char buf[16384];
	ssize_t n = read(o->fd, buf, sizeof(buf));
	size_t keep;

	if (n < 0 && errno == EINTR)
		return true;
	if (n == 0 || (n < 0 && errno != EAGAIN))
		o->fd = fd_close(o->fd);
	if (n <= 0)
		return false;
	keep = RUN_KEEP - o->len < (size_t)n ? RUN_KEEP - o->len : (size_t)n;
	memcpy(o->text + o->len, buf, keep);
	o->len += keep;
	return true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* True when it has ended by itself. */
static bool wait_end(int pidfd, struct output out[2], int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p[] = { { .fd = pidfd, .events = POLLIN },
				      { .fd = out[0].fd, .events = POLLIN },
				      { .fd = out[1].fd, .events = POLLIN } };
		int64_t left = timeout_ms < 0 ? -1 : end - now_ms();

		if (timeout_ms >= 0 && left <= 0)
			return false;
		if (poll(p, ARRAY_SIZE(p), (int)left) < 0)
			continue;
		if (p[0].revents)
			return true;
		for (int i = 0; i < 2; i++)
			if (p[1 + i].revents)
				(void)take(&out[i]);
	}
}

int run_program(const struct run *r, struct run_result *ret, struct err *err)
{
	struct run_result result = { 0 };
	struct output out[2] = { { .fd = -EBADF, .text = result.out },
				 { .fd = -EBADF, .text = result.errors } };
	_close_ int pidfd = -EBADF;
	pid_t pid = 0;
	int rc = start(r, out, &pid, &pidfd, err);

	if (rc >= 0 && !wait_end(pidfd, out, r->timeout_ms)) {
		result.timed_out = true;
		/* It is not reaped yet: the group's number is still its own. */
		kill(-pid, SIGKILL);
	}
	/* A program of which nobody can say how it ended has not succeeded. */
	if (rc >= 0 && proc_reap(pid, &result.status) < 0)
		rc = err_errno(err, ECHILD, "wait for %s", r->path);
	/* What it said last; a process that it left behind may hold the other end, and write on and on. */
	for (int i = 0; rc >= 0 && i < 2; i++)
		for (int k = 0; k < 16 && out[i].fd >= 0 && take(&out[i]); k++)
			;
	fd_close(out[0].fd);
	fd_close(out[1].fd);
	if (rc < 0)
		return rc;
	*ret = result;
	return 0;
}
