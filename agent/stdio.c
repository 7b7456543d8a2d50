/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
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

int stdio_open_pipes(struct stdio *s, int child[3], struct err *err)
{
	int ends[3][2] = { { -EBADF, -EBADF }, { -EBADF, -EBADF }, { -EBADF, -EBADF } };
	int r = 0;

	for (int i = 0; i < 3 && r >= 0; i++) {
		if (pipe2(ends[i], O_CLOEXEC) < 0)
			r = err_errno(err, errno, "make pipe");
		else
			/* The two ends are different file descriptions: the process's one stays blocking. */
			fd_set_nonblock(ends[i][i == 0 ? 1 : 0], true);
	}
	if (r >= 0)
		r = stream_new(s, 0, take_fd(ends[0][1]), false, &s->in, err);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = stream_new(s, 1 + (uint32_t)i, take_fd(ends[1 + i][0]), false, &s->out[i], err);
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
	r = stream_new(s, 0, take_fd(in), true, &s->in, err);
	if (r >= 0)
		r = stream_new(s, 1, take_fd(out), true, &s->out[0], err);
	if (r < 0)
		stdio_done(s);
	return r;
}

int stdio_tty(const struct stdio *s)
{
	return s->out[0] && s->out[0]->tty ? s->out[0]->fd : -EBADF;
}

/* Ends here if both outputs have; nothing of *s may be touched afterwards. */
void stdio_check(struct stdio *s)
{
	if (s->exited && !s->out[0] && !s->out[1] && s->on_flushed) {
		void (*fn)(void *data) = s->on_flushed;

		s->on_flushed = NULL;
		fn(s->data);
	}
}

void stdio_exited(struct stdio *s)
{
	s->in = stream_free(s->in);
	s->slave = fd_close(s->slave);
	for (int i = 0; i < 2; i++) {
		struct stream *st = s->out[i];
		int left = 0;

		if (!st)
			continue;
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
	for (int i = 0; i < 2; i++)
		if (s->out[i])
			stream_orphan(s->out[i]);
	stdio_check(s);
}

void stdio_done(struct stdio *s)
{
	s->on_flushed = NULL;
	s->in = stream_free(s->in);
	for (int i = 0; i < 2; i++)
		s->out[i] = stream_free(s->out[i]);
	s->slave = fd_close(s->slave);
}
