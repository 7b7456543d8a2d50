/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU backend with the real QEMU and the kernel of test_qemu_kernel.h. Skipped where QEMU is not
 * installed, which is a failure with MOAT_TEST_STRICT=1.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/sock.h"
#include "base/str.h"
#include "devices/device.h"
#include "hypervisor/hv.h"
#include "tests/unit/test_qemu_kernel.h"

#define QEMU "/usr/bin/qemu-system-x86_64"

static bool have_qemu(void)
{
	const char *strict = getenv("MOAT_TEST_STRICT");

	if (access(QEMU, X_OK) == 0)
		return true;
	if (strict && strcmp(strict, "1") == 0)
		ck_abort_msg("%s is not installed", QEMU);
	fprintf(stderr, "skipped: %s is not installed\n", QEMU);
	return false;
}

/* ---- one VM ---- */

static struct loop *loop;
static struct hv *hv;
static struct buf journal, console;
static int console_fd = -EBADF;
static struct loop_source *console_source;
static char *dir, *kernel;
static const char *stop_on;
static int fds_before;

static void note(const char *what, const char *text)
{
	buf_printf(&journal, "%s: %s\n", what, text);
	if (stop_on && strcmp(what, stop_on) == 0)
		loop_quit(loop, 0);
}

static void on_event(void *data, enum hv_event ev, const char *text)
{
	static const char *const names[] = { "exited", "shutdown", "panic" };

	note(names[ev], text);
}

static void on_done(void *data, const struct err *err)
{
	note(data, err->code ? err->msg : "ok");
}

static void on_console(struct loop_source *src, uint32_t revents, void *data)
{
	char chunk[256];
	ssize_t n = recv(console_fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n > 0)
		buf_append(&console, chunk, (size_t)n);
	else
		console_source = loop_remove(src);
}

static void on_timeout(struct loop_source *src, void *data)
{
	if (stop_on)
		ck_abort_msg("no '%s'; journal: %s; console: %s", stop_on,
			     journal.len ? journal.data : "", console.len ? console.data : "");
	loop_quit(loop, 0);
}

/* Until an entry of that name, or for that time if NULL. */
static void until(const char *what, int ms)
{
	struct err err = { 0 };
	struct loop_source *timer = loop_add_timer(loop, ms, on_timeout, NULL, &err);

	stop_on = what;
	unit_ok(loop_run(loop, &err), &err);
	loop_remove(timer);
}

static void saw(const char *want)
{
	ck_assert_str_eq(journal.len ? journal.data : "", want);
	buf_reset(&journal);
}

static struct hv_config config(const char *machine)
{
	dir = unit_mkdtemp();
	ck_assert_int_eq(chmod(dir, 0755), 0);
	/* A comma and an equals sign in the path: it is no list of options. */
	kernel = path_join(dir, "kernel,readonly=on");
	write_kernel(kernel);
	return (struct hv_config){
		.id = "real,test",
		.path = QEMU,
		.machine = machine,
		.accel = "tcg",
		.kernel = kernel,
		.cmdline = "a=1,2 b=\"c d\"",
		.memory = 64,
		.vcpus = 1,
		.shared_memory = true,
		.ports = 2,
	};
}

static void start(const struct hv_config *cfg)
{
	struct err err = { 0 };

	fds_before = unit_count_fds();
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(hv_qemu_ops.create(cfg, loop, on_event, NULL, &hv, &err), &err);
	unit_ok(hv->ops->start(hv, on_done, (void *)"start", &err), &err);
	console_fd = hv->ops->console(hv);
	console_source = loop_add_io(loop, console_fd, EPOLLIN, on_console, NULL, &err);
	ck_assert_ptr_nonnull(console_source);
}

static void started(const struct hv_config *cfg)
{
	start(cfg);
	until("start", 20000);
	saw("start: ok\n");
}

static void teardown(void)
{
	pid_t pid = hv->ops->pid(hv);

	hv->ops->destroy(hv);
	if (pid != 0)
		ck_assert_int_lt(kill(pid, 0), 0);
	loop_free(loop);
	console_fd = fd_close(console_fd);
	buf_done(&journal);
	buf_done(&console);
	ck_assert_int_eq(unit_count_fds(), fds_before);
	free(kernel);
	unit_rmdir(dir);
}

static void resume(void)
{
	struct err err = { 0 };

	unit_ok(hv->ops->resume(hv, on_done, (void *)"resume", &err), &err);
}

/* Boots to the end: also proves that the memory, the firmware and the limits of the process suit QEMU. */
static void run(const struct hv_config *cfg)
{
	started(cfg);
	resume();
	until("exited", 20000);
	saw("resume: ok\nshutdown: guest-reset\nexited: exit status 0\n");
	ck_assert_ptr_nonnull(console.data);
	ck_assert_ptr_nonnull(strstr(console.data, "moat\n"));
	teardown();
}

START_TEST(paused)
{
	struct hv_config cfg;
	struct err err = { 0 };
	int channel;

	if (!have_qemu())
		return;
	cfg = config("q35");
	started(&cfg);
	channel = hv->ops->channel(hv);
	ck_assert_int_ge(channel, 0);
	ck_assert_int_lt(hv->ops->channel(hv), 0); /* taken */
	until(NULL, 100);
	ck_assert_uint_eq(console.len, 0);
	unit_ok(hv->ops->quit(hv, &err), &err);
	until("exited", 5000);
	saw("exited: exit status 0\n");
	close(channel);
	teardown();
}
END_TEST

START_TEST(q35)
{
	struct hv_config cfg;

	if (!have_qemu())
		return;
	cfg = config("q35");
	run(&cfg);
}
END_TEST

START_TEST(microvm)
{
	struct hv_config cfg;

	if (!have_qemu())
		return;
	cfg = config("microvm");
	run(&cfg);
}
END_TEST

/* There in programs built for coverage only. */
extern void __gcov_init(void *) __attribute__((weak));

START_TEST(private_memory_default_firmware)
{
	struct hv_config cfg;

	/* gcov saves its counters just before exec, where RLIMIT_FSIZE is 0 already. */
	if (!have_qemu() || __gcov_init)
		return;
	cfg = config("q35");
	cfg.shared_memory = false;
	cfg.debug = true;
	cfg.firmware = "/usr/share/seabios/bios-256k.bin";
	if (access(cfg.firmware, R_OK) < 0)
		cfg.firmware = NULL;
	run(&cfg);
}
END_TEST

START_TEST(own_uid)
{
	struct hv_config cfg;
	gid_t group = 1879050003;

	if (!have_qemu() || geteuid() != 0)
		return;
	cfg = config("q35");
	cfg.uid = 1879050001;
	cfg.gid = 1879050002;
	cfg.groups = &group;
	cfg.n_groups = 1;
	run(&cfg);
}
END_TEST

START_TEST(bad_kernel)
{
	struct hv_config cfg;

	if (!have_qemu())
		return;
	cfg = config("q35");
	ck_assert_int_eq(truncate(kernel, 10), 0);
	start(&cfg);
	until("exited", 20000);
	ck_assert_msg(str_has_prefix(journal.data, "start: qemu: exit status 1: "), "%s",
		      journal.data);
	teardown();

	cfg = config("q35");
	cfg.kernel = "/nonexistent/vmlinux";
	start(&cfg);
	until("exited", 20000);
	saw("start: qemu: exit status 1: could not open kernel file '/nonexistent/vmlinux': No such file or directory\n"
	    "exited: exit status 1: could not open kernel file '/nonexistent/vmlinux': No such file or directory\n");
	teardown();
}
END_TEST

/* A refused device leaves nothing behind: the next attempt fails in the same way, not for a name in use. */
START_TEST(attach_is_undone)
{
	struct device dev = { .kind = DEVICE_FS,
			      .id = "fs0",
			      .port = 0,
			      .fs = { .tag = "moat", .queue_size = 128 } };
	struct hv_config cfg;
	struct err err = { 0 };
	char first[512];
	int pair[2];

	if (!have_qemu())
		return;
	cfg = config("q35");
	started(&cfg);
	unit_ok(sock_pair(pair, &err), &err);
	close(pair[1]);
	dev.fs.socket = pair[0];
	for (int i = 0; i < 3; i++) {
		unit_ok(hv->ops->attach(hv, &dev, on_done, (void *)"attach", &err), &err);
		until("attach", 10000);
		ck_assert_msg(str_has_prefix(journal.data, "attach: device_add: "), "%s",
			      journal.data);
		if (i > 0)
			ck_assert_str_eq(journal.data, first);
		snprintf(first, sizeof(first), "%s", journal.data);
		buf_reset(&journal);
	}
	/* The VM is none the worse for it. */
	resume();
	until("exited", 20000);
	saw("resume: ok\nshutdown: guest-reset\nexited: exit status 0\n");
	close(pair[0]);
	teardown();
}
END_TEST

START_TEST(killed)
{
	struct hv_config cfg;

	if (!have_qemu())
		return;
	cfg = config("q35");
	started(&cfg);
	kill(hv->ops->pid(hv), SIGKILL);
	until("exited", 10000);
	saw("exited: killed by signal 9\n");
	teardown();
}
END_TEST

/* The byte that stands for the first letter in the code of the kernel: "mov al, 'm'". */
static void change_letter(int memory)
{
	uint8_t letter;
	off_t at = LOAD_ADDRESS + offsetof(struct image, code) + 6;

	ck_assert_int_eq(pread(memory, &letter, 1, at), 1);
	ck_assert_int_eq(letter, 'm');
	ck_assert_int_eq(pwrite(memory, "M", 1, at), 1);
}

static void save(int fd, const char *want)
{
	struct err err = { 0 };

	unit_ok(hv->ops->save(hv, fd, on_done, (void *)"save", &err), &err);
	until("save", 20000);
	saw(want);
}

/* A second VM goes on where the first was saved, with the first one's memory as it is by then. */
static void save_and_restore(const char *machine)
{
	struct hv_config cfg = config(machine);
	int memory = memfd_create("memory", MFD_CLOEXEC), state = memfd_create("state", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(memory, (off_t)cfg.memory << 20), 0);
	cfg.memory_fd = memory;
	started(&cfg);
	save(state, "save: ok\n");
	teardown();
	ck_assert_int_gt(lseek(state, 0, SEEK_CUR), 0);
	change_letter(memory);

	cfg = config(machine);
	cfg.memory_fd = memory;
	cfg.restore_fd = state;
	lseek(state, 0, SEEK_SET);
	started(&cfg);
	resume();
	until("exited", 20000);
	saw("resume: ok\nshutdown: guest-reset\nexited: exit status 0\n");
	ck_assert_ptr_nonnull(strstr(console.data, "Moat\n"));
	teardown();
	close(memory);
	close(state);
}

START_TEST(restored)
{
	if (!have_qemu())
		return;
	save_and_restore("q35");
	save_and_restore("microvm");
}
END_TEST

START_TEST(restore_fails)
{
	struct hv_config cfg;
	int state;

	if (!have_qemu())
		return;
	cfg = config("q35");
	cfg.memory_fd = memfd_create("memory", MFD_CLOEXEC);
	state = cfg.restore_fd = memfd_create("state", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(cfg.memory_fd, (off_t)cfg.memory << 20), 0);
	ck_assert_int_eq(write(state, "QEVM\0\0\0\3junk", 12), 12);
	lseek(state, 0, SEEK_SET);
	start(&cfg);
	until("exited", 20000);
	ck_assert_msg(str_has_prefix(journal.data, "start: qemu: exit status 1: "), "%s",
		      journal.data);
	teardown();
	close(cfg.memory_fd);
	close(state);
}
END_TEST

START_TEST(save_fails)
{
	struct hv_config cfg;
	struct err err = { 0 };
	int full;

	if (!have_qemu())
		return;
	cfg = config("q35");
	started(&cfg);
	ck_assert_int_eq(hv->ops->save(hv, 0, on_done, NULL, &err), -EINVAL);
	teardown();

	cfg = config("q35");
	cfg.memory_fd = memfd_create("memory", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(cfg.memory_fd, (off_t)cfg.memory << 20), 0);
	full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	started(&cfg);
	save(full, "save: qemu could not save the machine's state\n");
	/* It lives, and goes on where it was. */
	resume();
	until("exited", 20000);
	saw("resume: ok\nshutdown: guest-reset\nexited: exit status 0\n");
	teardown();
	close(cfg.memory_fd);
	close(full);
}
END_TEST

UNIT_MAIN("qemu_real", paused, q35, microvm, private_memory_default_firmware, own_uid, bad_kernel,
	  attach_is_undone, killed, restored, restore_fails, save_fails)
