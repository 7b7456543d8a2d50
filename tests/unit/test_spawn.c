/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static struct err err;

/* Runs a shell script with stdout in a buffer; returns its exit status. */
static char out[65536];

static int finish(pid_t pid, int pidfd, int rd)
{
	size_t len = 0;
	ssize_t n;
	int status;

	while ((n = read(rd, out + len, sizeof(out) - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(rd);
	ck_assert_int_eq(proc_wait_end(pidfd, 10000), 0);
	close(pidfd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(struct spawn *s, const char *script)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct spawn_fd fds[8];
	int p[2], pidfd;
	pid_t pid;

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	if (s->n_fds)
		memcpy(fds, s->fds, s->n_fds * sizeof(fds[0]));
	fds[s->n_fds] = (struct spawn_fd){ .from = p[1], .to = 1 };
	struct spawn copy = *s;
	copy.fds = fds;
	copy.n_fds++;
	copy.argv = argv;
	unit_ok(spawn(&copy, &pid, &pidfd, &err), &err);
	ck_assert_int_eq(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	close(p[1]);
	return finish(pid, pidfd, p[0]);
}

START_TEST(basics)
{
	char *env[] = { (char *)"A=b c", (char *)"PATH=/usr/bin:/bin", NULL };
	struct spawn s = { .path = "/bin/sh", .exe_fd = -EBADF, .envp = env };
	int fds = unit_count_fds();

	umask(077);
	ck_assert_int_eq(chdir("/tmp"), 0);
	ck_assert_int_eq(run(&s, "pwd; umask; echo $A; exit 3"), 3);
	ck_assert_str_eq(out, "/\n0022\nb c\n");
	ck_assert_int_eq(unit_count_fds(), fds);
	/* Neither pid nor pidfd wanted: nothing is left open. */
	char *argv[] = { (char *)"true", NULL };
	struct spawn plain = { .path = "/bin/true", .exe_fd = -EBADF, .argv = argv };
	unit_ok(spawn(&plain, NULL, NULL, &err), &err);
	ck_assert_int_eq(unit_count_fds(), fds);
	int status;
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(empty_environment)
{
	char *argv[] = { (char *)"env", NULL };
	int p[2], pidfd;
	pid_t pid;

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	struct spawn_fd fds[] = { { p[1], 1 } };
	struct spawn s = { .path = "/usr/bin/env",
			   .exe_fd = -EBADF,
			   .argv = argv,
			   .fds = fds,
			   .n_fds = 1 };
	unit_ok(spawn(&s, &pid, &pidfd, &err), &err);
	close(p[1]);
	ck_assert_int_eq(finish(pid, pidfd, p[0]), 0);
	ck_assert_str_eq(out, "");
}
END_TEST

/* A list of descriptors and where they lead. */
#define LIST "for f in /proc/self/fd/*; do echo ${f##*/}=$(readlink $f); done"

START_TEST(nothing_leaks)
{
	/* A good many without close-on-exec, in every region. */
	for (int i = 0; i < 20; i++) {
		int fd = fcntl(2, F_DUPFD, 10 + i * 37);

		ck_assert_int_ge(fd, 0);
	}
	char *argv[] = { (char *)"ls", (char *)"-l", (char *)"/proc/self/fd", NULL };
	int p[2], pidfd;
	pid_t pid;
	ck_assert_int_eq(pipe2(p, 0), 0);
	struct spawn_fd fds[] = { { p[1], 1 }, { 2, 9 }, { -EBADF, 400 } };
	struct spawn s = { .path = "/bin/ls", .exe_fd = -EBADF, .argv = argv, .fds = fds, .n_fds = 3 };
	unit_ok(spawn(&s, &pid, &pidfd, &err), &err);
	close(p[1]);
	ck_assert_int_eq(finish(pid, pidfd, p[0]), 0);
	int n = 0;
	for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
		char *arrow = strstr(line, " -> ");

		if (!arrow)
			continue;
		n++;
		*arrow = '\0';
		int fd = -1;
		ck_assert_int_eq(num_int(strrchr(line, ' ') + 1, 0, 1000, &fd), 0);
		if (fd == 0 || fd == 2 || fd == 400)
			ck_assert_str_eq(arrow + 4, "/dev/null");
		else if (fd == 1)
			ck_assert(str_has_prefix(arrow + 4, "pipe:"));
		else if (fd == 3) /* ls's own */
			ck_assert(str_has_prefix(arrow + 4, "/proc/"));
		else
			ck_assert_int_eq(fd, 9);
	}
	ck_assert_int_eq(n, 6);
}
END_TEST

/* Descriptors that trade places, and one that goes to two. */
START_TEST(map_cannot_clobber_itself)
{
	int m[3];

	for (int i = 0; i < 3; i++) {
		char c = (char)('a' + i);
		int fd = memfd_create("m", MFD_CLOEXEC);

		ck_assert_int_eq(write(fd, &c, 1), 1);
		m[i] = fcntl(fd, F_DUPFD_CLOEXEC, 50 + i);
		close(fd);
		ck_assert_int_eq(m[i], 50 + i);
	}
	struct spawn_fd fds[] = { { 50, 51 }, { 51, 52 }, { 52, 50 }, { 50, 60 }, { 51, 0 } };
	struct spawn s = { .path = "/bin/sh", .exe_fd = -EBADF, .fds = fds, .n_fds = ARRAY_SIZE(fds) };
	ck_assert_int_eq(run(&s, "for i in 50 51 52 60 0; do /bin/cat /proc/self/fd/$i; done"), 0);
	ck_assert_str_eq(out, "cabab");
}
END_TEST

/* Our own standard descriptors closed: the pipe and the copies land on 0, 1 and 2. */
START_TEST(with_closed_stdio)
{
	int p[2], pidfd;
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"read x; echo got $x", NULL };
	pid_t pid;
	int in = memfd_create("in", MFD_CLOEXEC);

	ck_assert_int_eq(write(in, "line\n", 5), 5);
	lseek(in, 0, SEEK_SET);
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	int saved = fd_dup(2);
	close(0);
	close(1);
	close(2);
	struct spawn_fd fds[] = { { in, 0 }, { p[1], 1 } };
	struct spawn s = { .path = "/bin/sh", .exe_fd = -EBADF, .argv = argv, .fds = fds, .n_fds = 2 };
	int r = spawn(&s, &pid, &pidfd, &err);
	/* Only the pidfd took the place of one of the three. */
	bool missing = fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && pidfd == 2;
	pidfd = fd_dup(pidfd);
	for (int i = 0; i < 3; i++)
		dup2(saved, i);
	unit_ok(r, &err);
	ck_assert(missing);
	close(p[1]);
	ck_assert_int_eq(finish(pid, pidfd, p[0]), 0);
	ck_assert_str_eq(out, "got line\n");
}
END_TEST

START_TEST(signals_are_reset)
{
	sigset_t all;
	struct sigaction ign = { .sa_handler = SIG_IGN };

	for (int sig = 1; sig <= 64; sig++)
		sigaction(sig, &ign, NULL);
	/* glibc keeps these two from sigaction(): by hand. */
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} raw = { .handler = SIG_IGN };
	syscall(SYS_rt_sigaction, 32, &raw, NULL, 8);
	syscall(SYS_rt_sigaction, 33, &raw, NULL, 8);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);

	char *argv[] = { (char *)"cat", (char *)"/proc/self/status", NULL };
	int p[2], pidfd, status;
	pid_t pid;
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	struct spawn_fd fds[] = { { p[1], 1 } };
	struct spawn s = { .path = "/bin/cat", .exe_fd = -EBADF, .argv = argv, .fds = fds, .n_fds = 1 };
	unit_ok(spawn(&s, &pid, &pidfd, &err), &err);
	close(p[1]);
	signal(SIGCHLD, SIG_DFL);
	size_t len = 0;
	ssize_t n;
	while ((n = read(p[0], out + len, sizeof(out) - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	waitpid(pid, &status, 0);
	ck_assert_ptr_nonnull(strstr(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
					  "SigCgt:\t0000000000000000\n"));
	/* HUP, INT and TERM are numbers 1, 2 and 15. */
	s.deaf = true;
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	fds[0].from = p[1];
	unit_ok(spawn(&s, &pid, NULL, &err), &err);
	close(p[1]);
	for (len = 0; (n = read(p[0], out + len, sizeof(out) - 1 - len)) > 0;)
		len += (size_t)n;
	out[len] = '\0';
	waitpid(pid, &status, 0);
	ck_assert_ptr_nonnull(strstr(out, "SigBlk:\t0000000000004003\n"));
	/* Ours are as they were. */
	sigset_t now;
	sigprocmask(SIG_SETMASK, NULL, &now);
	ck_assert(sigismember(&now, SIGUSR1) == 1);
}
END_TEST

static bool no_children(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static int refuse(void *data)
{
	return -*(int *)data;
}

START_TEST(failures)
{
	char *argv[] = { (char *)"x", NULL };
	int fds = unit_count_fds(), code = EDOM, pidfd = 77;
	pid_t pid = 77;
	struct spawn s = { .path = "/nonexistent", .exe_fd = -EBADF, .argv = argv };

	unit_fails(spawn(&s, &pid, &pidfd, &err), ENOENT, &err,
		   "start '/nonexistent': exec: no such file");
	s.path = "/etc/passwd";
	unit_fails(spawn(&s, &pid, &pidfd, &err), EACCES, &err, "exec: permission denied");
	s.path = "/bin/true";
	s.prepare = refuse;
	s.data = &code;
	unit_fails(spawn(&s, &pid, &pidfd, &err), EDOM, &err, "start '/bin/true': prepare: ");
	s.prepare = NULL;
	struct spawn_fd closed[] = { { 999, 5 } };
	s.fds = closed;
	s.n_fds = 1;
	unit_fails(spawn(&s, &pid, &pidfd, &err), EBADF, &err, "pass descriptors");
	struct spawn_fd twice[] = { { 0, 5 }, { 1, 5 } };
	s.fds = twice;
	s.n_fds = 2;
	unit_fails(spawn(&s, &pid, &pidfd, &err), EINVAL, &err, "two descriptors are passed as 5");
	struct spawn_fd bad[] = { { 0, -1 } };
	s.fds = bad;
	s.n_fds = 1;
	unit_fails(spawn(&s, &pid, &pidfd, &err), EINVAL, &err, "cannot pass descriptor 0 as -1");
	bad[0] = (struct spawn_fd){ -1, 3 };
	unit_fails(spawn(&s, &pid, &pidfd, &err), EINVAL, &err, "cannot pass descriptor -1 as 3");
	bad[0] = (struct spawn_fd){ 0, 1 << 30 };
	ck_assert_int_lt(spawn(&s, &pid, &pidfd, &err), 0);
	s.n_fds = 0;
	s.clone_flags = CLONE_VM;
	unit_fails(spawn(&s, &pid, &pidfd, &err), EINVAL, &err, "clone flags");
	s.clone_flags = 0;
	s.pdeathsig = 1000;
	unit_fails(spawn(&s, &pid, &pidfd, &err), EINVAL, &err, "watch the parent");
	/* Every child is reaped, every descriptor closed, nothing returned. */
	ck_assert(no_children());
	ck_assert_int_eq(unit_count_fds(), fds);
	ck_assert_int_eq(pid, 77);
	ck_assert_int_eq(pidfd, 77);
}
END_TEST

START_TEST(out_of_descriptors)
{
	char *argv[] = { (char *)"true", NULL };
	struct spawn s = { .path = "/bin/true", .exe_fd = -EBADF, .argv = argv };
	struct rlimit lim;
	int fds = unit_count_fds();

	getrlimit(RLIMIT_NOFILE, &lim);
	for (rlim_t n = 3; n < (rlim_t)fds + 6; n++) {
		struct rlimit low = { n, lim.rlim_max };

		setrlimit(RLIMIT_NOFILE, &low);
		int r = spawn(&s, NULL, NULL, &err);
		setrlimit(RLIMIT_NOFILE, &lim);
		if (r == 0)
			ck_assert_int_gt(wait(NULL), 0);
		ck_assert_int_eq(unit_count_fds(), fds);
		ck_assert(no_children());
	}
}
END_TEST

START_TEST(program_by_descriptor)
{
	int exe = open("/bin/sh", O_PATH | O_CLOEXEC);
	/* In the way of a target. */
	int at = fcntl(exe, F_DUPFD_CLOEXEC, 5);
	close(exe);
	struct spawn_fd fds[] = { { 2, at } };
	struct spawn s = { .path = "(the shell)", .exe_fd = at, .fds = fds, .n_fds = 1 };

	ck_assert_int_eq(run(&s, "echo here; " LIST), 0);
	ck_assert(str_has_prefix(out, "here\n"));
	ck_assert_ptr_null(strstr(out, "sh\n"));
	s.exe_fd = 998;
	char *argv[] = { (char *)"x", NULL };
	s.argv = argv;
	unit_fails(spawn(&s, NULL, NULL, &err), EBADF, &err, "start '(the shell)'");
	close(at);
}
END_TEST

START_TEST(session)
{
	struct spawn s = { .path = "/bin/sh", .exe_fd = -EBADF, .new_session = true };

	ck_assert_int_eq(run(&s, "read a b c d e f g </proc/self/stat; echo $a $e $f"), 0);
	char *p = out;
	long pid = strtol(p, &p, 10), pgrp = strtol(p, &p, 10), sid = strtol(p, &p, 10);
	ck_assert_str_eq(p, "\n");
	ck_assert_int_gt(pid, 0);
	ck_assert(pid == pgrp && pid == sid);
	ck_assert_int_ne(sid, getsid(0));
}
END_TEST

static int report_pid(void *data)
{
	pid_t pid = getpid();

	return write(*(int *)data, &pid, sizeof(pid)) == sizeof(pid) ? 0 : -errno;
}

START_TEST(namespaces_and_prepare)
{
	if (geteuid() != 0)
		return; /* needs root */
	struct spawn s = {
		.path = "/bin/sh",
		.exe_fd = -EBADF,
		.clone_flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC |
			       CLONE_NEWUTS,
		.prepare = report_pid,
		.pdeathsig = SIGKILL, /* works although the parent's pid reads 0 there */
	};
	int to = 1; /* prepare() runs with the child's descriptors */
	s.data = &to;
	ck_assert_int_eq(run(&s, "echo $$; while read l; do echo \"$l\"; done </proc/self/net/dev"),
			 0);
	pid_t inside;
	memcpy(&inside, out, sizeof(inside));
	ck_assert_int_eq(inside, 1);
	ck_assert(str_has_prefix(out + sizeof(inside), "1\n"));
}
END_TEST

/* The child of a child dies with its parent, also if that died at once. */
START_TEST(parent_death)
{
	char *argv[] = { (char *)"sleep", (char *)"60", NULL };
	struct spawn s = { .path = "/bin/sleep",
			   .exe_fd = -EBADF,
			   .argv = argv,
			   .pdeathsig = SIGKILL };
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	struct spawn_fd fds[] = { { p[1], 7 } };
	s.fds = fds;
	s.n_fds = 1;
	pid_t pid = fork();
	if (pid == 0) {
		int r = spawn(&s, NULL, NULL, &err);

		_exit(r < 0 ? 1 : 0);
	}
	close(p[1]);
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	/* sleep holds the write end as long as it lives. */
	struct pollfd pfd = { .fd = p[0], .events = POLLIN };
	ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
	ck_assert_int_ne(pfd.revents & POLLHUP, 0);
	close(p[0]);
}
END_TEST

static int wait_for_orphanage(void *data)
{
	/* Until the reader of the caller's pipe is gone. */
	struct pollfd p = { .fd = *(int *)data };

	while (poll(&p, 1, -1) < 1 || !(p.revents & POLLERR))
		;
	return 0;
}

/* The parent dies between clone and the request for the signal: noticed afterwards. */
START_TEST(parent_death_before_request)
{
	char *argv[] = { (char *)"sleep", (char *)"60", NULL };
	int p[2], held[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0); /* read end held by the parent only */
	ck_assert_int_eq(pipe2(held, O_CLOEXEC), 0); /* write end held by the grandchild only */
	pid_t pid = fork();
	if (pid == 0) {
		struct spawn_fd fds[] = { { p[1], 7 }, { held[1], 8 } };
		int to = 7;
		/* A signal that does nothing: only the look at the error pipe can end it. */
		struct spawn s = { .path = "/bin/sleep",
				   .exe_fd = -EBADF,
				   .argv = argv,
				   .fds = fds,
				   .n_fds = 2,
				   .pdeathsig = SIGCHLD,
				   .prepare = wait_for_orphanage,
				   .data = &to };
		signal(SIGALRM, SIG_DFL); /* Check's handler kills the whole group */
		alarm(1); /* kills us inside of spawn() */
		spawn(&s, NULL, NULL, &err);
		_exit(1);
	}
	close(p[0]);
	close(p[1]);
	close(held[1]);
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WTERMSIG(status), SIGALRM);
	struct pollfd pfd = { .fd = held[0], .events = POLLIN };
	ck_assert_int_eq(poll(&pfd, 1, 5000), 1);
	ck_assert_int_ne(pfd.revents & POLLHUP, 0);
	close(held[0]);
}
END_TEST

static volatile sig_atomic_t handled;

static void count(int sig)
{
	handled++;
}

/* Interrupted while it waits, and handlers that never run in the child. */
START_TEST(signals_while_spawning)
{
	struct sigaction sa = { .sa_handler = count };
	char *argv[] = { (char *)"true", NULL };
	struct spawn s = { .path = "/bin/true", .exe_fd = -EBADF, .argv = argv };
	timer_t t;
	struct itimerspec often = { .it_value.tv_nsec = 200000, .it_interval.tv_nsec = 200000 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	sigaction(SIGUSR1, &sa, NULL);
	ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, &ev, &t), 0);
	timer_settime(t, 0, &often, NULL);
	for (int i = 0; i < 100; i++) {
		pid_t pid;
		int status;

		unit_ok(spawn(&s, &pid, NULL, &err), &err);
		while (waitpid(pid, &status, 0) < 0)
			ck_assert_int_eq(errno, EINTR);
		ck_assert_int_eq(status, 0);
	}
	timer_delete(t);
	ck_assert_int_gt(handled, 0);
}
END_TEST

/* Nobody has to wait for it; what goes wrong is told all the same. */
START_TEST(orphan)
{
	char script[] = "sleep 0.2; echo $PPID", sh[] = "sh", opt[] = "-c",
	     *argv[] = { sh, opt, script, NULL };
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	const struct spawn_fd fds[] = { { p[1], 1 } };
	struct spawn s = { .path = "/bin/sh",
			   .exe_fd = -EBADF,
			   .argv = argv,
			   .fds = fds,
			   .n_fds = 1,
			   .orphan = true };
	unit_ok(spawn(&s, NULL, NULL, &err), &err);
	close(p[1]);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_gt(read(p[0], out, sizeof(out) - 1), 0);
	long parent = strtol(out, NULL, 10);
	ck_assert_int_gt(parent, 0);
	ck_assert_int_ne(parent, getpid());
	close(p[0]);
	s.path = "/nowhere";
	s.n_fds = 0;
	unit_fails(spawn(&s, NULL, NULL, &err), ENOENT, &err, "exec");
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

UNIT_MAIN("spawn", basics, empty_environment, nothing_leaks, map_cannot_clobber_itself,
	  with_closed_stdio, signals_are_reset, failures, out_of_descriptors, program_by_descriptor,
	  session, namespaces_and_prepare, parent_death, parent_death_before_request,
	  signals_while_spawning, orphan)
