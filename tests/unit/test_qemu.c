/* SPDX-License-Identifier: Apache-2.0 */
/* The life of QEMU: how it starts, and all the ways in which it ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "hypervisor/hv.h"
#include "tests/unit/test_qemu.h"

START_TEST(bad_requests)
{
	struct device *dev, copy;
	struct hv_config cfg = config("private");
	struct err err = { 0 };
	struct hv *other = NULL;

	setup("ok");
	dev = an_fs("moat");
	unit_fails(hv->ops->attach(hv, dev, on_done, NULL, &err), ESRCH, &err, "is not running");
	unit_fails(hv->ops->resume(hv, on_done, NULL, &err), ESRCH, &err, "is not running");
	unit_fails(hv->ops->pause(hv, on_done, NULL, &err), ESRCH, &err, "is not running");
	unit_fails(hv->ops->quit(hv, &err), ESRCH, &err, "is not running");
	ck_assert_int_eq(hv->ops->quit(hv, NULL), -ESRCH);
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	unit_fails(hv->ops->start(hv, on_done, (void *)"start", &err), EALREADY, &err,
		   "already started");
	copy = *dev;
	copy.port = 4;
	unit_fails(hv->ops->attach(hv, &copy, on_done, NULL, &err), EINVAL, &err,
		   "no pcie root port");
	copy.port = -1;
	unit_fails(hv->ops->detach(hv, &copy, on_done, NULL, &err), EINVAL, &err,
		   "no pcie root port");
	cfg.shared_memory = false;
	unit_ok(hv_qemu_ops.create(&cfg, loop, on_event, NULL, &other, &err), &err);
	unit_ok(other->ops->start(other, on_done, (void *)"start", &err), &err);
	unit_fails(other->ops->attach(other, dev, on_done, NULL, &err), EINVAL, &err,
		   "needs shared memory");
	other->ops->destroy(other);
	teardown();
}
END_TEST

START_TEST(no_such_program)
{
	struct hv_config cfg = config("x");
	struct err err = { 0 };

	fds_before = unit_count_fds();
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(devices_new(4, &devices, &err), &err);
	cfg.path = "/nonexistent/qemu";
	unit_ok(hv_qemu_ops.create(&cfg, loop, on_event, NULL, &hv, &err), &err);
	unit_fails(hv->ops->start(hv, on_done, (void *)"start", &err), ENOENT, &err,
		   "/nonexistent/qemu");
	ck_assert_int_eq(hv->ops->pid(hv), 0);
	ck_assert_int_lt(hv->ops->channel(hv), 0);
	saw("");
	teardown();
}
END_TEST

static const struct {
	const char *id, *until, *want;
} ends[] = {
	{ "dies-at-once", "exited",
	  "start: qemu: exit status 1: could not load kernel '/vm/kernel'\n"
	  "exited: exit status 1: could not load kernel '/vm/kernel'\n" },
	{ "die-in-add", "exited",
	  "start: ok\nattach: qemu: exit status 1: vhost: it broke\nresume: qemu: exit status 1: vhost: it broke\n"
	  "exited: exit status 1: vhost: it broke\n" },
	{ "killed-in-add", "exited",
	  "start: ok\nattach: qemu: killed by signal 9\nresume: qemu: killed by signal 9\nexited: killed by signal 9\n" },
	{ "hang-up-in-add", "exited",
	  "start: ok\nattach: qemu: exit status 4\nresume: qemu: exit status 4\nexited: exit status 4\n" },
	{ "reboots", "exited",
	  "start: ok\nattach: ok\nshutdown: guest-reset\nresume: qemu: exit status 0\nexited: exit status 0\n" },
	{ "panics", "resume", "start: ok\nattach: ok\npanic: guest-panic\nresume: ok\n" },
	{ "chatty", "exited",
	  "start: ok\nattach: ok\nresume: qemu: exit status 3:  [1mword\nexited: exit status 3:  [1mword\n" },
	{ "qmp_capabilities", "exited",
	  "start: qemu: qmp_capabilities: qmp_capabilities is refused\nexited: exit status 7\n" },
	{ "nonsense", "exited",
	  "start: ok\nattach: qemu: qmp line is not an object\nresume: qemu: qmp line is not an object\n"
	  "exited: killed by signal 9\n" },
};

static size_t logged;

static void count_log(void *data, enum log_level level, const char *msg)
{
	logged += strlen(msg);
}

START_TEST(ending)
{
	struct err err = { 0 };
	bool added = false;

	log_set_sink(count_log, NULL);
	log_set_level(LOG_LEVEL_INFO);
	start(ends[_i].id);
	until("start");
	if (hv->ops->pid(hv) != 0 && strstr(journal.data, "start: ok")) {
		attach(an_fs("moat"));
		resume();
		added = true;
	}
	if (!strstr(journal.data, ends[_i].until))
		until(ends[_i].until);
	spin(20);
	saw(ends[_i].want);
	ck_assert_uint_lt(logged, 150000);
	if (strcmp(ends[_i].until, "exited") == 0) {
		ck_assert_int_eq(hv->ops->pid(hv), 0);
		unit_fails(hv->ops->resume(hv, on_done, NULL, &err), ESRCH, &err, "is not running");
		unit_fails(hv->ops->quit(hv, &err), ESRCH, &err, "is not running");
		ck_assert_int_lt(hv->ops->start(hv, on_done, NULL, &err), 0);
	}
	ck_assert(added || strstr(ends[_i].want, "start: qemu"));
	log_set_sink(NULL, NULL);
	teardown();
}
END_TEST

START_TEST(quitting)
{
	struct err err = { 0 };

	started("ok");
	ck_assert_int_gt(hv->ops->pid(hv), 0);
	unit_ok(hv->ops->quit(hv, &err), &err);
	until("exited");
	saw("exited: exit status 0\n");
	teardown();
}
END_TEST

/* In the middle of an operation that will never end, and of a process that does not listen. */
START_TEST(quitting_when_deaf)
{
	struct err err = { 0 };

	started("deaf");
	attach(an_fs("moat"));
	resume();
	spin(50);
	saw("");
	unit_ok(hv->ops->quit(hv, &err), &err);
	until("exited");
	saw("attach: qemu: killed by signal 9\nresume: qemu: killed by signal 9\nexited: killed by signal 9\n");
	teardown();
}
END_TEST

static const char *const destroy_points[] = { "start", "attach", "shutdown", "resume", "exited" };

START_TEST(destroyed_in_callback)
{
	destroy_on = destroy_points[_i];
	start("reboots");
	until("start");
	if (hv) {
		attach(an_fs("moat"));
		resume();
		until("exited");
	}
	ck_assert_ptr_null(hv);
	spin(20);
	teardown();
}
END_TEST

START_TEST(destroyed_while_working)
{
	pid_t pid;

	start("ok");
	pid = hv->ops->pid(hv);
	hv->ops->destroy(hv);
	hv = NULL;
	ck_assert_int_lt(kill(pid, 0), 0); /* ended and reaped */
	spin(20);
	saw("");
	teardown();

	started("deaf");
	attach(an_fs("moat"));
	spin(20);
	hv->ops->destroy(hv);
	hv = NULL;
	spin(20);
	saw("");
	teardown();
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, bad_requests);
	tcase_add_test(tcase, no_such_program);
	tcase_add_test(tcase, quitting);
	tcase_add_test(tcase, quitting_when_deaf);
	tcase_add_test(tcase, destroyed_while_working);
	tcase_add_loop_test(tcase, ending, 0, ARRAY_SIZE(ends));
	tcase_add_loop_test(tcase, destroyed_in_callback, 0, ARRAY_SIZE(destroy_points));
}

int main(int argc, char **argv)
{
	return qemu_main(argc, argv, "qemu", add);
}
