/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h as a program has it, on the fake hypervisor: monitors and stand-ins are real, guests are not. Root is needed. */
#define UNIT_TIMEOUT 120

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "libruntime/moat.h"
#include "tests/unit/unit.h"

static char *top, *root, *rootfs, *config;
static struct moat *m;

static char *below(const char *name)
{
	char *path = path_join(top, name);

	ck_assert_ptr_nonnull(path);
	return path;
}

static struct moat *handle(void)
{
	struct moat *h = moat_new();

	ck_assert_ptr_nonnull(h);
	moat_set_root(h, root);
	moat_set_configuration(h, config);
	return h;
}

/* Its programs are beside the test's directory: build/X/tests/unit/test_moat_api. */
static void find_programs(void)
{
	char path[PATH_MAX];
	struct moat_error err = {};
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(path, '/') = '\0';
	memcpy(strchr(path, '\0'), "/moat", sizeof("/moat"));
	unit_ok(moat_set_program(path, &err), &err);
}

/* An id of this test's own: cgroups are the whole host's. */
static const char *n(const char *name)
{
	static char pool[64][32];
	static unsigned int i;
	char *s = pool[i++ % 64];

	snprintf(s, sizeof(pool[0]), "unit%d-%s", (int)getpid(), name);
	return s;
}

static bool begin(void)
{
	static const char text[] = "[runtime]\nhypervisor = \"fake\"\n"
				   "[hypervisor.qemu]\npcie_root_port = 8\n";
	struct err err = {};

	if (geteuid() != 0)
		return false;
	top = unit_mkdtemp();
	root = below("state");
	rootfs = below("rootfs");
	config = below("configuration.toml");
	ck_assert_int_eq(mkdir(rootfs, 0755), 0);
	unit_ok(io_write_file(AT_FDCWD, config, text, strlen(text), 0644, false, &err), &err);
	find_programs();
	m = handle();
	return true;
}

static void end(void)
{
	struct moat_error err = {};
	struct moat_status **list = NULL;

	/* Nothing is left, no child either. */
	unit_ok(moat_container_list(m, &list, &err), &err);
	ck_assert_ptr_null(list[0]);
	moat_status_list_free(list);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	moat_free(m);
	free(root);
	free(rootfs);
	free(config);
	unit_rmdir(top);
}

static struct moat_spec *spec(const char *id, const char *program, const char *arg)
{
	struct moat_spec *s = moat_spec_new(id);
	const char *args[] = { program, arg, NULL };

	moat_spec_set_rootfs(s, rootfs, false);
	moat_process_set_args(moat_spec_process(s), args);
	moat_process_set_stdio(moat_spec_process(s), -1, -1, -1);
	return s;
}

static pid_t create(const char *id, const char *program, const char *arg)
{
	struct moat_spec *s = spec(id, program, arg);
	struct moat_error err = {};
	pid_t pid = 0;

	unit_ok(moat_container_create(m, NULL, s, &pid, &err), &err);
	moat_spec_free(s);
	return pid;
}

static enum moat_state state_of(const char *id)
{
	struct moat_status *s = NULL;
	struct moat_error err = {};
	enum moat_state state;

	unit_ok(moat_container_status(m, id, &s, &err), &err);
	state = s->state;
	moat_status_free(s);
	return state;
}

static void gone(const char *id)
{
	struct moat_status *s = NULL;
	struct moat_error err = {};

	unit_fails(moat_container_status(m, id, &s, &err), ENOENT, &err, "does not exist");
}

START_TEST(life)
{
	struct moat_error err = {};
	struct moat_status *s = NULL;
	int in[2], out[2], code = -2;
	char text[8] = "";
	pid_t pid = 0;

	if (!begin())
		return;
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

	if (!begin())
		return;
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

	if (!begin())
		return;
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

	if (!begin())
		return;
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

static void refused(struct moat_spec *s, int code, const char *part)
{
	struct moat_error err = {};

	unit_fails(moat_container_create(m, NULL, s, NULL, &err), code, &err, part);
	moat_spec_free(s);
}

START_TEST(bad_descriptions)
{
	struct moat_error err = {};
	struct moat_spec *s;

	if (!begin())
		return;
	refused(NULL, ENOMEM, "description");
	refused(spec("../x", "cat", NULL), EINVAL, "invalid container ID format");
	refused(spec(NULL, "cat", NULL), EINVAL, "id");
	refused(moat_spec_new(n("c1")), EINVAL, "root file system");
	s = moat_spec_new(n("c1"));
	moat_spec_set_rootfs(s, rootfs, true);
	refused(s, EINVAL, "args");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_rootfs(s, "/nowhere/at/all", true);
	refused(s, ENOENT, "/nowhere/at/all");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_hostname(s, "\xff");
	refused(s, EINVAL, "hostname");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_add_device(s, "/dev/not-there", NULL, NULL);
	refused(s, ENOENT, "/dev/not-there");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_add_device(s, rootfs, NULL, NULL);
	refused(s, ENODEV, rootfs);
	s = spec(n("c1"), "cat", NULL);
	moat_spec_add_mount(s, "/mnt", "bind", "/nowhere", NULL);
	refused(s, ENOENT, "/nowhere");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_namespace(s, "user2", NULL);
	refused(s, EINVAL, "namespace");
	s = spec(n("c1"), "cat", NULL);
	moat_spec_set_namespace(s, "pid", MOAT_OF_SANDBOX);
	refused(s, EINVAL, "none is named");
	s = spec(n("c1"), "cat", NULL);
	moat_process_set_terminal(moat_spec_process(s), true);
	ck_assert(moat_process_wants_terminal(moat_spec_process(s)));
	refused(s, EINVAL, "tty");
	refused(moat_spec_from_bundle(n("c1"), "/nowhere"), ENOENT, "chdir /nowhere");
	refused(moat_spec_from_bundle(n("c1"), rootfs), ENOENT, "config.json not found");
	s = spec(n("c1"), "cat", NULL);
	unit_fails(moat_container_create(m, "nobody", s, NULL, &err), ESRCH, &err,
		   "no such container");
	unit_fails(moat_container_create(NULL, NULL, s, NULL, &err), ENOMEM, &err, "handle");
	moat_spec_free(s);
	create(n("c1"), "cat", NULL);
	refused(spec(n("c1"), "cat", NULL), EEXIST, "already exists");
	unit_ok(moat_container_delete(m, n("c1"), false, &err), &err);
	/* None of them has come to be, and no error has to be asked for. */
	ck_assert_int_eq(moat_container_start(m, n("c1"), NULL), -ENOENT);
	end();
}
END_TEST

START_TEST(description)
{
	_free_ char *json = NULL, *plan = NULL;
	struct moat_error err = {};

	if (!begin())
		return;
	struct moat_spec *s = spec(n("c1"), "cat", NULL);
	moat_spec_add_mount(s, "/mnt", "bind", rootfs, "ro,nosuid");
	moat_spec_add_device(s, "/dev/zero", "/dev/nought", "r");
	moat_spec_set_memory_limit(s, 64 << 20);
	moat_spec_set_cpu_limit(s, 50000, 100000);
	moat_spec_set_pids_limit(s, 10);
	moat_spec_set_cgroup(s, "/some/where");
	moat_process_add_env(moat_spec_process(s), "A=b");
	moat_process_set_cwd(moat_spec_process(s), "/mnt");
	moat_process_set_user(moat_spec_process(s), "5:6");
	moat_process_add_group(moat_spec_process(s), "7");
	moat_process_add_capability(moat_spec_process(s), "CAP_CHOWN");
	unit_ok(moat_spec_json(s, &json, &err), &err);
	for (const char *const *part =
		     (const char *const[]){ "\"A=b\"", "\"cwd\": \"/mnt\"", "\"uid\": 5",
					    "\"gid\": 6", "\"CAP_CHOWN\"", "\"limit\": 67108864",
					    "\"quota\": 50000", "\"path\": \"/dev/nought\"",
					    "\"access\": \"r\"", "\"cgroupsPath\": \"/some/where\"",
					    "\"nosuid\"", NULL };
	     *part; part++)
		ck_assert_msg(strstr(json, *part) != NULL, "no %s in %s", *part, json);
	/* What it says is a configuration, and what it would start is no container yet. */
	unit_ok(moat_container_plan(m, s, &plan, &err), &err);
	ck_assert_ptr_nonnull(strstr(plan, "\"hypervisor\": \"fake\""));
	moat_spec_free(s);
	gone(n("c1"));
	end();
}
END_TEST

START_TEST(sandbox)
{
	struct moat_spec *s[2];
	struct moat_sandbox_status *status = NULL, **list = NULL;
	struct moat_error err = {};
	int code = -2;

	if (!begin())
		return;
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
	unit_ok(moat_sandbox_delete(m, n("s2"), true, &err), &err);
	gone(n("a"));
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
	if (!begin())
		return;
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

	if (!begin())
		return;
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

START_TEST(unknown_hypervisor)
{
	static const char text[] = "[runtime]\nhypervisor = \"bochs\"\n";
	struct err err = {};

	if (!begin())
		return;
	unit_ok(io_write_file(AT_FDCWD, config, text, strlen(text), 0644, false, &err), &err);
	refused(spec(n("c1"), "cat", NULL), EINVAL, "bochs");
	moat_set_configuration(m, "/nowhere.toml");
	refused(spec(n("c1"), "cat", NULL), ENOENT, "/nowhere.toml");
	end();
}
END_TEST

START_TEST(texts)
{
	_free_ char *features = NULL, *sample = NULL, *spec_text = NULL, *keys = NULL;
	struct moat_error err = {};
	int master, slave;

	unit_ok(moat_features(&features, &err), &err);
	ck_assert_ptr_nonnull(strstr(features, moat_version()));
	unit_ok(moat_configuration_sample(&sample, &err), &err);
	unit_ok(moat_configuration_keys(&keys, &err), &err);
	ck_assert_ptr_nonnull(strstr(sample, "hypervisor"));
	unit_ok(moat_oci_template(&spec_text, &err), &err);
	ck_assert_ptr_nonnull(strstr(spec_text, moat_oci_version()));
	ck_assert_str_eq(moat_state_name(MOAT_PAUSED), "paused");
	unit_fails(moat_set_program("moat", &err), EINVAL, &err, "not an absolute path");
	unit_ok(moat_terminal_new(&master, &slave, &err), &err);
	unit_ok(moat_terminal_resize(master, 24, 80, &err), &err);
	unit_fails(moat_terminal_resize(master, 70000, 80, &err), EINVAL, &err, "70000 rows");
	close(slave);
	close(master);
	moat_free(NULL);
	moat_spec_free(NULL);
	moat_process_free(NULL);
	moat_status_free(NULL);
	moat_sandbox_list_free(NULL);
}
END_TEST

UNIT_MAIN("moat_api", life, exit_codes, stop, more_processes, bad_descriptions, description,
	  sandbox, threads, process_is_left_alone, unknown_hypervisor, texts)
