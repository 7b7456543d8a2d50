/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of the lab: loads the modules of its initramfs, mounts the host's tree (virtio-fs "host", read-only)
 * below a layer in memory, and there executes inside.sh. When that has ended the machine is switched off.
 *
 * "lab.top=DIR" on the kernel's command line is the checkout, as the host calls it. With "lab.systemd" PID 1 becomes systemd,
 * which sees to the rest: systemd.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULES "/lib/modules/moat"
#define INIT_COMPRESSED_FILE 4 /* MODULE_INIT_COMPRESSED_FILE of linux/module.h */

static const struct {
	const char *type, *source, *target, *options;
	unsigned long flags;
} mounts[] = {
	{ "proc", "proc", "/proc", NULL, 0 },
	{ "sysfs", "sysfs", "/sys", NULL, 0 },
	{ "devtmpfs", "devtmpfs", "/dev", NULL, 0 },
	{ "devpts", "devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", 0 },
	{ "tmpfs", "shm", "/dev/shm", NULL, 0 },
	{ "tmpfs", "run", "/run", "mode=755", 0 },
	{ "tmpfs", "layer", "/layer", "mode=755,size=80%", 0 },
	{ "virtiofs", "host", "/host", NULL, MS_RDONLY },
	{ "overlay", "lab", "/root", "lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work", 0 },
	{ "cgroup2", "cgroup2", "/root/sys/fs/cgroup", NULL, 0 },
};

static void fail(const char *what)
{
	fprintf(stderr, "lab: %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void load_modules(void)
{
	FILE *order = fopen(MODULES "/order", "re");
	char name[128], path[256];

	if (!order)
		fail(MODULES "/order");
	while (fscanf(order, "%127s", name) == 1) {
		snprintf(path, sizeof(path), MODULES "/%s", name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		size_t n = strlen(name);
		int flags = n > 3 && strcmp(name + n - 3, ".ko") == 0 ? 0 : INIT_COMPRESSED_FILE;

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST))
			fprintf(stderr, "lab: module %s: %s\n", name, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	fclose(order);
}

/* The kernel's file systems go where the host's empty ones are. */
static void move(const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
		fail(to);
}

static void make_root(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		if (strcmp(mounts[i].type, "overlay") == 0 &&
		    (mkdir("/layer/upper", 0755) < 0 || mkdir("/layer/work", 0755) < 0))
			fail("/layer");
		if (strcmp(mounts[i].type, "cgroup2") == 0) {
			move("/proc", "/root/proc");
			move("/dev", "/root/dev");
			move("/sys", "/root/sys");
			move("/run", "/root/run");
		}
		if (strncmp(mounts[i].target, "/root", 5) != 0 &&
		    mkdir(mounts[i].target, 0755) < 0 && errno != EEXIST)
			fail(mounts[i].target);
		if (mount(mounts[i].source, mounts[i].target, mounts[i].type, mounts[i].flags,
			  mounts[i].options) < 0)
			fail(mounts[i].target);
	}
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		fail("/root");
}

/* "DIR" of "lab.top=DIR"; whether there is "lab.systemd" */
static bool find_top(char *ret, size_t size)
{
	char line[4096] = "", *p;
	FILE *f = fopen("/proc/cmdline", "re");
	bool systemd;

	if (!f || !fgets(line, sizeof(line), f) || !(p = strstr(line, "lab.top=")))
		fail("lab.top");
	systemd = strstr(line, "lab.systemd");
	p += strlen("lab.top=");
	p[strcspn(p, " \n")] = '\0';
	snprintf(ret, size, "%s", p);
	fclose(f);
	return systemd;
}

int main(void)
{
	char top[4096], script[4200];
	pid_t child, ended;

	umask(0);
	if (mkdir("/proc", 0755) < 0 && errno != EEXIST)
		fail("/proc");
	load_modules();
	make_root();
	umask(022);
	if (find_top(top, sizeof(top))) {
		/* It mounts them as it is told. */
		if (umount("/sys/fs/cgroup") < 0)
			fail("/sys/fs/cgroup");
		snprintf(script, sizeof(script), "%s/tests/lab/systemd.sh", top);
		execl(script, script, (char *)NULL);
		fail(script);
	}
	snprintf(script, sizeof(script), "%s/tests/lab/inside.sh", top);
	child = fork();
	if (child == 0) {
		setsid();
		execl(script, script, (char *)NULL);
		fail(script);
	}
	do {
		ended = wait(NULL);
	} while (ended != child && (ended > 0 || errno == EINTR));
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
