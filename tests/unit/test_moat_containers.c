/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: the life of a container, and more processes in it. */
#include <signal.h>

#include "libruntime/moat.h"
#include "tests/unit/test_moat.h"

START_TEST(life)
{
	struct moat_error err = {};
	struct moat_status *s = NULL;
	int in[2], out[2], code = -2;
	char text[8] = "";
	pid_t pid = 0;

	begin();
	ck_assert_int_eq(pipe2(in, O_CLOEXEC) + pipe2(out, O_CLOEXEC), 0);
	struct moat_spec *c = spec(n("c1"), "cat", NULL);
	moat_process_set_stdio(moat_spec_process(c), in[0], out[1], -1);
	moat_spec_set_annotation(c, "org.example", "yes");
	unit_ok(moat_container_create(m, NULL, c, &pid, &err), &err);
	moat_spec_free(c);
	close(in[0]);
	close(out[1]);

	unit_ok(moat_container_status(m, n("c1"), &s, &err), &err);
	ck_assert_str_eq(s->id, n("c1"));
	ck_assert_str_eq(s->sandbox, n("c1"));
	ck_assert_str_eq(s->rootfs, rootfs);
	ck_assert_int_eq(s->pid, pid);
	ck_assert_int_eq(s->state, MOAT_CREATED);
	/* Its configuration is where its state is, and that is its bundle. */
	_free_ char *saved = path_join(s->bundle, "config.json"), *json = moat_status_json(s);
	ck_assert_int_eq(access(saved, R_OK), 0);
	ck_assert_ptr_nonnull(strstr(json, "\"org.example\":\"yes\""));
	moat_status_free(s);

	unit_ok(moat_container_start(m, n("c1"), &err), &err);
	ck_assert_int_eq(state_of(n("c1")), MOAT_RUNNING);
	unit_fails(moat_container_wait(m, n("c1"), 0, &code, &err), ETIMEDOUT, &err, "wait");
	ck_assert_int_eq(code, -2);
	unit_fails(moat_container_delete(m, n("c1"), false, &err), EBUSY, &err, "not stopped");
	ck_assert_int_eq(write(in[1], "hello", 5), 5);
	unit_ok(io_read_all(out[0], text, 5), &err);
	ck_assert_str_eq(text, "hello");
	close(in[1]);
	unit_ok(moat_container_wait(m, n("c1"), -1, &code, &err), &err);
	ck_assert_int_eq(code, 0);
	ck_assert_int_eq(read(out[0], text, sizeof(text)), 0);
	close(out[0]);
	ck_assert_int_eq(state_of(n("c1")), MOAT_STOPPED);
	unit_ok(moat_container_delete(m, n("c1"), false, &err), &err);
	gone(n("c1"));
	end();
}
END_TEST

START_TEST(exit_codes)
{
	struct moat_error err = {};
	int code = -2;

	begin();
	pid_t pid = create(n("c1"), "exit", "7");
	unit_ok(moat_container_start(m, n("c1"), &err), &err);
	unit_ok(moat_wait(pid, -1, &code, &err), &err);
	ck_assert_int_eq(code, 7);
	unit_fails(moat_wait(pid, -1, &code, &err), ECHILD, &err, "not a child");
	unit_fails(moat_wait(1, -1, &code, &err), ECHILD, &err, "1 is not a child");
	unit_fails(moat_wait(-1, -1, &code, &err), ECHILD, &err, "not a child");
	/* Nobody knows any more. */
	unit_ok(moat_container_wait(m, n("c1"), -1, &code, &err), &err);
	ck_assert_int_eq(code, -1);
	unit_ok(moat_container_delete(m, n("c1"), false, &err), &err);

	create(n("c2"), "sleep", NULL);
	unit_ok(moat_container_start(m, n("c2"), &err), &err);
	unit_ok(moat_container_kill(m, n("c2"), SIGKILL, false, &err), &err);
	unit_ok(moat_container_wait(m, n("c2"), -1, &code, &err), &err);
	ck_assert_int_eq(code, 137);
	unit_fails(moat_container_kill(m, n("c2"), SIGTERM, false, &err), ESRCH, &err,
		   "not running");
	unit_fails(moat_container_kill(m, n("c2"), 1000, false, &err), EINVAL, &err,
		   "no signal 1000");
	unit_ok(moat_container_delete(m, n("c2"), false, &err), &err);
	end();
}
END_TEST

START_TEST(stop)
{
	struct moat_error err = {};
	int code = -2;

	begin();
	create(n("c1"), "sleep", NULL);
	/* Not started, then running, then stopped. */
	unit_ok(moat_container_stop(m, n("c1"), 10000, &err), &err);
	unit_ok(moat_container_delete(m, n("c1"), false, &err), &err);
	create(n("c1"), "sleep", NULL);
	unit_ok(moat_container_start(m, n("c1"), &err), &err);
	unit_ok(moat_container_stop(m, n("c1"), 60000, &err), &err);
	unit_ok(moat_container_wait(m, n("c1"), -1, &code, &err), &err);
	ck_assert_int_eq(code, 143);
	unit_ok(moat_container_stop(m, n("c1"), 0, &err), &err);
	unit_ok(moat_container_delete(m, n("c1"), false, &err), &err);
	create(n("c1"), "sleep", NULL);
	unit_ok(moat_container_start(m, n("c1"), &err), &err);
	unit_ok(moat_container_pause(m, n("c1"), &err), &err);
	unit_ok(moat_container_stop(m, n("c1"), 60000, &err), &err);
	unit_ok(moat_container_wait(m, n("c1"), -1, &code, &err), &err);
	ck_assert_int_eq(code, 137);
	unit_ok(moat_container_delete(m, n("c1"), false, &err), &err);
	unit_fails(moat_container_stop(m, n("c1"), 0, &err), ENOENT, &err, "does not exist");
	end();
}
END_TEST

static int enter(const char *program, const char *arg, int *ret_code, struct moat_error *err)
{
	struct moat_process *p = moat_process_new();
	const char *args[] = { program, arg, NULL };
	pid_t pid = 0;
	int r;

	moat_process_set_args(p, args);
	moat_process_set_stdio(p, -1, -1, -1);
	r = moat_container_enter(m, n("c1"), p, &pid, err);
	moat_process_free(p);
	return r < 0 ? r : moat_wait(pid, -1, ret_code, err);
}

START_TEST(more_processes)
{
	struct moat_process *p = moat_process_new();
	struct moat_error err = {};
	pid_t *pids = NULL;
	size_t n_pids = 0;
	int code = -2;

	begin();
	create(n("c1"), "sleep", NULL);
	unit_ok(moat_container_start(m, n("c1"), &err), &err);
	unit_ok(enter("exit", "3", &code, &err), &err);
	ck_assert_int_eq(code, 3);
	ck_assert_int_lt(enter("missing", NULL, &code, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "missing"));
	unit_fails(moat_container_enter(m, n("c1"), p, NULL, &err), EINVAL, &err, "args");
	moat_process_set_user(p, "root");
	moat_process_set_args(p, (const char *const[]){ "exit", "0", NULL });
	unit_fails(moat_container_enter(m, n("c1"), p, NULL, &err), EINVAL, &err, "UID[:GID]");
	moat_process_set_json(p, "{ half");
	ck_assert_int_lt(moat_container_enter(m, n("c1"), p, NULL, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "process object"));
	unit_ok(moat_container_pids(m, n("c1"), &pids, &n_pids, &err), &err);
	ck_assert_uint_eq(n_pids, 1);
	free(pids);
	unit_ok(moat_container_pause(m, n("c1"), &err), &err);
	ck_assert_int_eq(state_of(n("c1")), MOAT_PAUSED);
	unit_fails(enter("exit", "3", &code, &err), EBUSY, &err, "paused");
	unit_fails(moat_container_pause(m, n("c1"), &err), EBUSY, &err, "not running");
	unit_ok(moat_container_resume(m, n("c1"), &err), &err);
	unit_fails(moat_container_update(m, n("c1"), "[]", &err), EINVAL, &err, "object");
	unit_ok(moat_container_delete(m, n("c1"), true, &err), &err);
	unit_fails(moat_container_enter(m, n("c1"), NULL, NULL, &err), ENOMEM, &err, "process");
	moat_process_free(p);
	end();
}
END_TEST

static int add_device(const char *source, const char *path, const char *access, const char *node,
		      struct moat_error *err)
{
	return moat_container_add_device(m, n("c1"), source, path, access, node, err);
}

START_TEST(devices)
{
	struct moat_error err = {};
	char *list = NULL;

	begin();
	unit_fails(add_device("/dev/null", NULL, NULL, NULL, &err), ENOENT, &err, "does not exist");
	create(n("c1"), "sleep", NULL);
	unit_ok(moat_container_start(m, n("c1"), &err), &err);
	unit_fails(add_device(NULL, "/dev/x", NULL, NULL, &err), EINVAL, &err, "no source");
	unit_fails(add_device("dev", NULL, NULL, NULL, &err), EINVAL, &err, "no absolute path");
	unit_fails(add_device("/nowhere", NULL, NULL, NULL, &err), ENOENT, &err, "/nowhere");
	unit_fails(add_device("/dev/null", "/dev/x/", NULL, NULL, &err), EINVAL, &err, "/dev/x/");
	unit_fails(add_device("/dev/null", NULL, "", NULL, &err), EINVAL, &err, "access");
	unit_fails(add_device("/dev/null", NULL, "r", "{ half", &err), EINVAL, &err, "");
	unit_fails(add_device("/dev/null", NULL, "r", "[]", &err), EINVAL, &err, "an object");
	unit_fails(add_device("/dev/null", NULL, "r", "{\"fileMode\":4096}", &err), EINVAL, &err,
		   "fileMode: a number from 0 to 4095");
	unit_fails(add_device("/dev/null", NULL, "r", NULL, &err), ENOTSUP, &err, "fake");
	unit_fails(moat_container_remove_device(m, n("c1"), "/dev/null", true, &err), ENOENT, &err,
		   "no device /dev/null");
	unit_fails(moat_container_remove_device(m, n("c1"), NULL, true, &err), EINVAL, &err,
		   "no path");
	unit_ok(moat_container_list_devices(m, n("c1"), &list, &err), &err);
	ck_assert_str_eq(list, "[]");
	free(list);
	unit_ok(moat_container_stop(m, n("c1"), 0, &err), &err);
	unit_fails(add_device("/dev/null", NULL, "r", NULL, &err), ESRCH, &err, "not running");
	unit_fails(moat_container_network(m, n("c1"), &list, &err), ESRCH, &err, "not running");
	unit_ok(moat_container_delete(m, n("c1"), true, &err), &err);
	end();
}
END_TEST

UNIT_MAIN_ROOT("moat_containers", life, exit_codes, stop, more_processes, devices)
