/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cgroup.h"
#include "agent/modules.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"

#define STATE_DIR "/run/moat"
#define CGROUP_ROOT "/sys/fs/cgroup"

static const struct {
	const char *type, *target, *data;
	unsigned long flags;
} mounts[] = {
	{ "devtmpfs", "/dev", "mode=0755,size=1m", MS_NOSUID | MS_NOEXEC },
	{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "tmpfs", "/run", "mode=0700,size=1m", MS_NOSUID | MS_NODEV | MS_NOEXEC },
};

/*
 * pivot_root(2) refuses to work in the initial root, which is attached to
 * nothing. A bind mount of it on top of itself is a root like any other.
 */
static void bind_root(void)
{
	if (mkdir("/run", 0700) < 0 && errno != EEXIST)
		agent_fatal("mkdir /run: %s", err_str(errno));
	if (mount("/", "/run", NULL, MS_BIND, NULL) < 0 || chdir("/run") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		agent_fatal("bind the root: %s", err_str(errno));
}

/* 0 and 1 are /dev/null, 2 is the console: only for what nobody else could be told. */
static void set_up_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (null < 0)
		agent_fatal("open /dev/null: %s", err_str(errno));
	if (console < 0)
		console = null;
	for (int i = 0; i < 3; i++)
		dup3(i < 2 ? null : console, i, O_CLOEXEC);
	if (null > 2)
		close(null);
	if (console > 2)
		close(console);
}

static int open_guest_fds(struct agent *a, struct err *err)
{
	a->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (a->proc_fd < 0)
		return err_errno(err, errno, "open /proc");
	return join_init(a, err);
}

void boot_guest(struct agent *a)
{
	static const char *const dirs[] = { STATE_DIR, STATE_DIR "/share", STATE_DIR "/root" };
	struct err err;

	umask(0);
	bind_root();
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		if (mkdir(mounts[i].target, 0755) < 0 && errno != EEXIST)
			agent_fatal("mkdir %s: %s", mounts[i].target, err_str(errno));
		if (mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
			  mounts[i].data) < 0)
			agent_fatal("mount %s: %s", mounts[i].target, err_str(errno));
	}
	set_up_stdio();
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0700) < 0)
			agent_fatal("mkdir %s: %s", dirs[i], err_str(errno));
	umask(022);
	/* Containers never see the initramfs, but its /init runs in them until their program is executed. */
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		log_warn("make the initramfs read-only: %s", err_str(errno));
	if (io_write_string(AT_FDCWD, "/proc/self/oom_score_adj", "-1000", &err) < 0)
		log_warn("%s", err.msg);
	a->state_dir = STATE_DIR;
	if (open_guest_fds(a, &err) < 0)
		agent_fatal("%s", err.msg);
	modules_load(NULL);
}

void boot_cgroups(struct agent *a)
{
	struct err err;

	if (mount("cgroup2", CGROUP_ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "nsdelegate") < 0)
		agent_fatal("mount " CGROUP_ROOT ": %s", err_str(errno));
	_close_ int top = open(CGROUP_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		agent_fatal("open " CGROUP_ROOT ": %s", err_str(errno));
	cgroup_enable_controllers(top);
	a->cgroup_fd = cgroup_create(top, "moat", &err);
	if (a->cgroup_fd < 0)
		agent_fatal("%s", err.msg);
	a->cgroup_dir = CGROUP_ROOT "/moat";
	cgroup_enable_controllers(a->cgroup_fd);
}

int boot_test(struct agent *a, const char *share, const char *cgroup, const char *state_dir,
	      struct err *err)
{
	_free_ char *root = path_join(state_dir, "root");
	int r;

	if (!root)
		return err_errno(err, ENOMEM, "start");
	r = path_mkdirs(root, 0700, err);
	if (r < 0)
		return r;
	a->state_dir = state_dir;
	a->share_dir = share;
	if (cgroup) {
		r = path_mkdirs(cgroup, 0755, err);
		if (r < 0)
			return r;
		a->cgroup_dir = cgroup;
		a->cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (a->cgroup_fd < 0)
			return err_errno(err, errno, "open %s", cgroup);
		cgroup_enable_controllers(a->cgroup_fd);
	}
	return open_guest_fds(a, err);
}

bool boot_param(const char *key, char *value, size_t size)
{
	_free_ char *line = NULL;
	size_t len = strlen(key);
	bool found = false;

	if (io_read_file(AT_FDCWD, "/proc/cmdline", 65536, &line, NULL, NULL) < 0)
		return false;
	for (char *save, *p = strtok_r(line, " \n", &save); p; p = strtok_r(NULL, " \n", &save)) {
		if (strncmp(p, key, len) != 0 || p[len] != '=')
			continue;
		snprintf(value, size, "%s", p + len + 1);
		found = true;
	}
	return found;
}
