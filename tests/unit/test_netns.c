/* SPDX-License-Identifier: Apache-2.0 */
/* Being in another network namespace for a moment is a thread's own affair. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "libruntime/netns.h"
#include "tests/unit/unit.h"

static struct {
	pthread_barrier_t moved;
	char other[64]; /* where the main thread has gone */
	ino_t before, inside, after;
	struct err err;
	int r;
} t;

static ino_t where(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) < 0 ? 0 : st.st_ino;
}

static void *visit(void *data)
{
	struct netns in = { .home = -EBADF };

	(void)data;
	pthread_barrier_wait(&t.moved);
	t.before = where();
	t.r = netns_enter(t.other, &in, &t.err);
	t.inside = where();
	netns_leave(&in);
	t.after = where();
	return NULL;
}

START_TEST(threads)
{
	pthread_t thread;

	snprintf(t.other, sizeof(t.other), "/proc/%d/task/%ld/ns/net", getpid(),
		 syscall(SYS_gettid));
	ck_assert_int_eq(pthread_barrier_init(&t.moved, NULL, 2), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, visit, NULL), 0);
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	pthread_barrier_wait(&t.moved);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	unit_ok(t.r, &t.err);
	ck_assert_uint_ne(t.before, where());
	ck_assert_uint_eq(t.inside, where());
	ck_assert_uint_eq(t.after, t.before);
}
END_TEST

START_TEST(refusals)
{
	struct netns in = { .home = -EBADF };
	struct err err = { 0 };

	unit_fails(netns_enter("/proc/thread-self/ns/net", &in, &err), ENOTUNIQ, &err,
		   "of the host, which a VM cannot share");
	unit_fails(netns_enter("/proc/self/ns/uts", &in, &err), EINVAL, &err, "/proc/self/ns/uts");
	unit_fails(netns_enter("/dev/null", &in, &err), EINVAL, &err, "not a network namespace");
	unit_fails(netns_enter("/nowhere", &in, &err), ENOENT, &err, "/nowhere");
	ck_assert_int_eq(in.home, -EBADF);
}
END_TEST

UNIT_MAIN_ROOT("netns", threads, refusals)
