/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_drive: runs moat-agent against real containers, without the rest of moat.
 *
 *	agent_drive [-v] [-b] [-k NAME] AGENT            as a process in namespaces of this machine
 *	agent_drive [-v] [-b] [-k NAME] -m VMLINUX INITRD   in QEMU, with the agent as /init of INITRD
 *	agent_drive [-v] [-b] [-k NAME] -s VMLINUX INITRD   the same with vsock as channel, and KVM
 *
 * Needs root, busybox (static); for the second form QEMU and virtiofsd.
 * -b also measures throughput. Prints a line a check; exits 1 if one fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/agent_checks.h"

#define CGROUP2 "/sys/fs/cgroup/unified"

static char dir[64], share[80], cgroup[96];

static void die(const char *what)
{
	fprintf(stderr, "agent_drive: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

static void make_share(void)
{
	snprintf(dir, sizeof(dir), "/tmp/agent-drive.XXXXXX");
	if (!mkdtemp(dir))
		die("mkdtemp");
	snprintf(share, sizeof(share), "%s/share", dir);
	if (run("set -e; umask 022; mkdir -p %s/root/bin %s/root/etc %s/root/tmp %s/root/proc %s/root/sys %s/root/dev;"
		"cd %s/root; cp /bin/busybox bin/; for a in $(bin/busybox --list); do [ -e bin/$a ] || ln bin/busybox bin/$a; done;"
		"echo root:x:0:0::/root:/bin/sh >etc/passwd; echo user:x:1000:1000::/home/user:/bin/sh >>etc/passwd;"
		"mkdir root; chmod 1777 tmp; echo secret >etc/secret",
		share, share, share, share, share, share, share))
		die("make root file system");
}

/* In a new mount and pid namespace: pid 1 only waits, the agent is pid 2. */
static pid_t start_process(const char *agent, int fd)
{
	char fd_arg[16], state[96];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(fd_arg, sizeof(fd_arg), "%d", fd);
	snprintf(state, sizeof(state), "%s/state", dir);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("unshare");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid > 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		die("mount /proc");
	pid = fork();
	if (pid == 0) {
		fcntl(fd, F_SETFD, 0);
		execl(agent, agent, "--test-fd", fd_arg, "--share", share, "--state", state,
		      cgroup[0] ? "--cgroup" : NULL, cgroup, NULL);
		die(agent);
	}
	while (waitpid(-1, NULL, 0) != pid)
		;
	_exit(0);
}

static pid_t spawn_with(int fd, int fd2, char *const *argv, const char *out)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fcntl(fd, F_SETFD, 0);
	if (fd2 >= 0)
		fcntl(fd2, F_SETFD, 0);
	int log = open(out, O_WRONLY | O_CREAT | O_APPEND, 0644);

	dup2(log, 1);
	dup2(log, 2);
	execvp(argv[0], argv);
	die(argv[0]);
	return -1;
}

static pid_t start_vm(const char *kernel, const char *initrd, int fd, bool vsock)
{
	char append[256], fs_arg[32], source[128], chardev[64], fs_chardev[64], console[128],
		log[96];
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    fs = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/fs.sock", dir);
	if (bind(l, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(l, 1) < 0 ||
	    connect(fs, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die("virtio-fs socket");
	snprintf(fs_arg, sizeof(fs_arg), "--fd=%d", l);
	snprintf(source, sizeof(source), "source=%s", share);
	snprintf(log, sizeof(log), "%s/log", dir);
	spawn_with(l, -1,
		   (char *[]){ "/usr/lib/qemu/virtiofsd", fs_arg, "-o", source, "-o", "cache=auto",
			       "-o", "sandbox=namespace", NULL },
		   log);
	close(l);
	snprintf(chardev, sizeof(chardev), "socket,id=ag,fd=%d", fd);
	snprintf(fs_chardev, sizeof(fs_chardev), "socket,id=fs,fd=%d", fs);
	snprintf(console, sizeof(console), "file:%s/console", dir);
	snprintf(append, sizeof(append),
		 "console=ttyS0 quiet reboot=t panic=-1 tsc=reliable no_timer_check "
		 "random.trust_cpu=on cryptomgr.notests moat.channel=%s moat.port=1024",
		 vsock ? "vsock" : "virtio");
	/* clang-format off */
	char *argv[] = {
		"qemu-system-x86_64", "-M", "q35,memory-backend=m0", "-accel", vsock ? "kvm" : "tcg", "-cpu", "max",
		"-m", "256M", "-object", "memory-backend-memfd,id=m0,size=256M,share=on",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", console,
		"-kernel", (char *)kernel, "-initrd", (char *)initrd, "-append", append,
		"-chardev", fs_chardev, "-device", "vhost-user-fs-pci,chardev=fs,tag=moat",
		"-chardev", chardev, "-device", vsock ? "vhost-vsock-pci,guest-cid=42" : "virtio-serial-pci",
		vsock ? NULL : "-device", "virtserialport,chardev=ag,name=moat.agent", NULL,
	};
	/* clang-format on */
	return spawn_with(fd, fs, argv, log);
}

static int listen_vsock(void)
{
	struct sockaddr_vm addr = { .svm_family = AF_VSOCK,
				    .svm_cid = VMADDR_CID_ANY,
				    .svm_port = 1024 };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		die("vsock");
	return fd;
}

/* The guest connects once it is up. */
static int accept_vsock(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int fd = poll(&p, 1, 60000) == 1 ? accept(listener, NULL, NULL) : -1;

	if (fd < 0) {
		run("cat %s/log %s/console", dir, dir);
		die("wait for the guest");
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct drive d = { .share = share };
	bool verbose = false, vsock = false;
	struct err err;
	int opt, fds[2], status, listener = -1;
	pid_t pid;

	while ((opt = getopt(argc, argv, "vbmsk:")) >= 0) {
		verbose |= opt == 'v';
		d.bench |= opt == 'b';
		d.vm |= opt == 'm' || opt == 's';
		vsock |= opt == 's';
		if (opt == 'k')
			d.only = optarg;
	}
	if (argc - optind != (d.vm ? 2 : 1)) {
		fprintf(stderr,
			"usage: agent_drive [-v] [-b] [-k NAME] AGENT | -m|-s VMLINUX INITRD\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	make_share();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		die("socketpair");
	d.cgroups = d.vm;
	if (!d.vm && access(CGROUP2 "/cgroup.procs", W_OK) == 0) {
		snprintf(cgroup, sizeof(cgroup), CGROUP2 "/%s", strrchr(dir, '/') + 1);
		d.cgroups = true;
	}
	if (vsock)
		listener = listen_vsock();
	pid = d.vm ? start_vm(argv[optind], argv[optind + 1], fds[1], vsock) :
		     start_process(argv[optind], fds[1]);
	close(fds[1]);
	if (vsock)
		fds[0] = accept_vsock(listener);
	if (client_init(&d.client, fds[0], &err) < 0)
		die("client");
	d.client.verbose = verbose;
	checks_run(&d);
	client_done(&d.client);
	waitpid(pid, &status, 0);
	if (verbose && d.vm)
		run("echo '--- console'; cat %s/console; echo '--- log'; cat %s/log", dir, dir);
	if (cgroup[0])
		run("find %s -depth -type d -exec rmdir {} +", cgroup);
	run("rm -rf %s", dir);
	printf("%d checks, %d failed\n", d.checks, d.failures);
	return d.failures > 0;
}
