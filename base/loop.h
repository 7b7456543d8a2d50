/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll loop a process: descriptors, signals (signalfd), timers (timerfd)
 * and children (pidfd). Single-threaded. A handler may add and remove any
 * source, its own too. No polling, no sleeps.
 */
#ifndef MOAT_BASE_LOOP_H
#define MOAT_BASE_LOOP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct loop;
struct loop_source;

/* revents: EPOLL* bits. */
typedef void (*loop_io_fn)(struct loop_source *src, uint32_t revents, void *data);
typedef void (*loop_timer_fn)(struct loop_source *src, void *data);
typedef void (*loop_signal_fn)(struct loop_source *src, int sig, void *data);

int loop_new(struct loop **ret, struct err *err);
void loop_free(struct loop *l); /* frees the sources too; descriptors stay open */
/* Runs until loop_quit(); returns its value, or -errno if epoll fails. */
int loop_run(struct loop *l, struct err *err);
void loop_quit(struct loop *l, int value);

/* Watches a descriptor, which stays the caller's and must outlive the source. NULL on failure (err set). */
struct loop_source *loop_add_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data,
				struct err *err);
int loop_set_events(struct loop_source *src,
		    uint32_t events); /* 0: nothing but errors; no system call if unchanged */
/* One-shot timer on CLOCK_MONOTONIC, re-armed by loop_set_timer(); ms < 0: created unarmed. */
struct loop_source *loop_add_timer(struct loop *l, int64_t ms, loop_timer_fn fn, void *data,
				   struct err *err);
int loop_set_timer(struct loop_source *src, int64_t ms); /* < 0: disarm */
/* Blocks the signal and delivers it as an event. One source a signal. */
struct loop_source *loop_add_signal(struct loop *l, int sig, loop_signal_fn fn, void *data,
				    struct err *err);
/* Removes and frees; NULL is fine; returns NULL for "s = loop_remove(s)". */
struct loop_source *loop_remove(struct loop_source *src);
int loop_fd(const struct loop_source *src);

#endif
