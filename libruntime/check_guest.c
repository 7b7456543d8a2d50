/* SPDX-License-Identifier: Apache-2.0 */
/* `moat check`: the guest's kernel and initramfs, by what their files tell. */
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "libruntime/check_rows.h"

#define MODULES "lib/modules/moat/"
#define GROUPS \
	MODULES "order.d/" /* guest/mkinitramfs.sh: a file for each group that the kernel has */

/* What the agent needs, and what containers and devices may want. */
static const struct feature {
	const char *name;
	const char *symbol; /* of the kernel's configuration, without CONFIG_ */
	const char *group; /* of modules in the initramfs (guest/modules.list); NULL: none */
	bool needed;
} features[] = {
	{ "virtio-pci", "VIRTIO_PCI", "boot", true },
	{ "virtio-console", "VIRTIO_CONSOLE", "boot", true },
	{ "virtio-fs", "VIRTIO_FS", "boot", true },
	{ "devtmpfs", "DEVTMPFS", NULL, true },
	{ "tmpfs", "TMPFS", NULL, true },
	{ "pid namespaces", "PID_NS", NULL, true },
	{ "net namespaces", "NET_NS", NULL, true },
	{ "ipc namespaces", "IPC_NS", NULL, true },
	{ "uts namespaces", "UTS_NS", NULL, true },
	{ "user namespaces", "USER_NS", NULL, false },
	{ "time namespaces", "TIME_NS", NULL, false },
	{ "cgroups", "CGROUPS", NULL, true },
	{ "cgroup cpu.max", "CFS_BANDWIDTH", NULL, false },
	{ "cgroup cpuset", "CPUSETS", NULL, false },
	{ "cgroup memory", "MEMCG", NULL, false },
	{ "cgroup io", "BLK_CGROUP", NULL, false },
	{ "cgroup pids", "CGROUP_PIDS", NULL, false },
	{ "cgroup hugetlb", "CGROUP_HUGETLB", NULL, false },
	{ "cgroup devices", "CGROUP_BPF", NULL, false },
	{ "seccomp", "SECCOMP_FILTER", NULL, false },
	{ "acpi", "ACPI", NULL, false },
	{ "pci hot-plug by acpi", "HOTPLUG_PCI_ACPI", NULL, false },
	{ "pci hot-plug by ports", "HOTPLUG_PCI_PCIE", NULL, false },
	{ "vsock", "VIRTIO_VSOCKETS", "vsock", false },
	{ "virtio-blk", "VIRTIO_BLK", "blk", false },
	{ "virtio-scsi", "SCSI_VIRTIO", "scsi", false },
	{ "virtio-net", "VIRTIO_NET", "net", false },
	{ "virtio-rng", "HW_RANDOM_VIRTIO", "rng", false },
	{ "virtio-balloon", "VIRTIO_BALLOON", "balloon", false },
	{ "virtio-mem", "VIRTIO_MEM", "mem", false },
	{ "overlay", "OVERLAY_FS", "overlay", false },
	{ "ext4", "EXT4_FS", "ext4", false },
	{ "xfs", "XFS_FS", "xfs", false },
	{ "erofs", "EROFS_FS", "erofs", false },
	{ "fuse", "FUSE_FS", NULL, false },
	{ "hugetlbfs", "HUGETLBFS", NULL, false },
	{ "ipv6", "IPV6", NULL, false },
	{ "nftables", "NF_TABLES", NULL, false },
	{ "tun", "TUN", NULL, false },
};

enum state { HAS, LACKS, UNKNOWN };

/* Whether the initramfs says anything about modules: one without any goes with a kernel that has all built in. */
static bool has_modules(const struct guest_initramfs *i)
{
	char **n;

	for (n = i->names; n && *n; n++)
		if (str_has_prefix(*n, GROUPS) || (str_has_prefix(*n, MODULES) && strstr(*n, ".ko")))
			return true;
	return false;
}

static bool has_group(const struct guest_initramfs *i, const char *group)
{
	char name[sizeof(GROUPS) + 32];

	if (strcmp(group, "boot") == 0)
		return has_modules(i);
	snprintf(name, sizeof(name), GROUPS "%s", group);
	return guest_initramfs_has(i, name);
}

/* A module counts only if it is in the initramfs: there is no other place that the guest could load it from. */
static enum state look_for(const struct check *c, const struct feature *f)
{
	const struct guest_initramfs *i = &c->initramfs;
	char option = guest_kernel_option(&c->kernel, f->symbol);

	if (option == 'y' || option == 'n')
		return option == 'y' ? HAS : LACKS;
	if (!f->group && !option)
		return UNKNOWN;
	if (f->group && has_group(i, f->group))
		return HAS;
	return i->complete && (option || has_modules(i)) ? LACKS : UNKNOWN;
}

/* "lacks a, b" in one text, "unknown: c" in another. */
static void add(struct buf *b, const char *intro, const char *name)
{
	buf_printf(b, "%s%s", b->len ? ", " : intro, name);
}

void check_guest_features(const struct check *c, struct check_row *row)
{
	_buf_ struct buf lacks = {}, unknown = {};
	size_t i, n_unknown = 0;
	bool needed = false;

	for (i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature *f = &features[i];
		enum state s = look_for(c, f);

		if (s == LACKS)
			add(&lacks, "lacks ", f->name);
		if (s == UNKNOWN)
			add(&unknown, "unknown: ", f->name);
		needed = needed || (s == LACKS && f->needed);
		n_unknown += s == UNKNOWN;
	}
	if (n_unknown == ARRAY_SIZE(features))
		check_say(
			row, CHECK_INFO,
			"unknown: the kernel's configuration was not found, and no module list in the initramfs");
	else
		check_say(row,
			  needed        ? CHECK_MISSING :
			  lacks.len     ? CHECK_DEGRADED :
			  n_unknown > 0 ? CHECK_INFO :
					  CHECK_OK,
			  "%s%s%s (from %s%s)",
			  lacks.len ? lacks.data : "nothing is known to be lacking",
			  n_unknown ? "; " : "", n_unknown ? unknown.data : "",
			  c->kernel.config ? c->kernel.config_file : "the initramfs",
			  c->kernel.config && c->initramfs.names ? " and the initramfs" : "");
	if (lacks.len)
		check_next(row,
			   "take a kernel that has them: make guest KERNEL=FILE MODULES_DIR=DIR, or set kernel and "
			   "initrd in [hypervisor.qemu]");
	else if (n_unknown)
		check_next(row, "put the kernel's configuration into %s.config",
			   c->files[VM_FILE_KERNEL].path);
}

static const char next_image[] =
	"make guest and install it, or set kernel and initrd in [hypervisor.qemu]";

void check_guest_kernel(const struct check *c, struct check_row *row)
{
	const struct guest_kernel *k = &c->kernel;
	const char *path = c->files[VM_FILE_KERNEL].path;

	if (!check_file(c, VM_FILE_KERNEL, row, next_image))
		return;
	if (!k->kind) {
		check_say(row, CHECK_MISSING, "%s: neither an ELF kernel nor a bzImage", path);
		check_next(row, "%s", next_image);
		return;
	}
	check_say(row, k->release ? CHECK_OK : CHECK_INFO, "%s, %s, release %s%s%s", path, k->kind,
		  k->release ? k->release : "unknown", k->package ? ", from " : "",
		  k->package ? k->package : "");
}

/* What is wrong with it, or that nothing can be known about it; false if neither. */
static bool odd_initramfs(const struct check *c, const char *path, size_t size,
			  struct check_row *row)
{
	const struct guest_initramfs *i = &c->initramfs;

	if (c->initramfs_err.code)
		check_say(row, CHECK_MISSING, "%s", c->initramfs_err.msg);
	else if (size == 0)
		check_say(row, CHECK_MISSING, "%s is empty", path);
	else if (!i->names)
		check_say(row, CHECK_INFO, "%s, compressed: its contents are unknown", path);
	else if (i->complete && !guest_initramfs_has(i, "init"))
		check_say(row, CHECK_MISSING, "%s has no init", path);
	else
		return false;
	if (row->status == CHECK_MISSING)
		check_next(row, "%s", next_image);
	return true;
}

void check_guest_initramfs(const struct check *c, struct check_row *row)
{
	const char *path = c->files[VM_FILE_INITRD].path;
	struct stat st = {};
	size_t modules = 0;
	char **n;

	if (!check_file(c, VM_FILE_INITRD, row, next_image))
		return;
	(void)stat(path, &st);
	if (odd_initramfs(c, path, (size_t)st.st_size, row))
		return;
	for (n = c->initramfs.names; n && *n; n++)
		modules += str_has_prefix(*n, MODULES) && strstr(*n, ".ko") != NULL;
	check_say(row, CHECK_OK, "%s, %zu KiB, %zu kernel modules", path, (size_t)st.st_size / 1024,
		  modules);
}
