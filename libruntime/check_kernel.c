/* SPDX-License-Identifier: Apache-2.0 */
/* `moat check`: what the host's kernel can do. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "libruntime/check_rows.h"

static const struct {
	const char *name;
	long nr;
} calls[] = {
	{ "openat2", SYS_openat2 },
	{ "pidfd_open", SYS_pidfd_open },
	{ "pidfd_send_signal", SYS_pidfd_send_signal },
	{ "clone3", SYS_clone3 },
	{ "close_range", SYS_close_range },
	{ "open_tree", SYS_open_tree },
	{ "move_mount", SYS_move_mount },
	{ "mount_setattr", SYS_mount_setattr },
};

#define NEEDED_RELEASE "5.12" /* mount_setattr is the youngest of them */

void check_kernel(const struct check *c, struct check_row *row)
{
	_free_ char *release = check_read(c, "/proc/sys/kernel/osrelease");
	_buf_ struct buf bad = {}, good = {};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		int r = c->host->probe(calls[i].nr);

		if (r < 0)
			buf_printf(&bad, "%s%s: %s", bad.len ? ", " : "", calls[i].name,
				   err_str(-r));
		else
			buf_printf(&good, "%s%s", good.len ? ", " : "", calls[i].name);
	}
	check_say(row, bad.len ? CHECK_MISSING : CHECK_OK, "%s: %s", release ? release : "unknown",
		  bad.len ? bad.data : good.data);
	if (bad.len)
		check_next(
			row,
			"boot Linux " NEEDED_RELEASE
			" or later; in a container, lift the filter of system calls that hides them");
}

/* Those that monitor and stand-in make, and the user namespace, which nothing needs yet. */
static const struct {
	const char *name;
	bool needed;
} namespaces[] = {
	{ "pid", true }, { "mnt", true },    { "net", true },   { "ipc", true },
	{ "uts", true }, { "cgroup", true }, { "user", false },
};

/* There in the kernel, and none of root's sysctls forbids to make one. */
static bool can_make(const struct check *c, const char *name)
{
	_free_ char *limit = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (faccessat(AT_FDCWD, check_path(c, path).s, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", name);
	limit = check_read(c, path);
	return !limit || strcmp(limit, "0") != 0;
}

void check_namespaces(const struct check *c, struct check_row *row)
{
	_buf_ struct buf bad = {}, good = {};
	bool missing = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(namespaces); i++) {
		bool can = can_make(c, namespaces[i].name);
		struct buf *b = can ? &good : &bad;

		buf_printf(b, "%s%s", b->len ? ", " : "", namespaces[i].name);
		missing = missing || (!can && namespaces[i].needed);
	}
	check_say(row, missing ? CHECK_MISSING : CHECK_OK, "%s%s%s", good.len ? good.data : "none",
		  bad.len ? "; cannot be made: " : "", bad.len ? bad.data : "");
	if (missing)
		check_next(row,
			   "boot a kernel that has them, and look at sysctl user.max_*_namespaces");
}

/* Monitor and QEMU are ended by their filters at a system call that they do not need. */
void check_seccomp(const struct check *c, struct check_row *row)
{
	_free_ char *actions = check_read(c, "/proc/sys/kernel/seccomp/actions_avail");

	if (actions && strstr(actions, "kill_process")) {
		check_say(row, CHECK_OK, "filters can be installed");
		return;
	}
	if (actions)
		check_say(row, CHECK_MISSING, "filters cannot end a process (only: %s)", actions);
	else
		check_say(row, CHECK_MISSING, "there are no filters");
	check_next(row, "boot a kernel with CONFIG_SECCOMP_FILTER, 4.14 or later");
}

void check_overlay(const struct check *c, struct check_row *row)
{
	_free_ char *list = check_read(c, "/proc/filesystems");
	char *save = NULL, *line;

	for (line = list ? strtok_r(list, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		if (str_has_suffix(line, "\toverlay")) {
			check_say(row, CHECK_OK, "for root file systems made of layers");
			return;
		}
	check_say(
		row, CHECK_DEGRADED,
		"not there: containerd, podman and the like cannot make root file systems of layers with it");
	check_next(row, "modprobe overlay");
}

/* A node may be there without its driver: only opening it tells. */
static int try_open(const struct check *c, const char *device)
{
	_close_ int fd = open(check_path(c, device).s, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : 0;
}

static void device(const struct check *c, struct check_row *row, const char *path, const char *with,
		   const char *without, const char *next)
{
	int r = try_open(c, path);

	if (r >= 0) {
		check_say(row, CHECK_OK, "%s: %s", path, with);
		return;
	}
	check_say(row, CHECK_DEGRADED, "%s: %s: %s", path, err_str(-r), without);
	check_next(row, "%s", next);
}

void check_tun(const struct check *c, struct check_row *row)
{
	device(c, row, "/dev/net/tun", "for network interfaces of VMs",
	       "VMs cannot have network interfaces", "modprobe tun");
}

void check_vhost_net(const struct check *c, struct check_row *row)
{
	device(c, row, "/dev/vhost-net", "for fast network interfaces of VMs",
	       "network interfaces of VMs are slower, through QEMU", "modprobe vhost_net");
}

void check_vhost_vsock(const struct check *c, struct check_row *row)
{
	const struct hv_ops *ops = hv_find(c->config.runtime.hypervisor);
	const char *without = "the agent is reached over virtio-serial";
	struct err err = {};
	bool vsock = false;

	if (!ops || vm_config_channel(&c->config, ops, check_path(c, VM_VSOCK_DEVICE).s, &vsock,
				      &err) < 0) {
		check_say(row, CHECK_MISSING, "%s", ops ? err.msg : "unknown hypervisor");
		check_next(row, "modprobe vhost_vsock, or set channel to \"auto\" in [agent.moat]");
	} else if (vsock) {
		device(c, row, VM_VSOCK_DEVICE, "the agent is reached over it",
		       "the agent cannot be reached over it", "modprobe vhost_vsock");
	} else if (strcmp(c->config.agent.channel, "auto") == 0 && (ops->caps & HV_CAP_VSOCK)) {
		device(c, row, VM_VSOCK_DEVICE, without, without, "modprobe vhost_vsock");
	} else {
		check_say(row, CHECK_INFO, "not used: %s", without);
	}
}
