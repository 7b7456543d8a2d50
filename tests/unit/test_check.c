/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/check.h"
#include "tests/unit/unit.h"

/* A host made of files below a directory, with a KVM that works and every system call. */
static char *root;
static char cpuinfo[256], state[256];
static long hidden_call;
static struct check_host host;
static struct check_report report;

static int probe(long nr)
{
	return hidden_call == -1 || nr == hidden_call ? -ENOSYS : 0;
}

static int kvm_ioctl(int fd, unsigned long request, long arg)
{
	(void)fd;
	(void)arg;
	if (request == KVM_CREATE_VM)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	return request == KVM_GET_API_VERSION ? KVM_API_VERSION : 1;
}

static const struct accel_probe kvm = { cpuinfo, "/dev/null", kvm_ioctl };

/* A file below root, its directories too; mode 0755 for scripts. */
static void put(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(const char *name, const char *fmt, ...)
{
	_free_ char *path = path_join(root, name), *dir = strdup(path);
	char text[8192];
	struct err err = {};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*strrchr(dir, '/') = '\0';
	unit_ok(path_mkdirs(dir, 0755, &err), &err);
	unit_ok(io_write_file(AT_FDCWD, path, text, strlen(text),
			      str_has_prefix(text, "#!") ? 0755 : 0644, false, &err),
		&err);
}

static void drop(const char *name)
{
	_free_ char *path = path_join(root, name);
	struct err err = {};

	unit_ok(path_remove_tree(AT_FDCWD, path, &err), &err);
}

static void config(const char *more)
{
	put("configuration.toml",
	    "[hypervisor.qemu]\npath = \"%s/qemu\"\nvirtio_fs_daemon = \"%s/virtiofsd\"\n"
	    "kernel = \"%s/guest/vmlinux\"\ninitrd = \"%s/guest/initramfs.cpio\"\n%s\n",
	    root, root, root, root, more);
}

static void host_files(void)
{
	static const char *const ns[] = { "pid", "mnt", "net", "ipc", "uts", "cgroup", "user" };

	put("proc/cpuinfo", "flags\t\t: fpu vmx lm\n");
	put("proc/self/status", "Name:\tx\nCapInh:\t0\nCapEff:\t000001ffffffffff\n");
	put("proc/sys/kernel/osrelease", "6.12.0-test\n");
	put("proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread errno\n");
	put("proc/filesystems", "nodev\tsysfs\n\text4\nnodev\toverlay\n");
	put("proc/meminfo", "MemTotal: 1 kB\nHugepagesize:       2048 kB\n");
	for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
		_free_ char *name = str_printf("proc/self/ns/%s", ns[i]);

		put(name, "%s", "");
	}
	put("proc/sys/user/max_user_namespaces", "0\n");
	put("proc/cgroups", "#subsys_name\nmemory\t1\t1\t1\npids\t2\t1\t1\n");
	put("proc/self/mountinfo",
	    "30 25 0:26 / /sys/fs/cgroup/m rw shared:9 - cgroup cgroup rw,xattr,memory\n"
	    "31 25 0:27 / /sys/fs/cgroup/u\\040x rw - cgroup2 cgroup2 rw,nsdelegate\n");
	put("sys/fs/cgroup/u x/cgroup.controllers", "cpu io\n");
	put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "200\n");
	put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "150\n");
	put("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n");
	put("sys/kernel/iommu_groups/0/type", "DMA\n");
	put("sys/kernel/iommu_groups/1/type", "DMA\n");
	put("sys/bus/pci/drivers/vfio-pci/bind", "%s", "");
	put("dev/net/tun", "%s", "");
	put("dev/vhost-net", "%s", "");
	put("dev/vhost-vsock", "%s", "");
}

static void setup(void)
{
	struct err err = {};

	root = unit_mkdtemp();
	snprintf(cpuinfo, sizeof(cpuinfo), "%s/proc/cpuinfo", root);
	snprintf(state, sizeof(state), "%s/state", root);
	host = (struct check_host){ .root = root, .probe = probe, .accel = &kvm };
	hidden_call = 0;
	host_files();
	put("qemu", "#!/bin/sh\necho 'QEMU emulator version 9.1.0 (Test)'\necho Copyright\n");
	put("virtiofsd", "#!/bin/sh\n# --shared-dir\n");
	put("guest/vmlinux", "\177ELF Linux version 6.12.1-tuned (x)");
	put("guest/initramfs.cpio", "\x1f\x8b");
	config("");
	unit_ok(path_mkdirs(state, 0700, &err), &err);
}

static void run(void)
{
	_free_ char *file = path_join(root, "configuration.toml");
	struct rt rt = { .root = state, .config = file };
	struct err err = {};
	int before = unit_count_fds();

	check_report_done(&report);
	unit_ok(check_run(&rt, &host, &report, &err), &err);
	ck_assert_int_eq(unit_count_fds(), before);
}

static void done(void)
{
	check_report_done(&report);
	unit_rmdir(root);
}

static const struct check_row *find(const char *name)
{
	for (size_t i = 0; i < report.n; i++)
		if (strcmp(report.rows[i].name, name) == 0)
			return &report.rows[i];
	return NULL;
}

/* The row's status, a part of its detail and of its next step ("": there is none). */
static void row(const char *name, enum check_status status, const char *detail, const char *next)
{
	const struct check_row *r = find(name);

	ck_assert_msg(r != NULL, "no row %s", name);
	ck_assert_msg(r->status == status && strstr(r->detail, detail),
		      "%s: %s: \"%s\", not %s: \"%s\"", name, check_status_name(r->status),
		      r->detail, check_status_name(status), detail);
	ck_assert_msg(*next ? strstr(r->next, next) != NULL : *r->next == '\0',
		      "%s: next is \"%s\", not \"%s\"", name, r->next, next);
}

START_TEST(good_host)
{
	setup();
	run();
	row("configuration", CHECK_OK, "/configuration.toml", "");
	row("privileges", CHECK_OK, "root", "");
	row("accelerator", CHECK_OK, "kvm: it works here", "");
	row("qemu", CHECK_OK, "/qemu, version 9.1.0 (Test)", "");
	row("virtiofsd", CHECK_OK, "Rust", "");
	row("guest-kernel", CHECK_OK, "ELF, release 6.12.1-tuned", "");
	row("guest-initramfs", CHECK_INFO, "compressed", "");
	row("kernel", CHECK_OK, "6.12.0-test: openat2, ", "");
	row("namespaces", CHECK_OK, "pid, mnt, net, ipc, uts, cgroup; cannot be made: user", "");
	row("seccomp", CHECK_OK, "", "");
	row("overlay", CHECK_OK, "", "");
	row("tun", CHECK_OK, "/dev/net/tun", "");
	row("vhost-net", CHECK_OK, "/dev/vhost-net", "");
	row("vhost-vsock", CHECK_OK, "the agent is reached over it", "");
	row("hugepages", CHECK_INFO, "2048 kB: 150 of 200 free; 1048576 kB: none", "");
	row("iommu", CHECK_INFO, "2 groups; vfio-pci is loaded", "");
	row("cgroups", CHECK_OK, "v1: memory; v2: cpu io", "");
	/* Of a test program there are no helpers beside it. */
	row("helpers", CHECK_MISSING, "moat-monitor", "install moat again");
	ck_assert(!check_report_ok(&report));
	done();
}
END_TEST

START_TEST(bare_host)
{
	static const char *const gone[] = { "proc", "sys", "dev" };

	setup();
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		drop(gone[i]);
	hidden_call = -1;
	host.uid = 1000;
	run();
	row("privileges", CHECK_MISSING, "uid 1000, without CAP_SYS_ADMIN", "as root");
	row("accelerator", CHECK_DEGRADED, "slow and no security boundary", "nested virtualization");
	row("kernel", CHECK_MISSING, "unknown: openat2: function not implemented", "Linux 5.12");
	row("namespaces", CHECK_MISSING, "none; cannot be made: pid, mnt", "boot a kernel");
	row("seccomp", CHECK_MISSING, "no filters", "CONFIG_SECCOMP_FILTER");
	row("overlay", CHECK_DEGRADED, "not there", "modprobe overlay");
	row("tun", CHECK_DEGRADED, "no such file", "modprobe tun");
	row("vhost-net", CHECK_DEGRADED, "no such file", "modprobe vhost_net");
	row("vhost-vsock", CHECK_DEGRADED, "over virtio-serial", "modprobe vhost_vsock");
	row("hugepages", CHECK_INFO, "the kernel has none", "");
	row("iommu", CHECK_INFO, "0 groups; vfio-pci is not loaded", "");
	row("cgroups", CHECK_DEGRADED, "no hierarchy", "mount -t cgroup2");
	done();
}
END_TEST

START_TEST(broken_configuration)
{
	setup();
	put("configuration.toml", "[hypervisor.qemu]\nnonsense = 1\n");
	run();
	row("configuration", CHECK_MISSING, "unknown key \"nonsense\"", "configuration.toml(5)");
	ck_assert_ptr_null(find("qemu"));
	ck_assert_ptr_null(find("guest-kernel"));
	ck_assert_ptr_null(find("helpers"));
	row("kernel", CHECK_OK, "6.12.0-test", "");
	ck_assert(!check_report_ok(&report));
	drop("configuration.toml");
	run();
	row("configuration", CHECK_MISSING, "no such file", "configuration.toml(5)");
	config("[runtime]\nhypervisor = \"fake\"");
	run();
	row("configuration", CHECK_OK, "fake", "");
	row("vhost-vsock", CHECK_INFO, "not used", "");
	row("helpers", CHECK_MISSING, "moat-monitor", "again");
	ck_assert_ptr_null(find("qemu"));
	done();
}
END_TEST

START_TEST(accelerator)
{
	setup();
	put("proc/cpuinfo", "flags\t\t: fpu lm\n");
	run();
	row("accelerator", CHECK_DEGRADED, "neither vmx nor svm", "nested virtualization");
	config("accelerator = \"kvm\"");
	run();
	row("accelerator", CHECK_MISSING, "kvm does not work here", "nested virtualization");
	config("accelerator = \"tcg\"");
	run();
	row("accelerator", CHECK_DEGRADED, "tcg: as configured; TCG is slow", "set accelerator");
	done();
}
END_TEST

START_TEST(programs)
{
	setup();
	put("qemu", "#!/bin/sh\necho 'QEMU emulator version 5.2.0'\n");
	put("virtiofsd", "#!/bin/sh\n");
	run();
	row("qemu", CHECK_DEGRADED, "version 5.2.0", "7.2 or later");
	row("virtiofsd", CHECK_OK, "in C", "");
	put("qemu", "#!/bin/sh\nprintf 'something\\001 else'\n");
	run();
	row("qemu", CHECK_DEGRADED, "version unknown: it says \"something? else\"", "7.2");
	put("qemu", "#!/bin/sh\nexec head -c 100000 /dev/zero\n");
	run();
	row("qemu", CHECK_MISSING, "--version' failed", "again");
	put("qemu", "#!/bin/sh\nexit 3\n");
	run();
	row("qemu", CHECK_MISSING, "--version' failed", "again");
	put("qemu", "#!/nonexistent\n");
	run();
	row("qemu", CHECK_MISSING, "no such file", "again");
	put("qemu", "no program");
	put("virtiofsd", "no program");
	run();
	row("qemu", CHECK_MISSING, "is not an executable file", "install QEMU");
	row("virtiofsd", CHECK_MISSING, "is not an executable file", "install virtiofsd");
	drop("qemu");
	drop("virtiofsd");
	run();
	row("qemu", CHECK_MISSING, "hypervisor.qemu.path '", "install QEMU");
	row("virtiofsd", CHECK_MISSING, "hypervisor.qemu.virtio_fs_daemon '", "install virtiofsd");
	done();
}
END_TEST

/* A cpio archive of empty files. */
static void initramfs(const char *const *names)
{
	_free_ char *path = path_join(root, "guest/initramfs.cpio");
	_buf_ struct buf b = {};
	struct err err = {};

	for (; *names; names++) {
		buf_printf(&b, "070701%048x%08x%032x%08zx%08x", 0, 0, 0, strlen(*names) + 1, 0);
		buf_append(&b, *names, strlen(*names) + 1);
		while (b.len % 4)
			buf_append(&b, "", 1);
	}
	unit_ok(io_write_file(AT_FDCWD, path, b.data, b.len, 0644, false, &err), &err);
}

#define NEEDED                                                                                  \
	"CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_CONSOLE=y\nCONFIG_VIRTIO_FS=y\nCONFIG_DEVTMPFS=y\n" \
	"CONFIG_TMPFS=y\nCONFIG_PID_NS=y\nCONFIG_NET_NS=y\nCONFIG_IPC_NS=y\nCONFIG_UTS_NS=y\n"  \
	"CONFIG_CGROUPS=y\n"

START_TEST(guest_features)
{
	static const char *const with[] = { "init", "lib/modules/moat/order.d/xfs",
					    "lib/modules/moat/xfs.ko.xz", "TRAILER!!!", NULL };
	static const char *const boot[] = { "init", "lib/modules/moat/order",
					    "lib/modules/moat/virtiofs.ko", "TRAILER!!!", NULL };
	static const char *const without[] = { "init", "TRAILER!!!", NULL };

	setup();
	run();
	row("guest-features", CHECK_INFO, "unknown: the kernel's configuration was not found",
	    "/vmlinux.config");
	initramfs(without);
	run();
	row("guest-features", CHECK_INFO, "unknown: the kernel's configuration was not found",
	    "/vmlinux.config");
	row("guest-initramfs", CHECK_OK, ", 0 kernel modules", "");
	/* By the initramfs alone: groups that are there, groups that are not, and what is in no group */
	initramfs(with);
	run();
	row("guest-initramfs", CHECK_OK, ", 1 kernel modules", "");
	row("guest-features", CHECK_DEGRADED, "overlay, ext4, erofs; unknown: devtmpfs, ",
	    "make guest");
	/* A module counts where it is in the initramfs. */
	put("guest/vmlinux.config", "%s",
	    NEEDED "CONFIG_XFS_FS=m\nCONFIG_EROFS_FS=m\nCONFIG_EXT4_FS=y\nCONFIG_TUN=m\n");
	run();
	row("guest-features", CHECK_DEGRADED, "overlay, erofs, fuse", "make guest");
	ck_assert_ptr_null(strstr(find("guest-features")->detail, "unknown"));
	ck_assert_ptr_nonnull(strstr(find("guest-features")->detail, " tun (from "));
	/* Also where it has none but those that the agent needs itself */
	initramfs(boot);
	put("guest/vmlinux.config", "%s", "CONFIG_VIRTIO_FS=m\nCONFIG_XFS_FS=m\n");
	run();
	ck_assert_ptr_null(strstr(find("guest-features")->detail, "virtio-fs"));
	ck_assert_ptr_nonnull(strstr(find("guest-features")->detail, "xfs"));
	put("guest/vmlinux.config", "%s", "CONFIG_EROFS_FS=m\nCONFIG_XFS_FS=m\n");
	/* Nobody knows what is in a compressed one. */
	put("guest/initramfs.cpio", "\x1f\x8b");
	run();
	ck_assert_ptr_nonnull(strstr(find("guest-features")->detail, "unknown: xfs, erofs"));
	put("guest/vmlinux.config", "CONFIG_VIRTIO_PCI=y\n");
	run();
	row("guest-features", CHECK_MISSING, "lacks virtio-console, virtio-fs", "make guest");
	done();
}
END_TEST

START_TEST(guest_files)
{
	static const char *const no_init[] = { "bin/sh", "TRAILER!!!", NULL };
	static const char *const no_end[] = { "init", NULL };

	setup();
	put("guest/vmlinux", "\177ELF");
	run();
	row("guest-kernel", CHECK_INFO, "ELF, release unknown", "");
	put("guest/vmlinux", "not a kernel");
	initramfs(no_init);
	run();
	row("guest-kernel", CHECK_MISSING, "neither an ELF kernel nor a bzImage", "make guest");
	row("guest-initramfs", CHECK_MISSING, "has no init", "make guest");
	initramfs(no_end);
	run();
	row("guest-initramfs", CHECK_MISSING, "cut short or damaged", "make guest");
	put("guest/initramfs.cpio", "%s", "");
	run();
	row("guest-initramfs", CHECK_MISSING, "is empty", "make guest");
	drop("guest");
	run();
	row("guest-kernel", CHECK_MISSING, "hypervisor.qemu.kernel", "make guest");
	row("guest-initramfs", CHECK_MISSING, "hypervisor.qemu.initrd", "make guest");
	row("guest-features", CHECK_INFO, "unknown", "/vmlinux.config");
	done();
}
END_TEST

START_TEST(kernel)
{
	setup();
	hidden_call = SYS_mount_setattr;
	put("proc/sys/user/max_net_namespaces", "0\n");
	put("proc/sys/kernel/seccomp/actions_avail", "kill trap\n");
	put("proc/filesystems", "nodev\toverlayfs\n\toverlay2\n");
	run();
	row("kernel", CHECK_MISSING, "6.12.0-test: mount_setattr: function not implemented", "boot");
	row("namespaces", CHECK_MISSING, "cannot be made: net, user", "user.max_");
	row("seccomp", CHECK_MISSING, "only: kill trap", "4.14");
	row("overlay", CHECK_DEGRADED, "not there", "modprobe overlay");
	done();
}
END_TEST

START_TEST(vsock)
{
	setup();
	config("[agent.moat]\nchannel = \"virtio-serial\"");
	run();
	row("vhost-vsock", CHECK_INFO, "not used", "");
	config("[agent.moat]\nchannel = \"vsock\"");
	run();
	row("vhost-vsock", CHECK_OK, "over it", "");
	drop("dev/vhost-vsock");
	run();
	row("vhost-vsock", CHECK_MISSING, "cannot be used", "modprobe vhost_vsock");
	done();
}
END_TEST

START_TEST(hugepages)
{
	setup();
	config("enable_hugepages = true");
	run();
	row("hugepages", CHECK_OK, "150 of 200 free", "");
	config("enable_hugepages = true\ndefault_memory = 302");
	run();
	row("hugepages", CHECK_MISSING, "not enough for one VM of 302 MiB", "vm.nr_hugepages=151");
	drop("proc/meminfo");
	run();
	row("hugepages", CHECK_MISSING, "not enough", "enable_hugepages to false");
	done();
}
END_TEST

START_TEST(cgroups)
{
	setup();
	put("sys/fs/cgroup/u x/cgroup.controllers", "\n");
	run();
	row("cgroups", CHECK_OK, "v1: memory; v2: no controllers", "");
	drop("proc/cgroups");
	run();
	row("cgroups", CHECK_DEGRADED, "without controllers", "subtree_control");
	put("proc/self/mountinfo", "31 25 0:27 / /u rw - cgroup2 cgroup2 rw\n");
	put("u/cgroup.controllers", "cpu memory");
	run();
	row("cgroups", CHECK_OK, "v2: cpu memory", "");
	ck_assert_ptr_null(strstr(find("cgroups")->detail, "v1"));
	done();
}
END_TEST

START_TEST(state_root)
{
	setup();
	run();
	ck_assert_ptr_nonnull(strstr(find("state-root")->detail, "mode 0700"));
	ck_assert_int_eq(chmod(state, 0711), 0);
	run();
	row("state-root", CHECK_DEGRADED, "mode 0711: others", "chmod 700");
	ck_assert_int_eq(chmod(state, 0777), 0);
	run();
	row("state-root", CHECK_MISSING, "writable by nobody else", "--root");
	drop("state");
	run();
	row("state-root", CHECK_INFO, "is not there yet, and will be made on", "");
	snprintf(state, sizeof(state), "%s/qemu/below", root);
	run();
	row("state-root", CHECK_MISSING, "not a directory", "--root");
	snprintf(state, sizeof(state), "none/at\nall");
	run();
	row("state-root", CHECK_INFO, "none/at all is not there yet", "");
	state[0] = '\0';
	run();
	row("state-root", CHECK_MISSING, "must not be empty", "--root");
	done();
}
END_TEST

/* Whatever this host has: every row is complete, and the report agrees with itself. */
START_TEST(this_host)
{
	_free_ char *file = NULL;
	struct rt rt = { .root = RT_DEFAULT_ROOT };
	struct err err = {};
	bool missing = false;

	root = unit_mkdtemp();
	put("configuration.toml", "%s", "");
	rt.config = file = path_join(root, "configuration.toml");
	unit_ok(check_run(&rt, NULL, &report, &err), &err);
	ck_assert_uint_gt(report.n, 10);
	for (size_t i = 0; i < report.n; i++) {
		const struct check_row *r = &report.rows[i];

		ck_assert_str_ne(r->detail, "");
		ck_assert_ptr_nonnull(r->next);
		ck_assert_msg(r->status < CHECK_DEGRADED || *r->next, "%s: no next step", r->name);
		missing = missing || r->status == CHECK_MISSING;
	}
	ck_assert(check_report_ok(&report) == !missing);
	done();
	check_report_done(&report);
}
END_TEST

UNIT_MAIN("check", good_host, bare_host, broken_configuration, accelerator, programs,
	  guest_features, guest_files, kernel, vsock, hugepages, cgroups, state_root, this_host)
