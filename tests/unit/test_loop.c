/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "base/proc.h"
#include "base/sock.h"
#include "tests/unit/unit.h"

static struct err err;
static struct loop *loop;
static struct loop_source *all[64];
static int calls[64];

static void setup(void)
{
	unit_ok(loop_new(&loop, &err), &err);
	memset(all, 0, sizeof(all));
	memset(calls, 0, sizeof(calls));
}

static void on_quit(struct loop_source *src, void *data)
{
	loop_quit(loop, (int)(intptr_t)data);
}

/* Ends a run that would wait for ever with -1. */
static void watchdog(int ms)
{
	ck_assert_ptr_nonnull(loop_add_timer(loop, ms, on_quit, (void *)(intptr_t)-1, &err));
}

static void on_echo(struct loop_source *src, uint32_t revents, void *data)
{
	char buf[16];
	ssize_t n = read(loop_fd(src), buf, sizeof(buf));

	ck_assert_ptr_eq(data, calls);
	calls[0]++;
	if (n == 0)
		loop_quit(loop, 5);
	else
		ck_assert_int_ne(revents & EPOLLIN, 0);
}

START_TEST(io)
{
	int s[2], fds = unit_count_fds();

	setup();
	unit_ok(sock_pair(s, &err), &err);
	struct loop_source *src = loop_add_io(loop, s[0], EPOLLIN, on_echo, calls, &err);
	ck_assert_ptr_nonnull(src);
	ck_assert_int_eq(loop_fd(src), s[0]);
	ck_assert_int_eq(write(s[1], "x", 1), 1);
	close(s[1]);
	ck_assert_int_eq(loop_run(loop, &err), 5);
	ck_assert_int_eq(calls[0], 2);
	/* The descriptor is the caller's: freeing the loop leaves it open. */
	loop_free(loop);
	ck_assert_int_ge(fcntl(s[0], F_GETFD), 0);
	close(s[0]);
	ck_assert_int_eq(unit_count_fds(), fds);
	loop_free(NULL);
	ck_assert_ptr_null(loop_remove(NULL));
}
END_TEST

START_TEST(add_failures)
{
	setup();
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC), fds = unit_count_fds();

	ck_assert_ptr_null(loop_add_io(loop, -1, EPOLLIN, on_echo, NULL, &err));
	ck_assert_int_eq(err.code, EBADF);
	ck_assert_ptr_null(loop_add_io(loop, fd, EPOLLIN, on_echo, NULL, &err)); /* a regular file */
	ck_assert_int_eq(err.code, EPERM);
	ck_assert_ptr_null(loop_add_signal(loop, 1000, NULL, NULL, &err));
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_int_eq(unit_count_fds(), fds);
	close(fd);
	loop_free(loop);
}
END_TEST

START_TEST(quit_before_run_and_again)
{
	setup();
	loop_quit(loop, 3);
	ck_assert_int_eq(loop_run(loop, &err), 3);
	/* The next run is a new one. */
	loop_add_timer(loop, 1, on_quit, (void *)4, &err);
	ck_assert_int_eq(loop_run(loop, &err), 4);
	loop_free(loop);
}
END_TEST

/* ---- events ---- */

/* The first handler of the batch silences both: the other's event must not come any more. */
static void on_silence(struct loop_source *src, uint32_t revents, void *data)
{
	calls[0]++;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(loop_set_events(all[i], 0), 0);
		ck_assert_int_eq(loop_set_events(all[i], 0), 0);
	}
}

START_TEST(set_events_within_a_batch)
{
	int a[2][2];

	setup();
	for (int i = 0; i < 2; i++) {
		unit_ok(sock_pair(a[i], &err), &err);
		ck_assert_int_eq(write(a[i][1], "x", 1), 1);
		all[i] = loop_add_io(loop, a[i][0], EPOLLIN, on_silence, NULL, &err);
	}
	watchdog(50);
	ck_assert_int_eq(loop_run(loop, &err), -1);
	ck_assert_int_eq(calls[0], 1);
	/* Without events still told of the end. */
	close(a[0][1]);
	loop_add_timer(loop, 50, on_quit, (void *)(intptr_t)-2, &err);
	ck_assert_int_eq(loop_set_events(all[1], EPOLLIN), 0);
	ck_assert_int_eq(loop_run(loop, &err), -2);
	ck_assert_int_gt(calls[0], 1);
	loop_free(loop);
	close(a[0][0]);
	close(a[1][0]);
	close(a[1][1]);
}
END_TEST

/* ---- removal ---- */

/* Every source of the batch is removed by the first handler, itself too. */
static void on_remove_all(struct loop_source *src, uint32_t revents, void *data)
{
	calls[0]++;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		all[i] = loop_remove(all[i]);
	ck_assert_ptr_null(loop_remove(src)); /* again: no harm */
	ck_assert_int_eq(loop_set_events(src, EPOLLIN), -EINVAL);
	loop_add_timer(loop, 0, on_quit, (void *)1, &err);
}

START_TEST(remove_all_in_handler)
{
	int p[ARRAY_SIZE(all)][2];

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		unit_ok(sock_pair(p[i], &err), &err);
		ck_assert_int_eq(write(p[i][1], "x", 1), 1);
		all[i] = loop_add_io(loop, p[i][0], EPOLLIN, on_remove_all, NULL, &err);
		ck_assert_ptr_nonnull(all[i]);
	}
	ck_assert_int_eq(loop_run(loop, &err), 1);
	ck_assert_int_eq(calls[0], 1);
	loop_free(loop);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		close(p[i][0]);
		close(p[i][1]);
	}
}
END_TEST

/* Each handler replaces the next one's source, descriptor number and all. */
static int pairs[ARRAY_SIZE(calls)][2];

static void on_replace(struct loop_source *src, uint32_t revents, void *data)
{
	size_t i = (size_t)(intptr_t)data, next = (i + 1) % ARRAY_SIZE(all);
	char c;

	ck_assert_ptr_eq(src, all[i]);
	/* Stale events of the one that was replaced would find nothing to read. */
	ck_assert_int_eq(read(loop_fd(src), &c, 1), 1);
	calls[i]++;
	all[next] = loop_remove(all[next]);
	close(pairs[next][0]);
	close(pairs[next][1]);
	unit_ok(sock_pair(pairs[next], &err), &err);
	if (calls[i] < 20)
		ck_assert_int_eq(write(pairs[next][1], "x", 1), 1);
	all[next] = loop_add_io(loop, pairs[next][0], EPOLLIN, on_replace, (void *)(intptr_t)next,
				&err);
	ck_assert_ptr_nonnull(all[next]);
}

START_TEST(replace_in_handler)
{
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		unit_ok(sock_pair(pairs[i], &err), &err);
		ck_assert_int_eq(write(pairs[i][1], "x", 1), 1);
		all[i] = loop_add_io(loop, pairs[i][0], EPOLLIN, on_replace, (void *)(intptr_t)i,
				     &err);
	}
	watchdog(300);
	ck_assert_int_eq(loop_run(loop, &err), -1);
	loop_free(loop);
	int total = 0;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		total += calls[i];
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
	ck_assert_int_gt(total, 64);
}
END_TEST

static void on_quit_now(struct loop_source *src, uint32_t revents, void *data)
{
	calls[0]++;
	loop_quit(loop, 9);
}

/* What is left of the batch waits for the next run. */
START_TEST(quit_ends_the_batch)
{
	int a[2], b[2];

	setup();
	unit_ok(sock_pair(a, &err), &err);
	unit_ok(sock_pair(b, &err), &err);
	ck_assert_int_eq(write(a[1], "x", 1), 1);
	ck_assert_int_eq(write(b[1], "x", 1), 1);
	loop_add_io(loop, a[0], EPOLLIN, on_quit_now, NULL, &err);
	loop_add_io(loop, b[0], EPOLLIN, on_quit_now, NULL, &err);
	ck_assert_int_eq(loop_run(loop, &err), 9);
	ck_assert_int_eq(calls[0], 1);
	ck_assert_int_eq(loop_run(loop, &err), 9);
	ck_assert_int_eq(calls[0], 2);
	loop_free(loop);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}
END_TEST

/* ---- timers ---- */

static void on_count(struct loop_source *src, void *data)
{
	calls[(intptr_t)data]++;
	all[(intptr_t)data] = loop_remove(src);
}

static void on_rearm(struct loop_source *src, void *data)
{
	if (++calls[1] < 5)
		ck_assert_int_eq(loop_set_timer(src, 0), 0);
	else
		loop_quit(loop, 6);
}

START_TEST(timers)
{
	struct timespec a, b;

	setup();
	int fds = unit_count_fds();
	all[0] = loop_add_timer(loop, 30, on_count, (void *)0, &err);
	loop_add_timer(loop, 60, on_rearm, (void *)1, &err);
	all[2] = loop_add_timer(loop, -1, on_count, (void *)2, &err); /* unarmed */
	all[3] = loop_add_timer(loop, 10, on_count, (void *)3, &err);
	ck_assert_int_eq(loop_set_timer(all[3], -1), 0); /* disarmed */
	all[4] = loop_add_timer(loop, 100000, on_count, (void *)4, &err);
	ck_assert_int_eq(loop_set_timer(all[4], 5), 0); /* sooner */
	clock_gettime(CLOCK_MONOTONIC, &a);
	ck_assert_int_eq(loop_run(loop, &err), 6);
	clock_gettime(CLOCK_MONOTONIC, &b);
	long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	ck_assert_int_ge(ms, 59);
	ck_assert_int_eq(calls[0], 1);
	ck_assert_int_eq(calls[1], 5);
	ck_assert_int_eq(calls[2] + calls[3], 0);
	ck_assert_int_eq(calls[4], 1);
	loop_free(loop);
	ck_assert_int_eq(unit_count_fds(), fds - 1); /* all timers' descriptors, and the loop's */
}
END_TEST

/* Two timers are due in one batch: the first one takes back the other's expiry. */
static void on_disarm(struct loop_source *src, void *data)
{
	calls[0]++;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(loop_set_timer(all[i], -1), 0);
}

START_TEST(disarm_within_a_batch)
{
	setup();
	for (int i = 0; i < 2; i++)
		all[i] = loop_add_timer(loop, 0, on_disarm, NULL, &err);
	struct timespec t = { .tv_nsec = 5000000 };
	nanosleep(&t, NULL);
	watchdog(50);
	ck_assert_int_eq(loop_run(loop, &err), -1);
	ck_assert_int_eq(calls[0], 1);
	loop_free(loop);
}
END_TEST

/* ---- signals and children ---- */

static void on_signal(struct loop_source *src, int sig, void *data)
{
	calls[sig]++;
	if (sig == SIGTERM)
		loop_quit(loop, 8);
	if (sig == SIGUSR1)
		loop_remove(src);
}

START_TEST(signals)
{
	setup();
	ck_assert_ptr_nonnull(loop_add_signal(loop, SIGUSR1, on_signal, NULL, &err));
	ck_assert_ptr_nonnull(loop_add_signal(loop, SIGRTMIN, on_signal, NULL, &err));
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 5; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 });
	loop_add_timer(loop, 20, on_quit, (void *)2, &err);
	ck_assert_int_eq(loop_run(loop, &err), 2);
	ck_assert_int_eq(calls[SIGUSR1], 1);
	ck_assert_int_eq(calls[SIGRTMIN], 5);
	/* Its source is gone, yet it stays blocked. */
	kill(getpid(), SIGUSR1);
	ck_assert_ptr_nonnull(loop_add_signal(loop, SIGTERM, on_signal, NULL, &err));
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(loop_run(loop, &err), 8);
	ck_assert_int_eq(calls[SIGUSR1], 1);
	loop_free(loop);
}
END_TEST

static void on_child(struct loop_source *src, uint32_t revents, void *data)
{
	int status;

	ck_assert_int_gt(wait(&status), 0);
	loop_quit(loop, WEXITSTATUS(status));
}

START_TEST(children)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"exit 42", NULL };
	struct spawn s = { .path = "/bin/sh", .exe_fd = -EBADF, .argv = argv };
	int pidfd;

	setup();
	unit_ok(spawn(&s, NULL, &pidfd, &err), &err);
	ck_assert_ptr_nonnull(loop_add_io(loop, pidfd, EPOLLIN, on_child, NULL, &err));
	ck_assert_int_eq(loop_run(loop, &err), 42);
	loop_free(loop);
	close(pidfd);
}
END_TEST

static void nothing(int sig)
{
	calls[0]++;
}

/* A handled signal interrupts epoll_wait(), not the run. */
START_TEST(interrupted)
{
	struct sigaction sa = { .sa_handler = nothing };

	setup();
	sigaction(SIGUSR2, &sa, NULL);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 20; i++) {
			struct timespec t = { .tv_nsec = 1000000 };

			nanosleep(&t, NULL);
			kill(parent, SIGUSR2);
		}
		_exit(0);
	}
	loop_add_timer(loop, 60, on_quit, (void *)7, &err);
	ck_assert_int_eq(loop_run(loop, &err), 7);
	ck_assert_int_gt(calls[0], 0);
	waitpid(pid, NULL, 0);
	loop_free(loop);
}
END_TEST

UNIT_MAIN("loop", io, add_failures, quit_before_run_and_again, set_events_within_a_batch,
	  remove_all_in_handler, replace_in_handler, quit_ends_the_batch, timers,
	  disarm_within_a_batch, signals, children, interrupted)
