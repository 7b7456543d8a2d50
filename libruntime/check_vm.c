/* SPDX-License-Identifier: Apache-2.0 */
/* `moat check`: the programs that make a VM, and what it runs on. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "config/virtiofsd.h"
#include "libruntime/check_rows.h"

#define VERSION_MS 10000 /* QEMU needs 20-30 ms for it */
#define QEMU_MAJOR 7 /* the oldest that was tried */
#define QEMU_MINOR 2

void check_configuration(const struct check *c, struct check_row *row)
{
	if (!c->configured) {
		check_say(row, CHECK_MISSING, "%s", c->config_err.msg);
		check_next(row, "correct it, see moat-configuration.toml(5)");
		return;
	}
	check_say(row, CHECK_OK, "%s%s",
		  c->config.source ? c->config.source : "defaults, since there is no " CONFIG_FILE,
		  c->n_files < VM_FILES ? "; the hypervisor is the fake one, which starts no VM" :
					  "");
}

void check_helpers(const struct check *c, struct check_row *row)
{
	static const char next[] = "build or install moat again";

	if (check_file(c, VM_FILE_MONITOR, row, next) && check_file(c, VM_FILE_STANDIN, row, next))
		check_say(row, CHECK_OK, "%s, %s", c->paths.monitor, c->paths.standin);
}

void check_accelerator(const struct check *c, struct check_row *row)
{
	const char *wanted = c->config.qemu.accelerator;
	enum accel accel = ACCEL_TCG;
	struct err err = {};
	char why[512] = "";
	int r;

	r = c->host->accel ?
		    accel_choose_with(c->host->accel, wanted, &accel, why, sizeof(why), &err) :
		    accel_choose(wanted, &accel, why, sizeof(why), &err);
	if (r < 0)
		check_say(row, CHECK_MISSING, "%s", err.msg);
	else if (accel == ACCEL_KVM)
		check_say(row, CHECK_OK, "%s", why);
	else
		check_say(row, CHECK_DEGRADED, "%s; TCG is slow and no security boundary", why);
	if (r >= 0 && accel == ACCEL_KVM)
		return;
	if (strcmp(wanted, "tcg") == 0)
		check_next(row, "set accelerator to \"auto\" or \"kvm\" in [hypervisor.qemu]");
	else
		check_next(row,
			   "enable VT-x or AMD-V in the firmware, or nested virtualization if this host is a VM "
			   "itself; then modprobe kvm_intel or kvm_amd");
}

/* ---- qemu ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * (int64_t)1000 + t.tv_nsec / 1000000;
}

/* What comes from fd until its end, as far as it fits; -ETIMEDOUT. */
static int read_output(int fd, char *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t end = now_ms() + VERSION_MS, left;
	size_t len = 0;

	for (;;) {
		ssize_t n;

		left = end - now_ms();
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return -ETIMEDOUT;
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? (size_t)n : 0;
		buf[len] = '\0';
		if (n == 0 || len == size - 1)
			return 0;
	}
}

/* The output of PROGRAM --version. */
static int ask_version(const char *program, char *buf, size_t size, struct err *err)
{
	char option[] = "--version", path[] = "PATH=/usr/bin:/bin";
	char *argv[] = { (char *)(uintptr_t)program, option, NULL }, *env[] = { path, NULL };
	_close_ int rd = -EBADF, wr = -EBADF, pidfd = -EBADF;
	int fds[2], status = 0, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	rd = fds[0];
	wr = fds[1];

	const struct spawn_fd map[] = { { wr, STDOUT_FILENO } };
	const struct spawn s = { .path = program,
				 .exe_fd = -EBADF,
				 .argv = argv,
				 .envp = env,
				 .fds = map,
				 .n_fds = 1,
				 .pdeathsig = SIGKILL };

	r = spawn(&s, &pid, &pidfd, err);
	if (r < 0)
		return r;
	close(take_fd(wr));
	r = read_output(rd, buf, size);
	if (r < 0 || proc_wait_end(pidfd, VERSION_MS) < 0)
		(void)proc_signal(pidfd, SIGKILL);
	int reaped = proc_reap(pid, &status);
	if (r < 0)
		return err_errno(err, -r, "'%s --version'", program);
	return reaped >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ?
		       0 :
		       err_set(err, EIO, "'%s --version' failed", program);
}

void check_qemu(const struct check *c, struct check_row *row)
{
	static const char word[] = " version ";
	const char *path = c->config.qemu.path, *version;
	struct err err = {};
	char out[4096];
	int major, minor;

	if (!check_file(c, VM_FILE_QEMU, row,
			"install QEMU (Debian: qemu-system-x86), or set path in [hypervisor.qemu]"))
		return;
	if (ask_version(path, out, sizeof(out), &err) < 0) {
		check_say(row, CHECK_MISSING, "%s", err.msg);
		check_next(row, "install QEMU again, or set path in [hypervisor.qemu]");
		return;
	}
	out[strcspn(out, "\n")] = '\0';
	version = strstr(out, word);
	version = version ? version + strlen(word) : "";
	/* NOLINTNEXTLINE(cert-err34-c): numbers too large are new enough, too */
	if (sscanf(version, "%d.%d", &major, &minor) != 2) {
		check_say(row, CHECK_DEGRADED, "%s, version unknown: it says \"%.200s\"", path, out);
		check_next(row, "set path in [hypervisor.qemu] to a QEMU of version %d.%d or later",
			   QEMU_MAJOR, QEMU_MINOR);
		return;
	}
	check_say(row, CHECK_OK, "%s, version %.200s", path, version);
	if (major > QEMU_MAJOR || (major == QEMU_MAJOR && minor >= QEMU_MINOR))
		return;
	row->status = CHECK_DEGRADED;
	check_next(row, "install QEMU %d.%d or later: nobody has tried an older one", QEMU_MAJOR,
		   QEMU_MINOR);
}

void check_virtiofsd(const struct check *c, struct check_row *row)
{
	static const char next[] =
		"install virtiofsd (Debian 12: in qemu-system-common), or set virtio_fs_daemon in [hypervisor.qemu]";
	const char *path = c->config.qemu.virtio_fs_daemon;
	enum virtiofsd_kind kind;
	struct err err = {};

	if (strcmp(c->config.qemu.shared_fs, "none") == 0) {
		check_say(row, CHECK_OK, "not needed: shared_fs = \"none\"");
		return;
	}
	if (!check_file(c, VM_FILE_VIRTIOFSD, row, next))
		return;
	if (virtiofsd_probe(path, &kind, &err) < 0) {
		check_say(row, CHECK_MISSING, "%s", err.msg);
		check_next(row, "%s", next);
		return;
	}
	check_say(row, CHECK_OK, "%s, %s", path,
		  kind == VIRTIOFSD_C ? "QEMU's own in C" : "the one in Rust");
}
