/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/stream.h"
#include "agent/tty.h"
#include "base/cleanup.h"
#include "base/fd.h"

/* More than a terminal can hold: what is read after the end of its process. */
#define TTY_REST ((size_t)128 * 1024)

void stdio_init(struct stdio *s, struct mux *m, uint32_t id)
{
	*s = (struct stdio){ .mux = m, .id = id, .slave = -EBADF };
}

/* Every switch between agent and process costs as much as copying many pages. One of the usual size does, too. */
static int make_pipe(int fd[2], struct err *err)
{
	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "make pipe");
	(void)fcntl(fd[1], F_SETPIPE_SZ, BULK_PIPE);
	return 0;
}

int stdio_open_pipes(struct stdio *s, int child[3], struct err *err)
{
	int ends[3][2] = { { -EBADF, -EBADF }, { -EBADF, -EBADF }, { -EBADF, -EBADF } };
	int r = 0;

	for (int i = 0; i < 3 && r >= 0; i++) {
		r = make_pipe(ends[i], err);
		/* The two ends are different file descriptions: the process's one stays blocking. */
		if (r >= 0)
			fd_set_nonblock(ends[i][i == 0 ? 1 : 0], true);
	}
	if (r >= 0)
		r = stream_new(s, 0, take_fd(ends[0][1]), false, &s->v[0], err);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = stream_new(s, 1 + (uint32_t)i, take_fd(ends[1 + i][0]), false, &s->v[1 + i],
			       err);
	for (int i = 0; i < 3; i++) {
		if (r >= 0)
			child[i] = take_fd(ends[i][i == 0 ? 0 : 1]);
		fd_close(ends[i][0]);
		fd_close(ends[i][1]);
	}
	if (r < 0)
		stdio_done(s);
	return r;
}

int stdio_open_tty(struct stdio *s, int master, int slave, struct err *err)
{
	/* Two streams, two descriptors: each has its own place in the loop. */
	_close_ int in = fd_dup(master), out = master;
	int r;

	s->slave = slave;
	if (in < 0 || (r = fd_set_nonblock(master, true)) < 0) {
		stdio_done(s);
		return err_set(err, EMFILE, "set up terminal");
	}
	r = stream_new(s, 0, take_fd(in), true, &s->v[0], err);
	if (r >= 0)
		r = stream_new(s, 1, take_fd(out), true, &s->v[1], err);
	if (r < 0)
		stdio_done(s);
	return r;
}

int stdio_tty(const struct stdio *s)
{
	return s->v[1] && s->v[1]->tty ? s->v[1]->fd : -EBADF;
}

static int open_passed(struct stdio *s, struct passed *p, size_t n, struct err *err)
{
	uint32_t to = wire_passed_stream(n, true), from = wire_passed_stream(n, false);
	_close_ int ours = -EBADF, other = -EBADF;
	int fd[2], r = 0;

	/* A socket where both directions are wanted: [0] is the process's end. */
	if (!(p->in && p->out))
		r = make_pipe(fd, err);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		r = err_errno(err, errno, "socket");
	if (r < 0)
		return err_wrap(err, "descriptor %zu", 3 + n);
	p->child = fd[p->in ? 0 : 1];
	ours = fd[p->in ? 1 : 0];
	fd_set_nonblock(ours, true);
	if (p->in && p->out) {
		other = fd_dup(ours);
		if (other < 0)
			return err_errno(err, EMFILE, "descriptor %zu", 3 + n);
		r = stream_new(s, from, take_fd(other), false, &s->v[from], err);
	}
	return r < 0 ? r :
		       stream_new(s, p->in ? to : from, take_fd(ours), false,
				  &s->v[p->in ? to : from], err);
}

int stdio_open_passed(struct stdio *s, struct passed *v, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = open_passed(s, &v[i], i, err);
	if (r < 0)
		stdio_done(s);
	return r;
}

static bool has_output(const struct stdio *s)
{
	for (uint32_t i = 0; i < WIRE_STREAMS; i++)
		if (s->v[i] && !wire_to_process(i))
			return true;
	return false;
}

/* Ends here if all outputs have; nothing of *s may be touched afterwards. */
void stdio_check(struct stdio *s)
{
	if (s->exited && s->on_flushed && !has_output(s)) {
		void (*fn)(void *data) = s->on_flushed;

		s->on_flushed = NULL;
		fn(s->data);
	}
}

void stdio_exited(struct stdio *s)
{
	s->slave = fd_close(s->slave);
	for (uint32_t i = 0; i < WIRE_STREAMS; i++) {
		struct stream *st = s->v[i];
		int left = 0;

		if (!st)
			continue;
		if (st->input) {
			s->v[i] = stream_free(st);
			continue;
		}
		/* What others write from now on is not this process's output. */
		if (!st->tty && ioctl(st->fd, FIONREAD, &left) < 0)
			left = 0;
		stream_end(st, st->tty ? TTY_REST : (size_t)left);
	}
	s->exited = true;
	stdio_check(s);
}

void stdio_drop(struct stdio *s)
{
	for (uint32_t i = 0; i < WIRE_STREAMS; i++)
		if (s->v[i] && !s->v[i]->input)
			stream_orphan(s->v[i]);
	stdio_check(s);
}

void stdio_done(struct stdio *s)
{
	s->on_flushed = NULL;
	for (uint32_t i = 0; i < WIRE_STREAMS; i++)
		s->v[i] = stream_free(s->v[i]);
	s->slave = fd_close(s->slave);
}
