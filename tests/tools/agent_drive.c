/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_drive [-v] [-k NAME] AGENT: runs moat-agent against real containers, without the rest of moat and without a VM, as a
 * process in namespaces of this machine. Needs root and busybox (static). Prints a line a check; exits 1 if one fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/agent_checks.h"

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

/* The only child of a process, once it is there. */
static pid_t child_of(pid_t parent)
{
	char cmd[64];
	int pid = 0;

	snprintf(cmd, sizeof(cmd), "ps -o pid= --ppid %d", (int)parent);
	for (int i = 0; i < 100 && pid <= 0; i++) {
		FILE *f = popen(cmd, "r");

		if (!f || fscanf(f, "%d", &pid) != 1)
			usleep(20000);
		if (f)
			pclose(f);
	}
	return pid;
}

int main(int argc, char **argv)
{
	const char *cgroup2 = NULL;
	struct drive d = { .share = share };
	bool verbose = false;
	struct err err;
	int opt, fds[2], status;
	pid_t pid;

	while ((opt = getopt(argc, argv, "vk:")) >= 0) {
		verbose |= opt == 'v';
		if (opt == 'k')
			d.only = optarg;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "usage: agent_drive [-v] [-k NAME] AGENT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	make_share();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		die("socketpair");
	/* Beside version 1, or alone */
	if (access("/sys/fs/cgroup/unified/cgroup.procs", W_OK) == 0)
		cgroup2 = "/sys/fs/cgroup/unified";
	else if (access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0)
		cgroup2 = "/sys/fs/cgroup";
	if (cgroup2) {
		snprintf(cgroup, sizeof(cgroup), "%s/%s", cgroup2, strrchr(dir, '/') + 1);
		d.cgroups = true;
	}
	pid = start_process(argv[optind], fds[1]);
	close(fds[1]);
	/* Its child is pid 1 there, whose child is the agent. */
	d.agent = child_of(child_of(pid));
	if (client_init(&d.client, fds[0], &err) < 0)
		die("client");
	d.client.verbose = verbose;
	checks_run(&d);
	client_done(&d.client);
	waitpid(pid, &status, 0);
	if (cgroup[0])
		run("find %s -depth -type d -exec rmdir {} +", cgroup);
	run("rm -rf %s", dir);
	printf("%d checks, %d failed\n", d.checks, d.failures);
	return d.failures > 0;
}
