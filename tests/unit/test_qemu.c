/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU backend against a process that only speaks QMP: this program
 * itself, started again. What it does is chosen by the VM's id; every command that it gets
 * is repeated on the console, which the test reads.
 */
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

static void mock_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void mock_say(const char *fmt, ...)
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

static void mock_event(const char *name, const char *data)
{
	mock_say("{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"%s\", \"data\": {%s}}\r\n",
		 name, data);
}

static bool is(const char *what)
{
	return strstr(mode, what) != NULL;
}

/* Commands that end or derail the mock. */
static void mock_special(const char *command)
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

static void mock_reply(const char *command, const char *id)
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
		mock_event("DEVICE_DELETED",
			   "\"device\": \"fs0\", \"path\": \"/machine/peripheral/fs0\"");
	}
	if (strcmp(command, "quit") == 0 && !is("stays")) {
		mock_event("SHUTDOWN", "\"guest\": false, \"reason\": \"host-qmp-quit\"");
		_exit(0);
	}
}

static void mock_command(char *line)
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
static void mock_status(void)
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

static int mock_main(const char *name)
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

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
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

static void on_event(void *data, enum hv_event ev, const char *text)
{
	static const char *const names[] = { "exited", "shutdown", "panic" };

	note("%s: %s", names[ev], text);
}

static void on_done(void *data, const struct err *err)
{
	note("%s: %s", (const char *)data, err->code ? err->msg : "ok");
}

static void on_timeout(struct loop_source *src, void *data)
{
	ck_abort_msg("hangs; journal: %s", journal.len ? journal.data : "");
}

/* Runs the loop until an entry with this prefix. */
static void until(const char *entry)
{
	struct err err = { 0 };
	struct loop_source *timer = loop_add_timer(loop, 15000, on_timeout, NULL, &err);

	stop_on = entry;
	unit_ok(loop_run(loop, &err), &err);
	loop_remove(timer);
}

static void on_pause(struct loop_source *src, void *data)
{
	loop_quit(loop, 0);
}

static void spin(int ms)
{
	struct err err = { 0 };
	struct loop_source *timer = loop_add_timer(loop, ms, on_pause, NULL, &err);

	stop_on = NULL;
	unit_ok(loop_run(loop, &err), &err);
	loop_remove(timer);
}

static void saw(const char *want)
{
	ck_assert_str_eq(journal.len ? journal.data : "", want);
	buf_reset(&journal);
}

static struct hv_config config(const char *id)
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

static void setup(const char *id)
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

static void start(const char *id)
{
	struct err err = { 0 };

	setup(id);
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	console = hv->ops->console(hv);
	ck_assert_int_ge(console, 0);
}

static void started(const char *id)
{
	start(id);
	until("start");
	saw("start: ok\n");
}

static void teardown(void)
{
	if (hv)
		hv->ops->destroy(hv);
	devices_free(devices);
	loop_free(loop);
	console = fd_close(console);
	buf_done(&journal);
	ck_assert_int_eq(unit_count_fds(), fds_before);
}

static struct device *an_fs(const char *tag)
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

static void attach(struct device *dev)
{
	struct err err = { 0 };

	unit_ok(hv->ops->attach(hv, dev, on_done, (void *)"attach", &err), &err);
}

static void detach(struct device *dev)
{
	struct err err = { 0 };

	unit_ok(hv->ops->detach(hv, dev, on_done, (void *)"detach", &err), &err);
}

static void resume(void)
{
	struct err err = { 0 };

	unit_ok(hv->ops->resume(hv, on_done, (void *)"resume", &err), &err);
}

/* What the mock was told, without the parts that do not vary; also what its status was. */
static const char *told(void)
{
	static char text[32768];
	ssize_t n = recv(console, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(attach_detach)
{
	struct device *dev;

	started("ok");
	ck_assert_str_eq(told(), "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
	dev = an_fs("moat");
	attach(dev);
	resume();
	saw(""); /* nothing inside the calls */
	until("resume");
	saw("attach: ok\nresume: ok\n");
	/* Else virtiofsd would not notice the end of the VM. */
	ck_assert_int_lt(dev->fs.socket, 0);
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"fs0\"}}\n"
		"{\"execute\":\"chardev-add\",\"id\":3,\"arguments\":{\"id\":\"fs0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"fs0\"}},\"server\":false}}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"vhost-user-fs-pci\",\"id\":\"fs0\","
		"\"bus\":\"rp0\",\"chardev\":\"fs0-chr\",\"tag\":\"moat\",\"queue-size\":128}}\n"
		"{\"execute\":\"cont\",\"id\":5}\n");
	detach(dev);
	until("detach");
	saw("detach: ok\n");
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"device_del\",\"id\":6,\"arguments\":{\"id\":\"fs0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":7,\"arguments\":{\"id\":\"fs0-chr\"}}\n");
	teardown();
}
END_TEST

START_TEST(vsock)
{
	struct device want = { .kind = DEVICE_VSOCK, .vsock = { .cid = 7 } };
	struct device *dev = NULL;
	struct err err = { 0 };

	started("ok");
	want.vsock.vhostfd = open("/dev/null", O_RDWR | O_CLOEXEC);
	told();
	unit_ok(devices_add(devices, &want, &dev, &err), &err);
	attach(dev);
	until("attach");
	saw("attach: ok\n");
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"vsock0\"}}\n"
		"{\"execute\":\"device_add\",\"id\":3,\"arguments\":{\"driver\":\"vhost-vsock-pci\","
		"\"id\":\"vsock0\",\"bus\":\"rp0\",\"guest-cid\":7,\"vhostfd\":\"vsock0\"}}\n");
	teardown();
}
END_TEST

static void attach_and_detach(const struct device *want, const char *attached, const char *detached)
{
	struct device *dev = NULL, copy = *want;
	struct err err = { 0 };

	started("ok");
	told();
	if (copy.kind != DEVICE_VFIO)
		*(copy.kind == DEVICE_BLK ? &copy.blk.fd : &copy.vhost.socket) = open(
			"/dev/null", O_RDWR | O_CLOEXEC);
	unit_ok(devices_add(devices, &copy, &dev, &err), &err);
	attach(dev);
	until("attach");
	saw("attach: ok\n");
	ck_assert_str_eq(told(), attached);
	ck_assert_str_eq(dev->port_address, "0000:00:04.0");
	ck_assert_int_lt(device_fd(dev), 0);
	detach(dev);
	until("detach");
	saw("detach: ok\n");
	ck_assert_str_eq(told(), detached);
	teardown();
}

START_TEST(disks)
{
	struct device blk = { .kind = DEVICE_BLK, .blk = { .host_device = true, .readonly = true } };
	struct device vblk = { .kind = DEVICE_VHOST_BLK,
			       .vhost = { .queues = 2, .queue_size = 256 } };
	struct device vscsi = { .kind = DEVICE_VHOST_SCSI };

	attach_and_detach(
		&blk,
		"{\"execute\":\"add-fd\",\"id\":2,\"arguments\":{\"fdset-id\":1,\"opaque\":\"blk0\"}}\n"
		"{\"execute\":\"blockdev-add\",\"id\":3,\"arguments\":{\"driver\":\"raw\",\"node-name\":\"blk0\","
		"\"read-only\":true,\"cache\":{\"no-flush\":false},\"file\":{\"driver\":\"host_device\","
		"\"filename\":\"/dev/fdset/1\",\"read-only\":true,\"locking\":\"off\"}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"virtio-blk-pci\",\"id\":\"blk0\","
		"\"bus\":\"rp0\",\"drive\":\"blk0\",\"serial\":\"blk0\"}}\n",
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"blk0\"}}\n"
		"{\"execute\":\"blockdev-del\",\"id\":6,\"arguments\":{\"node-name\":\"blk0\"}}\n"
		"{\"execute\":\"remove-fd\",\"id\":7,\"arguments\":{\"fdset-id\":1}}\n");
	attach_and_detach(
		&vblk,
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"vblk0\"}}\n"
		"{\"execute\":\"chardev-add\",\"id\":3,\"arguments\":{\"id\":\"vblk0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"vblk0\"}},\"server\":false}}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"vhost-user-blk-pci\",\"id\":\"vblk0\","
		"\"bus\":\"rp0\",\"chardev\":\"vblk0-chr\",\"num-queues\":2,\"queue-size\":256}}\n",
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"vblk0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":6,\"arguments\":{\"id\":\"vblk0-chr\"}}\n");
	attach_and_detach(
		&vscsi,
		"{\"execute\":\"getfd\",\"id\":2,\"arguments\":{\"fdname\":\"vscsi0\"}}\n"
		"{\"execute\":\"chardev-add\",\"id\":3,\"arguments\":{\"id\":\"vscsi0-chr\",\"backend\":{\"type\":\"socket\","
		"\"data\":{\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"vscsi0\"}},\"server\":false}}}}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"driver\":\"vhost-user-scsi-pci\",\"id\":\"vscsi0\","
		"\"bus\":\"rp0\",\"chardev\":\"vscsi0-chr\"}}\n",
		"{\"execute\":\"device_del\",\"id\":5,\"arguments\":{\"id\":\"vscsi0\"}}\n"
		"{\"execute\":\"chardev-remove\",\"id\":6,\"arguments\":{\"id\":\"vscsi0-chr\"}}\n");
}
END_TEST

START_TEST(image_file_that_grows)
{
	struct device blk = { .kind = DEVICE_BLK }, *dev = NULL;
	struct err err = { 0 };

	started("ok");
	told();
	blk.blk.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	unit_ok(devices_add(devices, &blk, &dev, &err), &err);
	attach(dev);
	until("attach");
	ck_assert_ptr_nonnull(strstr(told(),
				     "\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/1\","
				     "\"read-only\":false,\"locking\":\"auto\"}"));
	dev->blk.size = 1ULL << 40;
	unit_ok(hv->ops->grow(hv, dev, on_done, (void *)"grow", &err), &err);
	until("grow");
	saw("attach: ok\ngrow: ok\n");
	ck_assert_str_eq(told(), "{\"execute\":\"block_resize\",\"id\":5,\"arguments\":{"
				 "\"node-name\":\"blk0\",\"size\":1099511627776}}\n");
	teardown();
}
END_TEST

static void grow(const char *id, const char *want)
{
	struct err err = { 0 };

	started(id);
	told();
	unit_ok(hv->ops->set_memory(hv, 384, on_done, (void *)"memory", &err), &err);
	unit_ok(hv->ops->add_vcpu(hv, on_done, (void *)"vcpu", &err), &err);
	until("vcpu");
	saw(want);
}

START_TEST(growing)
{
	struct err err = { 0 };

	most_memory = 64 + 1024;
	grow("cpus", "memory: ok\nvcpu: ok\n");
	ck_assert_str_eq(
		told(),
		"{\"execute\":\"qom-set\",\"id\":2,\"arguments\":{\"path\":\"/machine/peripheral/memory0\","
		"\"property\":\"requested-size\",\"value\":402653184}}\n"
		"{\"execute\":\"query-hotpluggable-cpus\",\"id\":3}\n"
		"{\"execute\":\"device_add\",\"id\":4,\"arguments\":{\"socket-id\":1,\"core-id\":0,\"driver\":\"t-cpu\","
		"\"id\":\"vcpu1\"}}\n");
	unit_fails(hv->ops->set_memory(hv, 1025, on_done, NULL, &err), ENOSPC, &err,
		   "cannot grow by 1025 MiB");
	teardown();
	/* A reply that is no list, and refusals */
	grow("ok", "memory: ok\nvcpu: the virtual machine has all of its processors\n");
	teardown();
	grow("cpus qom-set", "memory: qom-set: qom-set is refused\nvcpu: ok\n");
	teardown();
	grow("cpus device_add", "memory: ok\nvcpu: device_add: device_add is refused\n");
	teardown();
}
END_TEST

START_TEST(vfio)
{
	struct device dev = { .kind = DEVICE_VFIO, .vfio = { "0000:01:00.0" } };

	attach_and_detach(
		&dev,
		"{\"execute\":\"device_add\",\"id\":2,\"arguments\":{\"driver\":\"vfio-pci\",\"id\":\"vfio0\","
		"\"bus\":\"rp0\",\"host\":\"0000:01:00.0\",\"rombar\":0}}\n",
		"{\"execute\":\"device_del\",\"id\":3,\"arguments\":{\"id\":\"vfio0\"}}\n");
}
END_TEST

/* Each step refused: what was done before is undone in reverse. */
static const struct {
	const char *id, *error, *last;
} undo_cases[] = {
	{ "getfd", "attach: getfd: getfd is refused\n", "\"getfd\"" },
	{ "chardev-add", "attach: chardev-add: chardev-add is refused\n", "\"closefd\"" },
	{ "device_add", "attach: device_add: device_add is refused\n",
	  "\"chardev-remove\" \"closefd\"" },
	/* Undoing fails, too: the first error counts and the rest is still undone. */
	{ "device_add,chardev-remove", "attach: device_add: device_add is refused\n",
	  "\"chardev-remove\" \"closefd\"" },
};

START_TEST(undo)
{
	struct device *dev;
	char *last, *rest = NULL;
	const char *all;

	started(undo_cases[_i].id);
	told();
	dev = an_fs("moat");
	attach(dev);
	resume();
	until("resume");
	ck_assert(str_has_prefix(journal.data, undo_cases[_i].error));
	buf_reset(&journal);
	all = told();
	last = strdup(undo_cases[_i].last);
	for (char *w = strtok_r(last, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		all = strstr(all, w);
		ck_assert_msg(all != NULL, "no %s", w);
	}
	ck_assert_ptr_nonnull(strstr(all, "\"cont\""));
	free(last);
	teardown();
}
END_TEST

static const struct {
	const char *id, *journal;
} detach_cases[] = {
	{ "ok", "detach: ok\n" },
	{ "early", "detach: ok\n" },
	{ "kept", "detach: the guest does not release device fs0\n" },
	{ "device_del", "detach: device_del: device_del is refused\n" },
	{ "device_del,not-there", "detach: ok\n" }, /* the guest has ejected it by itself */
	{ "chardev-remove", "detach: chardev-remove: chardev-remove is refused\n" },
};

START_TEST(detaching)
{
	struct device *dev;

	started(detach_cases[_i].id);
	dev = an_fs("moat");
	attach(dev);
	detach(dev);
	until("detach");
	ck_assert(str_has_prefix(journal.data, "attach: ok\n"));
	ck_assert_str_eq(journal.data + strlen("attach: ok\n"), detach_cases[_i].journal);
	teardown();
}
END_TEST

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

static void check_status(const char *text, bool root)
{
	char self[64];
	static const char *const ns[] = { "mnt", "net", "ipc", "uts", "cgroup" };
	int n = 0;

	ck_assert_msg(strstr(text, "limits 129 67108864 0\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "NoNewPrivs:\t1\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "pdeathsig 9") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "CapEff:\t0000000000000000\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "CapAmb:\t0000000000000000\n") != NULL, "%s", text);
	if (root) {
		ck_assert_msg(strstr(text, "CapBnd:\t0000000000000000\n") != NULL, "%s", text);
		ck_assert_msg(strstr(text, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n") !=
				      NULL,
			      "%s", text);
		for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
			char path[64], line[80];

			snprintf(path, sizeof(path), "/proc/self/ns/%s", ns[i]);
			memset(self, 0, sizeof(self));
			ck_assert_int_gt(readlink(path, self, sizeof(self) - 1), 0);
			snprintf(line, sizeof(line), "ns %s\n", self);
			ck_assert_msg(strstr(text, line) == NULL, "shares %s", self);
		}
	}
	for (const char *p = text; (p = strstr(p, "fd ")); p++)
		n++;
	ck_assert_int_eq(n, 6); /* 0 to 2 and three sockets */
}

START_TEST(confinement)
{
	start("status");
	until("start");
	check_status(told(), geteuid() == 0);
	teardown();
}
END_TEST

START_TEST(confinement_with_uid)
{
	const char *text;

	if (geteuid() != 0)
		return; /* needs root */
	as_other_user = true;
	start("status");
	until("start");
	text = told();
	check_status(text, true);
	ck_assert_ptr_nonnull(strstr(text, "Uid:\t1879040003\t1879040003\t1879040003\t1879040003\n"));
	ck_assert_ptr_nonnull(strstr(text, "Gid:\t1879040004\t1879040004\t1879040004\t1879040004\n"));
	ck_assert_ptr_nonnull(strstr(text, "Groups:\t1879040001 1879040002"));
	teardown();
}
END_TEST

/* The step of the confinement that fails is named. */
START_TEST(confinement_fails)
{
	struct hv_config cfg = config("ok");
	size_t n = 70000; /* more groups than a process may have */
	_free_ gid_t *groups = NULL;
	struct err err = { 0 };

	if (geteuid() != 0)
		return; /* needs root */
	groups = calloc(n, sizeof(*groups));
	cfg.uid = cfg.gid = 1879040003;
	cfg.groups = groups;
	cfg.n_groups = n;
	fds_before = unit_count_fds();
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(devices_new(4, &devices, &err), &err);
	unit_ok(hv_qemu_ops.create(&cfg, loop, on_event, NULL, &hv, &err), &err);
	unit_fails(hv->ops->start(hv, on_done, (void *)"start", &err), EINVAL, &err,
		   "confine: user and groups: start");
	teardown();
}
END_TEST

/* A root directory of our own with everything that / has, and /share: nothing of it outside of this process. */
static void root_with_share(void)
{
	static const char top[] = "/mnt";
	char from[PATH_MAX], to[PATH_MAX], target[PATH_MAX];
	DIR *d = opendir("/");

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", top, "tmpfs", 0, NULL), 0);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		snprintf(from, sizeof(from), "/%s", e->d_name);
		snprintf(to, sizeof(to), "%s/%s", top, e->d_name);
		if (e->d_name[0] == '.' || strcmp(e->d_name, "share") == 0 ||
		    strcmp(e->d_name, "mnt") == 0)
			continue;
		if (e->d_type == DT_DIR && mkdir(to, 0755) == 0)
			ck_assert_int_eq(mount(from, to, NULL, MS_BIND | MS_REC, NULL), 0);
		memset(target, 0, sizeof(target));
		if (e->d_type == DT_LNK && readlink(from, target, sizeof(target) - 1) > 0)
			ck_assert_int_eq(symlink(target, to), 0);
	}
	closedir(d);
	ck_assert_int_eq(chroot(top), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(mkdir("/share", 0755), 0);
	ck_assert_int_eq(mount("tmpfs", "/share", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mkdir("/share/visible", 0755), 0);
	/* A container's root below it: all goes. */
	ck_assert_int_eq(mount("tmpfs", "/share/visible", "tmpfs", 0, NULL), 0);
}

START_TEST(share_is_hidden)
{
	struct stat st;

	if (geteuid() != 0)
		return; /* needs root */
	root_with_share();
	start("status");
	until("start");
	ck_assert_ptr_nonnull(strstr(told(), " share -1\n"));
	/* And only there. */
	ck_assert_int_eq(stat("/share/visible", &st), 0);
	teardown();
}
END_TEST

int main(int argc, char **argv)
{
	/* Started by the backend: the plan begins with the VM's name. */
	if (argc > 2 && strcmp(argv[1], "-name") == 0)
		return mock_main(argv[2]);

	Suite *suite = suite_create("qemu");
	TCase *tcase = tcase_create("qemu");
	const TTest *const tests[] = { attach_detach,
				       vsock,
				       disks,
				       image_file_that_grows,
				       vfio,
				       growing,
				       bad_requests,
				       no_such_program,
				       quitting,
				       quitting_when_deaf,
				       destroyed_while_working,
				       confinement,
				       confinement_with_uid,
				       confinement_fails,
				       share_is_hidden };

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, undo, 0, ARRAY_SIZE(undo_cases));
	tcase_add_loop_test(tcase, detaching, 0, ARRAY_SIZE(detach_cases));
	tcase_add_loop_test(tcase, ending, 0, ARRAY_SIZE(ends));
	tcase_add_loop_test(tcase, destroyed_in_callback, 0, ARRAY_SIZE(destroy_points));
	tcase_set_timeout(tcase, 30);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
