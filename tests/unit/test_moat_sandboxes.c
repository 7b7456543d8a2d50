/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: sandboxes with several containers, threads, and the process that it is used in. */
#include <pthread.h>
#include <signal.h>

#include "libruntime/moat.h"
#include "tests/unit/test_moat.h"

START_TEST(sandbox)
{
	struct moat_spec *s[2];
	struct moat_sandbox_status *status = NULL, **list = NULL;
	struct moat_error err = {};
	int code = -2;

	begin();
	s[0] = spec(n("a"), "cat", NULL);
	s[1] = spec(n("b"), "exit", "4");
	/* One that cannot be made: nothing is left of the others. */
	moat_spec_set_rootfs(s[1], "/nowhere", false);
	unit_fails(moat_sandbox_create(m, n("s1"), NULL, (const struct moat_spec *const *)s, 2, &err),
		   ENOENT, &err, "/nowhere");
	gone(n("s1"));
	gone(n("a"));
	moat_spec_set_rootfs(s[1], rootfs, false);
	moat_process_set_args(moat_spec_process(s[0]), (const char *const[]){ "sleep", NULL });
	moat_spec_set_namespace(s[0], "pid", MOAT_OF_SANDBOX);
	unit_ok(moat_sandbox_run(m, n("s1"), NULL, (const struct moat_spec *const *)s, 2, &err),
		&err);
	unit_ok(moat_container_wait(m, n("b"), -1, &code, &err), &err);
	ck_assert_int_eq(code, 4);
	moat_spec_free(s[0]);
	moat_spec_free(s[1]);

	s[0] = spec(n("c"), "sleep", NULL);
	unit_ok(moat_container_create(m, n("s1"), s[0], NULL, &err), &err);
	unit_fails(moat_container_create(m, n("a"), s[0], NULL, &err), EXDEV, &err,
		   "different virtual machines");
	moat_spec_free(s[0]);
	unit_ok(moat_sandbox_status(m, n("s1"), &status, &err), &err);
	ck_assert_uint_eq(status->n, 4);
	ck_assert_int_eq(status->state, MOAT_RUNNING);
	ck_assert_str_eq(status->containers[0]->id, n("s1"));
	ck_assert_int_eq(status->containers[2]->state, MOAT_STOPPED);
	ck_assert_int_eq(status->containers[3]->state, MOAT_CREATED);
	ck_assert_str_eq(status->containers[3]->sandbox, n("s1"));
	ck_assert_ptr_null(status->containers[4]);
	moat_sandbox_status_free(status);
	unit_fails(moat_sandbox_status(m, n("a"), &status, &err), EINVAL, &err, "in sandbox '");
	unit_ok(moat_sandbox_start(m, n("s1"), &err), &err);
	ck_assert_int_eq(state_of(n("c")), MOAT_RUNNING);

	unit_ok(moat_sandbox_pause(m, n("s1"), &err), &err);
	ck_assert_int_eq(state_of(n("a")), MOAT_PAUSED);
	create(n("d"), "sleep", NULL);
	unit_ok(moat_sandbox_list(m, &list, &err), &err);
	ck_assert_str_eq(list[0]->id, n("s1"));
	ck_assert_int_eq(list[0]->state, MOAT_PAUSED);
	ck_assert_str_eq(list[1]->id, n("d"));
	ck_assert_int_eq(list[1]->state, MOAT_CREATED);
	ck_assert_ptr_null(list[2]);
	moat_sandbox_list_free(list);
	unit_ok(moat_sandbox_delete(m, n("d"), false, &err), &err);
	unit_ok(moat_sandbox_resume(m, n("s1"), &err), &err);
	unit_fails(moat_sandbox_resume(m, n("s1"), &err), EBUSY, &err, "nothing is paused");
	unit_fails(moat_sandbox_delete(m, n("s1"), false, &err), EBUSY, &err, "not stopped");

	unit_ok(moat_sandbox_stop(m, n("s1"), 60000, &err), &err);
	ck_assert_int_eq(state_of(n("c")), MOAT_STOPPED);
	unit_fails(moat_sandbox_start(m, n("s1"), &err), ESRCH, &err, "stopped");
	unit_ok(moat_sandbox_delete(m, n("s1"), false, &err), &err);
	gone(n("c"));
	unit_fails(moat_sandbox_delete(m, n("s1"), false, &err), ENOENT, &err, "does not exist");
	unit_ok(moat_sandbox_delete(m, n("s1"), true, &err), &err);
	/* All at once. */
	s[0] = spec(n("a"), "sleep", NULL);
	moat_spec_set_namespace(s[0], "pid", MOAT_OF_SANDBOX);
	unit_ok(moat_sandbox_run(m, n("s2"), NULL, (const struct moat_spec *const *)s, 1, &err),
		&err);
	moat_spec_free(s[0]);
	/* A container in it is no sandbox, not even by force. */
	unit_fails(moat_sandbox_delete(m, n("a"), true, &err), EINVAL, &err, "in sandbox '");
	/* Its own container is no work: what counts is what runs in it. */
	unit_ok(moat_container_pause(m, n("s2"), &err), &err);
	unit_ok(moat_sandbox_status(m, n("s2"), &status, &err), &err);
	ck_assert_int_eq(status->state, MOAT_RUNNING);
	moat_sandbox_status_free(status);
	unit_ok(moat_container_resume(m, n("s2"), &err), &err);
	unit_ok(moat_sandbox_delete(m, n("s2"), true, &err), &err);
	gone(n("a"));
	/* One whose containers have outlived it is deleted with them. */
	s[0] = spec(n("a"), "sleep", NULL);
	unit_ok(moat_sandbox_run(m, n("s3"), NULL, (const struct moat_spec *const *)s, 1, &err),
		&err);
	moat_spec_free(s[0]);
	unit_ok(moat_container_delete(m, n("s3"), true, &err), &err);
	gone(n("s3"));
	unit_ok(moat_sandbox_delete(m, n("s3"), false, &err), &err);
	gone(n("a"));
	unit_fails(moat_sandbox_delete(m, n("s3"), false, &err), ENOENT, &err, "does not exist");
	end();
}
END_TEST

struct worker {
	pthread_t thread;
	struct moat *m;
	const char *id;
	struct moat_error err;
	bool failed;
	int code;
};

static void *work(void *data)
{
	struct worker *w = data;
	struct moat_spec *s = spec(w->id, "exit", "9");

	for (int i = 0; i < 5 && !w->failed; i++)
		w->failed = moat_sandbox_run(w->m, w->id, NULL, NULL, 0, &w->err) < 0 ||
			    moat_sandbox_stop(w->m, w->id, 60000, &w->err) < 0 ||
			    moat_sandbox_delete(w->m, w->id, false, &w->err) < 0 ||
			    moat_container_create(w->m, NULL, s, NULL, &w->err) < 0 ||
			    moat_container_start(w->m, w->id, &w->err) < 0 ||
			    moat_container_wait(w->m, w->id, -1, &w->code, &w->err) < 0 ||
			    moat_container_delete(w->m, w->id, false, &w->err) < 0;
	moat_spec_free(s);
	return NULL;
}

/* Of two threads, each with its sandboxes, on a handle each or on the same one. */
static void two_threads(bool shared)
{
	struct moat *other = handle();
	struct worker w[2] = { { .m = m, .id = n("t1") },
			       { .m = shared ? m : other, .id = n("t2") } };

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(w[i].thread, NULL), 0);
		ck_assert_msg(!w[i].failed, "%s", w[i].err.msg);
		ck_assert_int_eq(w[i].code, 9);
	}
	moat_free(other);
}

START_TEST(threads)
{
	begin();
	two_threads(false);
	two_threads(true);
	end();
}
END_TEST

static int heard;

static void hear(void *data, enum moat_log_level level, const char *msg)
{
	(void)level;
	heard += *msg && data == &heard;
}

START_TEST(process_is_left_alone)
{
	struct sigaction before[NSIG], after;
	char cwd[PATH_MAX], now[PATH_MAX];
	struct moat_error err = {};
	sigset_t mask, mask_now;
	mode_t old;
	int fds;

	begin();
	old = umask(027);
	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, NULL, &before[sig]);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	moat_set_log(hear, &heard, MOAT_LOG_DEBUG);
	fds = unit_count_fds();
	create(n("c1"), "sleep", NULL);
	unit_ok(moat_container_start(m, n("c1"), &err), &err);
	unit_ok(moat_container_delete(m, n("c1"), true, &err), &err);
	ck_assert_int_eq(unit_count_fds(), fds);
	moat_set_log(NULL, NULL, MOAT_LOG_ERROR);
	ck_assert_int_gt(heard, 0);
	ck_assert_ptr_nonnull(getcwd(now, sizeof(now)));
	ck_assert_str_eq(now, cwd);
	ck_assert_int_eq(umask(old), 027);
	for (int sig = 1; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &after) == 0)
			ck_assert_ptr_eq(after.sa_handler, before[sig].sa_handler);
	sigprocmask(SIG_SETMASK, NULL, &mask_now);
	ck_assert_int_eq(memcmp(&mask, &mask_now, sizeof(mask)), 0);
	end();
}
END_TEST

UNIT_MAIN_ROOT("moat_sandboxes", sandbox, threads, process_is_left_alone)
