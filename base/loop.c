/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define BATCH 64

enum kind { KIND_IO, KIND_TIMER, KIND_SIGNAL };

struct loop_source {
	struct loop *loop;
	struct loop_source *next, *prev; /* of all sources, or next of the removed ones */
	enum kind kind;
	int fd; /* the caller's for KIND_IO, else ours */
	uint32_t events;
	bool removed;
	union {
		loop_io_fn io;
		loop_timer_fn timer;
		loop_signal_fn signal;
	} fn;
	void *data;
};

struct loop {
	int epfd;
	struct loop_source *sources;
	/* Removed while events that name them may be waiting in the batch; freed after it. */
	struct loop_source *removed;
	int dispatching;
	bool quit;
	int value;
};

int loop_new(struct loop **ret, struct err *err)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return err_errno(err, ENOMEM, "event loop");
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		int code = errno;

		free(l);
		return err_errno(err, code, "event loop: epoll_create");
	}
	*ret = l;
	return 0;
}

static void free_removed(struct loop *l)
{
	while (l->removed) {
		struct loop_source *s = l->removed;

		l->removed = s->next;
		free(s);
	}
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->sources)
		loop_remove(l->sources);
	free_removed(l);
	fd_close(l->epfd);
	free(l);
}

/* ---- sources ---- */

/* Takes fd for the kinds that own theirs, also when it fails. */
static struct loop_source *add(struct loop *l, enum kind kind, int fd, uint32_t events, void *data,
			       struct err *err)
{
	struct loop_source *s = calloc(1, sizeof(*s));

	if (!s) {
		if (kind != KIND_IO)
			fd_close(fd);
		err_errno(err, ENOMEM, "event source");
		return NULL;
	}
	*s = (struct loop_source){ .loop = l, .kind = kind, .fd = fd, .events = events, .data = data };
	struct epoll_event ev = { .events = events, .data.ptr = s };
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		err_errno(err, errno, "watch descriptor %d", fd);
		if (kind != KIND_IO)
			fd_close(fd);
		free(s);
		return NULL;
	}
	s->next = l->sources;
	if (l->sources)
		l->sources->prev = s;
	l->sources = s;
	return s;
}

struct loop_source *loop_remove(struct loop_source *s)
{
	if (!s || s->removed)
		return NULL;
	struct loop *l = s->loop;
	int saved = errno;

	/* Fails harmlessly if the descriptor was closed already. */
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->kind != KIND_IO)
		fd_close(s->fd);
	if (s->prev)
		s->prev->next = s->next;
	else
		l->sources = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->removed = true;
	s->fd = -EBADF;
	s->prev = NULL;
	if (l->dispatching > 0) {
		s->next = l->removed;
		l->removed = s;
	} else {
		free(s);
	}
	errno = saved;
	return NULL;
}

int loop_fd(const struct loop_source *s)
{
	return s->fd;
}

struct loop_source *loop_add_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data,
				struct err *err)
{
	struct loop_source *s = add(l, KIND_IO, fd, events, data, err);

	if (s)
		s->fn.io = fn;
	return s;
}

int loop_set_events(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (s->removed)
		return -EINVAL;
	if (events == s->events)
		return 0;
	if (epoll_ctl(s->loop->epfd, EPOLL_CTL_MOD, s->fd, &ev) < 0)
		return -errno;
	s->events = events;
	return 0;
}

int loop_set_timer(struct loop_source *s, int64_t ms)
{
	struct itimerspec t = { 0 };

	if (s->removed || s->kind != KIND_TIMER)
		return -EINVAL;
	if (ms > 0) {
		t.it_value.tv_sec = ms / 1000;
		t.it_value.tv_nsec = ms % 1000 * 1000000;
	} else if (ms == 0) {
		t.it_value.tv_nsec = 1; /* 0 would disarm it */
	}
	/* This also takes back an expiry that nobody has read. */
	return timerfd_settime(s->fd, 0, &t, NULL) < 0 ? -errno : 0;
}

struct loop_source *loop_add_timer(struct loop *l, int64_t ms, loop_timer_fn fn, void *data,
				   struct err *err)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0) {
		err_errno(err, errno, "timer");
		return NULL;
	}
	struct loop_source *s = add(l, KIND_TIMER, fd, EPOLLIN, data, err);
	if (!s)
		return NULL;
	s->fn.timer = fn;
	int r = ms < 0 ? 0 : loop_set_timer(s, ms);
	if (r < 0) {
		err_errno(err, -r, "timer");
		return loop_remove(s);
	}
	return s;
}

struct loop_source *loop_add_signal(struct loop *l, int sig, loop_signal_fn fn, void *data,
				    struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	if (sigaddset(&set, sig) < 0) {
		err_errno(err, EINVAL, "signal %d", sig);
		return NULL;
	}
	/* It stays blocked after the source is gone: one that is pending then must not kill us. */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		err_errno(err, errno, "block signal %d", sig);
		return NULL;
	}
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		err_errno(err, errno, "signal %d", sig);
		return NULL;
	}
	struct loop_source *s = add(l, KIND_SIGNAL, fd, EPOLLIN, data, err);
	if (s)
		s->fn.signal = fn;
	return s;
}

/* ---- running ---- */

static void dispatch(struct loop_source *s, uint32_t revents)
{
	struct signalfd_siginfo info;
	uint64_t ticks;

	/* The event may be stale: an earlier handler of this batch can have removed or changed the source. */
	if (s->removed)
		return;
	switch (s->kind) {
	case KIND_IO:
		revents &= s->events | EPOLLERR | EPOLLHUP;
		if (revents)
			s->fn.io(s, revents, s->data);
		break;
	case KIND_TIMER:
		if (read(s->fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			s->fn.timer(s, s->data);
		break;
	case KIND_SIGNAL:
		/* One a turn, so that a storm of real-time signals does not starve the others. */
		if (read(s->fd, &info, sizeof(info)) == sizeof(info))
			s->fn.signal(s, (int)info.ssi_signo, s->data);
		break;
	}
}

int loop_run(struct loop *l, struct err *err)
{
	struct epoll_event events[BATCH];

	while (!l->quit) {
		int n = epoll_wait(l->epfd, events, BATCH, -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "epoll_wait");
		l->dispatching++;
		for (int i = 0; i < n && !l->quit; i++)
			dispatch(events[i].data.ptr, events[i].events);
		if (--l->dispatching == 0)
			free_removed(l);
	}
	l->quit = false;
	return l->value;
}

void loop_quit(struct loop *l, int value)
{
	l->quit = true;
	l->value = value;
}
