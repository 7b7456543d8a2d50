/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU backend against a process that only speaks QMP: the test program
 * itself, started again. What it does is chosen by the VM's id; every command that it gets
 * is repeated on the console, which the test reads.
 */
#ifndef MOAT_TESTS_TEST_QEMU_H
#define MOAT_TESTS_TEST_QEMU_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "devices/device.h"
#include "hypervisor/hv.h"
#include "hypervisor/qemu_plan.h"

/* ---- the mock, in the child: stdio is what QEMU's would be ---- */

static const char *mode;

static inline void mock_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void mock_say(const char *fmt, ...)
{
	char line[1000];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (send(QEMU_FD_QMP, line, (size_t)n, MSG_NOSIGNAL) != n)
		_exit(9);
}

static inline void mock_event(const char *name, const char *data)
{
	mock_say("{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"%s\", \"data\": {%s}}\r\n",
		 name, data);
}

static inline bool is(const char *what)
{
	return strstr(mode, what) != NULL;
}

/* Commands that end or derail the mock. */
static inline void mock_special(const char *command)
{
	if (is("die-in-add") && strcmp(command, "device_add") == 0) {
		fprintf(stderr,
			"qemu-system-x86_64: first line\nqemu-system-x86_64: vhost: it broke\n");
		_exit(1);
	}
	if (is("killed-in-add") && strcmp(command, "device_add") == 0)
		raise(SIGKILL);
	if (is("hang-up-in-add") && strcmp(command, "device_add") == 0) {
		shutdown(QEMU_FD_QMP, SHUT_RDWR);
		usleep(20000);
		_exit(4);
	}
	if (is("nonsense") && strcmp(command, "device_add") == 0) {
		mock_say("[]\n");
		pause();
	}
	if (is("deaf") && strcmp(command, "device_add") == 0)
		pause();
	if (is("reboots") && strcmp(command, "cont") == 0) {
		mock_event("SHUTDOWN", "\"guest\": true, \"reason\": \"guest-reset\"");
		_exit(0);
	}
	if (is("panics") && strcmp(command, "cont") == 0)
		mock_event("GUEST_PANICKED", "\"action\": \"pause\"");
	if (is("chatty") && strcmp(command, "cont") == 0) {
		for (int i = 0; i < 20000; i++)
			fprintf(stderr,
				"qemu-system-x86_64: message %d of a guest that has found something\n",
				i);
		fprintf(stderr, "qemu: \033[1mthe last\nqemu: \033[1mword\r\n\n");
		_exit(3);
	}
}

static inline void mock_reply(const char *command, const char *id)
{
	mock_special(command);
	if (is(command)) {
		mock_say("{\"id\": %s, \"error\": {\"class\": \"%s\", \"desc\": \"%s is refused\"}}\r\n",
			 id, is("not-there") ? "DeviceNotFound" : "GenericError", command);
		return;
	}
	if (strcmp(command, "query-hotpluggable-cpus") == 0 && is("cpus")) {
		mock_say("{\"return\": [{\"type\": \"t-cpu\", \"vcpus-count\": 1, \"props\": {\"socket-id\": 2, \"core-id\": 0}}, "
			 "{\"type\": \"t-cpu\", \"props\": {\"socket-id\": 1, \"core-id\": 0}}, {\"type\": 7}, "
			 "{\"type\": \"t-cpu\", \"props\": {\"socket-id\": 0}, \"qom-path\": \"/m\"}], \"id\": %s}\r\n",
			 id);
		return;
	}
	if (strcmp(command, "device_del") == 0 && is("early"))
		mock_event("DEVICE_DELETED", "\"device\": \"fs0\"");
	mock_say("{\"return\": {}, \"id\": %s}\r\n", id);
	if (strcmp(command, "device_del") == 0 && is("kept"))
		mock_event("DEVICE_UNPLUG_GUEST_ERROR", "\"device\": \"fs0\", \"path\": \"x\"");
	else if (strcmp(command, "device_del") == 0 && !is("early")) {
		mock_event("DEVICE_DELETED", "\"path\": \"/machine/peripheral/fs0/virtio-backend\"");
		mock_event("DEVICE_DELETED", "\"device\": \"fs9\"");
		/* Those of other devices than the one that is being removed are nobody's business. */
		mock_event("DEVICE_DELETED", "\"device\": \"blk0\"");
		mock_event("DEVICE_DELETED", "\"device\": \"vblk0\"");
		mock_event("DEVICE_DELETED", "\"device\": \"vscsi0\"");
		mock_event("DEVICE_DELETED", "\"device\": \"vfio0\"");
		mock_event("DEVICE_DELETED", "\"device\": \"vnet0\"");
		mock_event("DEVICE_DELETED", "\"device\": \"net0\"");
		mock_event("DEVICE_DELETED",
			   "\"device\": \"fs0\", \"path\": \"/machine/peripheral/fs0\"");
	}
	if (strcmp(command, "quit") == 0 && !is("stays")) {
		mock_event("SHUTDOWN", "\"guest\": false, \"reason\": \"host-qmp-quit\"");
		_exit(0);
	}
}

static inline void mock_command(char *line)
{
	char *command = strstr(line, "\"execute\":\""), *id = strstr(line, "\"id\":"), *end;

	dprintf(QEMU_FD_CONSOLE, "%s\n", line);
	if (!command || !id)
		_exit(8);
	command += 11;
	id += 5;
	*strchr(command, '"') = '\0';
	end = id + strspn(id, "0123456789");
	*end = '\0';
	mock_reply(command, id);
}

/* What the process may do, for the test to look at. */
static inline void mock_status(void)
{
	struct rlimit nofile, fsize, core;
	char line[200];
	FILE *f = fopen("/proc/self/status", "re");

	getrlimit(RLIMIT_NOFILE, &nofile);
	getrlimit(RLIMIT_FSIZE, &fsize);
	getrlimit(RLIMIT_CORE, &core);
	dprintf(QEMU_FD_CONSOLE, "limits %ld %ld %ld\n", (long)nofile.rlim_max,
		(long)fsize.rlim_max, (long)core.rlim_max);
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "Uid", 3) == 0 || strncmp(line, "Gid", 3) == 0 ||
		    strncmp(line, "Groups", 6) == 0 || strncmp(line, "Cap", 3) == 0 ||
		    strncmp(line, "NoNew", 5) == 0)
			dprintf(QEMU_FD_CONSOLE, "%s", line);
	if (f)
		fclose(f);
	static const char *const ns[] = { "mnt", "net", "ipc", "uts", "cgroup", "pid" };
	int sig = 0;

	prctl(PR_GET_PDEATHSIG, &sig);
	dprintf(QEMU_FD_CONSOLE, "pdeathsig %d share %d\n", sig, access("/share/visible", F_OK));
	for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
		char path[64], to[64] = "";

		snprintf(path, sizeof(path), "/proc/self/ns/%s", ns[i]);
		if (readlink(path, to, sizeof(to) - 1) > 0)
			dprintf(QEMU_FD_CONSOLE, "ns %s\n", to);
	}
	for (int fd = 0; fd < 300; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			dprintf(QEMU_FD_CONSOLE, "fd %d\n", fd);
}

static inline int mock_main(const char *name)
{
	char line[65536];
	size_t n = 0;

	mode = name;
	if (is("dies-at-once")) {
		fprintf(stderr, "qemu-system-x86_64: could not load kernel '/vm/kernel'\n");
		return 1;
	}
	if (is("status"))
		mock_status();
	mock_say("{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n");
	for (;;) {
		if (n == sizeof(line) - 1 || recv(QEMU_FD_QMP, line + n, 1, 0) != 1)
			return 7;
		if (line[n++] != '\n')
			continue;
		line[n - 1] = '\0';
		n = 0;
		mock_command(line);
	}
}

/* ---- the test's side ---- */

static struct loop *loop;
static struct hv *hv;
static struct devices *devices;
static struct buf journal;
static int fds_before, console = -EBADF;
static const char *destroy_on; /* destroys the VM when the journal gets this entry */
static const char *stop_on;
static bool as_other_user;
static uint32_t most_memory;

static inline void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static inline void note(const char *fmt, ...)
{
	_free_ char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	ck_assert_int_ge(vasprintf(&s, fmt, ap), 0);
	va_end(ap);
	buf_printf(&journal, "%s\n", s);
	if (destroy_on && str_has_prefix(s, destroy_on)) {
		hv->ops->destroy(hv);
		hv = NULL;
		loop_quit(loop, 0);
	}
	if (stop_on && str_has_prefix(s, stop_on))
		loop_quit(loop, 0);
}

static inline void on_event(void *data, enum hv_event ev, const char *text)
{
	static const char *const names[] = { "exited", "shutdown", "panic" };

	note("%s: %s", names[ev], text);
}

static inline void on_done(void *data, const struct err *err)
{
	note("%s: %s", (const char *)data, err->code ? err->msg : "ok");
}

static inline void on_timeout(struct loop_source *src, void *data)
{
	ck_abort_msg("hangs; journal: %s", journal.len ? journal.data : "");
}

/* Runs the loop until an entry with this prefix. */
static inline void until(const char *entry)
{
	struct err err = { 0 };
	struct loop_source *timer = loop_add_timer(loop, 15000, on_timeout, NULL, &err);

	stop_on = entry;
	unit_ok(loop_run(loop, &err), &err);
	loop_remove(timer);
}

static inline void on_pause(struct loop_source *src, void *data)
{
	loop_quit(loop, 0);
}

static inline void spin(int ms)
{
	struct err err = { 0 };
	struct loop_source *timer = loop_add_timer(loop, ms, on_pause, NULL, &err);

	stop_on = NULL;
	unit_ok(loop_run(loop, &err), &err);
	loop_remove(timer);
}

static inline void saw(const char *want)
{
	ck_assert_str_eq(journal.len ? journal.data : "", want);
	buf_reset(&journal);
}

static inline struct hv_config config(const char *id)
{
	return (struct hv_config){
		.id = id,
		.path = "/proc/self/exe",
		.machine = "q35",
		.accel = "tcg",
		.kernel = "/vm/kernel",
		.memory = 64,
		.vcpus = 1,
		.shared_memory = true,
		.ports = 4,
	};
}

static inline void setup(const char *id)
{
	struct hv_config cfg = config(id);
	static gid_t groups[] = { 1879040001, 1879040002 };
	struct err err = { 0 };

	cfg.max_memory = most_memory;
	if (as_other_user) {
		cfg.uid = 1879040003;
		cfg.gid = 1879040004;
		cfg.groups = groups;
		cfg.n_groups = 2;
	}
	fds_before = unit_count_fds();
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(devices_new(4, &devices, &err), &err);
	unit_ok(hv_qemu_ops.create(&cfg, loop, on_event, NULL, &hv, &err), &err);
}

static inline void start(const char *id)
{
	struct err err = { 0 };

	setup(id);
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	console = hv->ops->console(hv);
	ck_assert_int_ge(console, 0);
}

static inline void started(const char *id)
{
	start(id);
	until("start");
	saw("start: ok\n");
}

static inline void teardown(void)
{
	if (hv)
		hv->ops->destroy(hv);
	devices_free(devices);
	loop_free(loop);
	console = fd_close(console);
	buf_done(&journal);
	ck_assert_int_eq(unit_count_fds(), fds_before);
}

static inline struct device *an_fs(const char *tag)
{
	struct device dev = { .kind = DEVICE_FS,
			      .fs = { .socket = open("/dev/null", O_RDWR | O_CLOEXEC),
				      .queue_size = 128 } };
	struct device *ret = NULL;
	struct err err = { 0 };

	strncpy(dev.fs.tag, tag, sizeof(dev.fs.tag) - 1);
	unit_ok(devices_add(devices, &dev, &ret, &err), &err);
	return ret;
}

static inline void attach(struct device *dev)
{
	struct err err = { 0 };

	unit_ok(hv->ops->attach(hv, dev, on_done, (void *)"attach", &err), &err);
}

static inline void detach(struct device *dev)
{
	struct err err = { 0 };

	unit_ok(hv->ops->detach(hv, dev, on_done, (void *)"detach", &err), &err);
}

static inline void resume(void)
{
	struct err err = { 0 };

	unit_ok(hv->ops->resume(hv, on_done, (void *)"resume", &err), &err);
}

/* What the mock was told, without the parts that do not vary; also what its status was. */
static inline const char *told(void)
{
	static char text[32768];
	ssize_t n = recv(console, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static inline int qemu_main(int argc, char **argv, const char *name, void (*add)(TCase *tcase))
{
	/* Started by the backend: the plan begins with the VM's name. */
	if (argc > 2 && strcmp(argv[1], "-name") == 0)
		return mock_main(argv[2]);

	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	add(tcase);
	tcase_set_timeout(tcase, 30);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
