/* SPDX-License-Identifier: Apache-2.0 */
/* One hook after another, with everything that a program can do wrong; no VM and no root needed. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "oci/hook.h"
#include "base/log.h"
#include "base/run.h"
#include "base/str.h"
#include "tests/unit/test_oci.h"

static char *dir; /* of a test; its current directory too */

/* Neither is changed by anyone. */
#define STRINGS(...)              \
	(char **)(const char *[]) \
	{                         \
		__VA_ARGS__, NULL \
	}
#define PATH(p)                     \
	{                           \
		.path = (char *)(p) \
	}
/* A shell script as a hook. */
#define SH(text)                                                               \
	{                                                                      \
		.path = (char *)"/bin/sh", .args = STRINGS("sh", "-c", (text)) \
	}

static int run_hooks(struct oci_hook *hooks, size_t n, const char *cwd, struct err *err)
{
	_json_ json_t *state = text_json("{\"id\":\"c1\",\"status\":\"creating\"}");

	return oci_hooks_run(
		&(struct oci_hook_run){ .name = "createRuntime", .hooks = hooks, .n = n, .cwd = cwd },
		state, err);
}

static void temp(void)
{
	dir = unit_mkdtemp();
	ck_assert_int_eq(chdir(dir), 0);
}

static void is_file(const char *name, const char *want)
{
	_free_ char *text = NULL;
	struct err err = { 0 };

	unit_ok(io_read_file(AT_FDCWD, name, 1 << 20, &text, NULL, &err), &err);
	ck_assert_str_eq(text, want);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(what_it_gets)
{
	static const char text[] =
		"cat >state; echo \"$0|$1|$2|$3\" >args; pwd >cwd; umask >>cwd; "
		"env | grep -v ^_= | sort | tr '\\n' ' ' >env; "
		"ls /proc/self/fd | wc -l >fds; cat /proc/$$/cmdline | tr '\\0' '|' >cmdline";
	struct oci_hook hooks[] = { { .path = (char *)"/bin/sh",
				      .args = STRINGS("zero", "-c", text, "a b", "", "*"),
				      .env = STRINGS("X=1", "Y=a b") } };
	struct err err = { 0 };

	temp();
	setenv("MINE", "not for hooks", 1);
	/* Not close-on-exec. */
	ck_assert_int_ge(open("/dev/null", O_RDONLY), 0);
	unit_ok(run_hooks(hooks, 1, dir, &err), &err);
	is_file("state", "{\"id\":\"c1\",\"status\":\"creating\"}");
	is_file("args", "a b||*|\n");
	_free_ char *cmdline = str_printf("zero|-c|%s|a b||*|", text);
	is_file("cmdline", cmdline);
	_free_ char *cwd = str_printf("%s\n0022\n", dir),
		    *vars = str_printf("PWD=%s X=1 Y=a b ", dir);
	is_file("cwd", cwd);
	is_file("env", vars);
	is_file("fds", "4\n"); /* and that of ls itself */
	unit_rmdir(dir);
}
END_TEST

START_TEST(no_args_and_no_directory)
{
	struct oci_hook hooks[] = { PATH("/bin/true") };
	struct err err = { 0 };

	unit_ok(run_hooks(hooks, 1, "/nonexistent/directory", &err), &err);
	unit_ok(run_hooks(hooks, 1, NULL, &err), &err);
	unit_ok(run_hooks(hooks, 0, NULL, &err), &err);
}
END_TEST

START_TEST(failures_in_the_words_of_runc)
{
	const struct {
		struct oci_hook hook;
		const char *want;
	} rows[] = {
		{ SH("exit 4"), "exit status 4, stdout: , stderr: " },
		{ SH("echo out; echo err >&2; echo more >&2; exit 255"),
		  "exit status 255, stdout: out, stderr: err more" },
		{ SH("printf '\\033[1m\\000\\377' >&2; exit 1"),
		  "exit status 1, stdout: , stderr: ?[1m" },
		{ SH("kill -KILL $$"), "signal: killed, stdout: , stderr: " },
		{ SH("kill -TERM $$"), "signal: terminated, stdout: , stderr: " },
		{ PATH("/nonexistent"), "fork/exec /nonexistent: no such file or directory" },
		{ PATH("/etc/passwd"), "fork/exec /etc/passwd: permission denied" },
		{ PATH("/etc"), "fork/exec /etc: permission denied" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct oci_hook hooks[] = { SH("true"), rows[i].hook, SH("touch /tmp/never") };
		_free_ char *want = str_printf("error running createRuntime hook #1: %s",
					       rows[i].want);
		struct err err = { 0 };

		ck_assert_int_lt(run_hooks(hooks, 3, NULL, &err), 0);
		ck_assert_str_eq(err.msg, want);
	}
	ck_assert_int_lt(access("/tmp/never", F_OK), 0);
}
END_TEST

START_TEST(timeout_of_the_whole_group)
{
	struct oci_hook hooks[] = { SH("echo $$ >leader; sleep 1000 & echo $! >child; wait") };
	struct err err = { 0 };
	double from = seconds();

	temp();
	hooks[0].timeout = 1;
	hooks[0].has_timeout = true;
	ck_assert_int_eq(run_hooks(hooks, 1, dir, &err), -ETIMEDOUT);
	ck_assert_str_eq(
		err.msg,
		"error running createRuntime hook #0: hook ran past specified timeout of 1.0s");
	ck_assert(seconds() - from >= 1 && seconds() - from < 5);
	for (int i = 0; i < 2; i++) {
		_free_ char *text = NULL;
		char path[64];

		unit_ok(io_read_file(AT_FDCWD, i ? "child" : "leader", 100, &text, NULL, &err),
			&err);
		/* The child may wait to be reaped by whoever is its parent now. */
		for (int k = 0; k < 100; k++) {
			snprintf(path, sizeof(path), "/proc/%ld/stat", strtol(text, NULL, 10));
			_free_ char *stat = NULL;

			if (io_read_file(AT_FDCWD, path, 4096, &stat, NULL, NULL) < 0 ||
			    strstr(stat, ") Z"))
				break;
			ck_assert_int_lt(k, 99);
			usleep(10000);
		}
	}
	unit_rmdir(dir);
}
END_TEST

START_TEST(what_it_leaves_running)
{
	/* A daemon that holds stdout and stderr is not waited for. */
	struct oci_hook hooks[] = { SH("setsid sleep 1000 & echo $! >daemon") };
	_free_ char *text = NULL;
	struct err err = { 0 };
	double from = seconds();

	temp();
	unit_ok(run_hooks(hooks, 1, dir, &err), &err);
	ck_assert(seconds() - from < 5);
	unit_ok(io_read_file(AT_FDCWD, "daemon", 100, &text, NULL, &err), &err);
	ck_assert_int_eq(kill((pid_t)strtol(text, NULL, 10), SIGKILL), 0);
	unit_rmdir(dir);
}
END_TEST

START_TEST(much_output_and_unread_input)
{
	struct oci_hook hooks[] = {
		SH("head -c 300000000 /dev/zero >&2"),
		SH("exec <&-; yes | head -c 1000000; exit 0"),
		SH("yes | head -c 1000000; exit 3"),
	};
	_free_ char *big = malloc(4000001);
	_json_ json_t *state = json_object();
	struct err err = { 0 };
	double from = seconds();

	/* More than a pipe holds. */
	memset(big, 'x', 4000000);
	big[4000000] = '\0';
	json_object_set_new(state, "annotations", json_pack("{s:s}", "big", big));
	ck_assert_int_lt(
		oci_hooks_run(&(struct oci_hook_run){ .name = "prestart", .hooks = hooks, .n = 3 },
			      state, &err),
		0);
	ck_assert_ptr_nonnull(strstr(err.msg, "prestart hook #2: exit status 3, stdout: y y y y"));
	ck_assert(seconds() - from < 20);
}
END_TEST

START_TEST(a_thousand)
{
	const struct oci_hook one = SH("echo >>count");
	_free_ struct oci_hook *hooks = calloc(1000, sizeof(*hooks));
	_free_ char *text = NULL;
	struct err err = { 0 };
	size_t len;

	temp();
	for (int i = 0; i < 1000; i++)
		hooks[i] = one;
	unit_ok(run_hooks(hooks, 1000, dir, &err), &err);
	unit_ok(io_read_file(AT_FDCWD, "count", 10000, &text, &len, &err), &err);
	ck_assert_uint_eq(len, 1000);
	unit_rmdir(dir);
}
END_TEST

static int n_warnings;
static char warning[512];

static void on_log(void *data, enum log_level level, const char *msg)
{
	n_warnings++;
	snprintf(warning, sizeof(warning), "%s", msg);
}

START_TEST(all_of_them)
{
	struct oci_hook hooks[] = { SH("echo >one; exit 1"), SH("echo >two") };
	_json_ json_t *state = json_object();

	temp();
	log_set_sink(on_log, NULL);
	oci_hooks_run_all(
		&(struct oci_hook_run){ .name = "poststop", .hooks = hooks, .n = 2, .cwd = dir },
		state);
	ck_assert_int_eq(n_warnings, 1);
	ck_assert_str_eq(warning,
			 "error running poststop hook #0: exit status 1, stdout: , stderr: ");
	ck_assert_int_eq(access("two", F_OK), 0);
	unit_rmdir(dir);
}
END_TEST

static int refuse(void *data)
{
	return -EXDEV;
}

START_TEST(a_place_that_cannot_be_entered)
{
	struct oci_hook hooks[] = { SH("touch ran") };
	_json_ json_t *state = json_object();
	struct err err = { 0 };

	temp();
	ck_assert_int_eq(oci_hooks_run(&(struct oci_hook_run){ .name = "createContainer",
							       .hooks = hooks,
							       .n = 1,
							       .cwd = dir,
							       .enter = refuse,
							       .enter_fd = -EBADF },
				       state, &err),
			 -EXDEV);
	ck_assert_int_lt(access("ran", F_OK), 0);
	unit_rmdir(dir);
}
END_TEST

/* As where a program that uses the library does not want to know of its children. */
START_TEST(exit_code_that_is_lost)
{
	struct oci_hook hooks[] = { PATH("/bin/false") };
	struct err err = { 0 };

	temp();
	signal(SIGCHLD, SIG_IGN);
	unit_fails(run_hooks(hooks, 1, NULL, &err), ECHILD, &err, "wait for /bin/false");
	signal(SIGCHLD, SIG_DFL);
}
END_TEST

START_TEST(timeouts)
{
	struct oci_hook hooks[] = { { .timeout = 2, .has_timeout = true },
				    { .timeout = 3, .has_timeout = true },
				    { .timeout = INT32_MAX, .has_timeout = true },
				    { .has_timeout = false } };

	ck_assert_int_eq(oci_hooks_timeout(hooks, 0), 0);
	ck_assert_int_eq(oci_hooks_timeout(hooks, 2), 5000);
	ck_assert_int_eq(oci_hooks_timeout(hooks, 3), -1);
	ck_assert_int_eq(oci_hooks_timeout(hooks, 4), -1);
}
END_TEST

UNIT_MAIN("oci_hook", what_it_gets, no_args_and_no_directory, failures_in_the_words_of_runc,
	  timeout_of_the_whole_group, what_it_leaves_running, much_output_and_unread_input,
	  a_thousand, all_of_them, a_place_that_cannot_be_entered, exit_code_that_is_lost, timeouts)
