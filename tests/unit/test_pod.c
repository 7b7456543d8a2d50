/* SPDX-License-Identifier: Apache-2.0 */
/* Whose virtual machine a container is to live in; stand-ins are processes in namespaces of their own. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "base/str.h"
#include "libruntime/pod.h"
#include "tests/unit/test_oci.h"

static char *root;
static struct rt rt;
static pid_t standins[8];
static size_t n_standins;

/* A process in new uts and ipc namespaces, until it is killed. */
static pid_t start_standin(void)
{
	int ready[2];
	char c = 1;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		c = unshare(CLONE_NEWUTS | CLONE_NEWIPC) == 0;
		(void)!write(ready[1], &c, 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	ck_assert_msg(c, "new namespaces");
	close(ready[0]);
	close(ready[1]);
	standins[n_standins++] = pid;
	return pid;
}

static struct state_process process(pid_t pid)
{
	struct state_process p = { .pid = pid };

	ck_assert_int_eq(proc_start_time(pid, &p.start), 0);
	return p;
}

/* A container whose monitor is this process (which does not answer). */
static pid_t container(const char *id, const char *sandbox, const char *phase)
{
	_free_ char *dir = path_join(root, id);
	struct err err = { 0 };
	char boot[37];
	pid_t pid = start_standin();
	struct state s = { .monitor = process(getpid()), .standin = process(pid) };

	ck_assert_int_eq(proc_boot_id(boot), 0);
	s.id = strdup(id);
	s.phase = strdup(phase);
	s.boot_id = strdup(boot);
	s.bundle = strdup("/b");
	s.rootfs = strdup("/b/rootfs");
	s.created = state_timestamp();
	s.sandbox = sandbox ? strdup(sandbox) : NULL;
	if (mkdir(dir, 0700) < 0)
		ck_assert_int_eq(errno, EEXIST);
	_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unit_ok(state_save(fd, &s, &err), &err);
	state_done(&s);
	return pid;
}

static void begin(void)
{
	root = unit_mkdtemp();
	rt = (struct rt){ .root = root };
	n_standins = 0;
}

static void end(void)
{
	for (size_t i = 0; i < n_standins; i++) {
		kill(standins[i], SIGKILL);
		waitpid(standins[i], NULL, 0);
	}
	unit_rmdir(root);
}

/* What the minimal document says with a patch of its annotations and the paths of two namespaces. */
static int find(const char *annotations, const char *uts, const char *ipc, struct pod *ret,
		struct err *err)
{
	_json_ json_t *doc = minimal(NULL);
	json_t *ns, *list = json_object_get(json_object_get(doc, "linux"), "namespaces");
	struct oci_config *c = NULL;
	size_t i;
	int r;

	if (annotations)
		json_object_set_new(doc, "annotations", text_json(annotations));
	json_array_foreach(list, i, ns) {
		const char *type = js_get_str(ns, "type");
		const char *path = !strcmp(type, "uts") ? uts : !strcmp(type, "ipc") ? ipc : NULL;

		if (path)
			json_object_set_new(ns, "path", json_string(path));
	}
	unit_ok(oci_config_from_json(doc, NULL, NULL, &c, err), err);
	r = pod_find(&rt, "new", NULL, c, ret, err);
	oci_config_free(c);
	return r;
}

static char *ns_path(pid_t pid, const char *type)
{
	return str_printf("/proc/%d/ns/%s", pid, type);
}

#define MEMBER(id)                                                                                   \
	"{\"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes.cri.sandbox-id\":\"" id \
	"\"}"
#define SANDBOX "{\"io.kubernetes.cri.container-type\":\"sandbox\"}"

static void expect_refusal(const char *annotations, const char *uts, const char *ipc, int code,
			   const char *part)
{
	struct pod pod = POD_INIT;
	struct err err = { 0 };
	int fds = unit_count_fds();

	unit_fails(find(annotations, uts, ipc, &pod, &err), code, &err, part);
	ck_assert_ptr_null(pod.sandbox);
	ck_assert_int_eq(unit_count_fds(), fds);
}

START_TEST(alone)
{
	struct pod pod = POD_INIT;
	struct err err = { 0 };

	begin();
	_free_ char *uts = ns_path(container("a", NULL, "running"), "uts");
	unit_ok(find(NULL, NULL, NULL, &pod, &err), &err);
	ck_assert_ptr_null(pod.sandbox);
	/* The host's are nobody's, and what is not there is left to others to say. */
	unit_ok(find(NULL, "/proc/self/ns/uts", "/no/such", &pod, &err), &err);
	ck_assert_ptr_null(pod.sandbox);
	/* A sandbox makes its own, even if somebody is in its namespaces already. */
	unit_ok(find(SANDBOX, uts, NULL, &pod, &err), &err);
	ck_assert_ptr_null(pod.sandbox);
	/* Dead ones own nothing. */
	kill(standins[0], SIGKILL);
	waitpid(standins[0], NULL, 0);
	n_standins = 0;
	unit_ok(find(NULL, uts, NULL, &pod, &err), &err);
	ck_assert_ptr_null(pod.sandbox);
	end();
	rt.root = "/no/such";
	unit_ok(find(NULL, "/proc/1/ns/uts", NULL, &pod, &err), &err);
	ck_assert_ptr_null(pod.sandbox);
}
END_TEST

START_TEST(named)
{
	struct pod pod = POD_INIT;
	struct err err = { 0 };

	begin();
	pid_t sb = container("sb", NULL, "running");
	_free_ char *uts = ns_path(sb, "uts");
	unit_ok(find(MEMBER("sb"), uts, NULL, &pod, &err), &err);
	ck_assert_str_eq(pod.sandbox, "sb");
	ck_assert_str_eq(pod.owner[POD_UTS], "sb");
	ck_assert_ptr_null(pod.owner[POD_IPC]);
	ck_assert_ptr_null(pod.owner[POD_NETWORK]);
	ck_assert_int_eq(pod.monitor.pid, getpid());
	ck_assert_int_ge(pod.monitor_pidfd, 0);
	ck_assert_int_lt(pod.pidns, 0);
	_json_ json_t *join = pod_describe(&pod);
	ck_assert_uint_eq(json_object_size(join), 1);
	ck_assert_str_eq(js_get_str(join, "uts"), "sb");
	pod_done(&pod);
	ck_assert_ptr_null(pod.sandbox);
	end();
}
END_TEST

START_TEST(by_path)
{
	struct pod pod = POD_INIT;
	struct err err = { 0 };

	begin();
	(void)container("zz", NULL, "running");
	_free_ char *uts = ns_path(container("member", "zz", "running"), "uts");
	/* The member's own, but the VM is the sandbox's. */
	unit_ok(find(NULL, uts, NULL, &pod, &err), &err);
	ck_assert_str_eq(pod.sandbox, "zz");
	ck_assert_str_eq(pod.owner[POD_UTS], "member");
	pod_done(&pod);
	/* By another name of the same namespace. */
	_close_ int fd = open(uts, O_RDONLY | O_CLOEXEC);
	_free_ char *other = str_printf("/proc/self/fd/%d", fd);
	unit_ok(find(NULL, other, NULL, &pod, &err), &err);
	ck_assert_str_eq(pod.sandbox, "zz");
	pod_done(&pod);
	end();
}
END_TEST

START_TEST(refusals)
{
	begin();
	pid_t a = container("a", NULL, "running"), b = container("b", NULL, "running");
	_free_ char *uts = ns_path(a, "uts"), *ipc = ns_path(b, "ipc");

	(void)container("member", "a", "running");
	expect_refusal(NULL, uts, ipc, EXDEV, "different virtual machines");
	expect_refusal(MEMBER("b"), uts, NULL, EXDEV, "of container 'a'");
	expect_refusal(MEMBER("none"), NULL, NULL, ESRCH,
		       "cannot join sandbox 'none' of annotation io.kubernetes.cri.sandbox-id");
	expect_refusal(MEMBER("member"), NULL, NULL, ESRCH, "has joined another one itself");
	(void)container("b", NULL, "creating");
	expect_refusal(MEMBER("b"), NULL, NULL, ESRCH, "still being created");
	kill(a, SIGKILL);
	waitpid(a, NULL, 0);
	expect_refusal(MEMBER("a"), NULL, NULL, ESRCH, "has ended");
	standins[0] = standins[--n_standins];
	end();
	rt.root = "/no/such";
	expect_refusal(MEMBER("a"), NULL, NULL, ESRCH, "no such container");
}
END_TEST

UNIT_MAIN("pod", alone, named, by_path, refusals)
