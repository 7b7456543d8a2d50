/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/proc.h"
#include "tests/unit/unit.h"

START_TEST(start_time)
{
	uint64_t t = 0, again = 0;

	ck_assert_int_eq(proc_start_time(getpid(), &t), 0);
	ck_assert_int_eq(proc_start_time(getpid(), &again), 0);
	ck_assert(t > 0 && t == again);
	ck_assert(proc_alive(getpid(), t));
	ck_assert(!proc_alive(getpid(), t + 1));
	ck_assert_int_eq(proc_start_time(0, &t), -ESRCH);
	ck_assert_int_eq(proc_start_time(-1, &t), -ESRCH);
	ck_assert_int_eq(proc_start_time(0x7ffffffe, &t), -ESRCH);
	ck_assert(t == again);
}
END_TEST

START_TEST(stat_fields)
{
	static const char *const bad[] = {
		"",
		"7 (a",
		"7 (a)",
		"7 (a) ",
		"7 (a) SS 1",
		"7 (a) S 1 2 3 4 5 6 7 8 9 10 x 12 13 14 15 16 17 18 19 20 21",
		"7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
		"7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 99999999999999999999999",
	};
	struct proc_stat s = {};

	ck_assert_int_eq(
		proc_stat_parse(
			"7 (a ) Z 1) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21\n", &s),
		0);
	ck_assert_int_eq(s.state, 'S');
	ck_assert_uint_eq(s.utime, 11);
	ck_assert_uint_eq(s.stime, 12);
	ck_assert_uint_eq(s.threads, 17);
	ck_assert_uint_eq(s.start_time, 19);
	ck_assert_uint_eq(s.rss, 21);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(proc_stat_parse(bad[i], &s), -EINVAL);
	ck_assert_uint_eq(s.rss, 21);
}
END_TEST

/* A name made to look like the fields behind it. */
START_TEST(hostile_name)
{
	uint64_t before, after;
	int fd = open("/proc/self/comm", O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(proc_start_time(getpid(), &before), 0);
	ck_assert_int_eq(write(fd, "a) Z 1 (\n) 3", 12), 12);
	close(fd);
	ck_assert_int_eq(proc_start_time(getpid(), &after), 0);
	ck_assert(before == after);
}
END_TEST

START_TEST(zombies_are_gone)
{
	uint64_t t;
	int p[2];
	char c;

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(p[1]);
		_exit(read(p[0], &c, 1) == 0 ? 7 : 1);
	}
	close(p[0]);
	ck_assert_int_eq(proc_start_time(pid, &t), 0);
	int fd = proc_open(pid, t);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	int fds = unit_count_fds();
	ck_assert_int_eq(proc_open(pid, t + 1), -ESRCH);
	ck_assert_int_eq(proc_wait_end(fd, 0), -ETIMEDOUT);
	ck_assert_int_eq(proc_wait_end(fd, 20), -ETIMEDOUT);
	ck_assert_int_eq(proc_signal(fd, 0), 0);
	close(p[1]);
	ck_assert_int_eq(proc_wait_end(fd, -1), 0);
	/* A zombie now */
	ck_assert_int_eq(proc_start_time(pid, &t), -ESRCH);
	ck_assert(!proc_alive(pid, t));
	ck_assert_int_eq(proc_open(pid, t), -ESRCH);
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 7);
	ck_assert_int_eq(proc_open(pid, t), -ESRCH);
	ck_assert_int_eq(proc_signal(fd, SIGTERM), -ESRCH);
	ck_assert_int_eq(proc_wait_end(fd, -1), 0);
	ck_assert_int_eq(unit_count_fds(), fds - 1);
	close(fd);
	ck_assert_int_eq(proc_wait_end(fd, 0), -EBADF);
	ck_assert_int_eq(proc_signal(fd, 0), -EBADF);
	ck_assert_int_eq(proc_open(0, 0), -ESRCH);
}
END_TEST

static void nothing(int sig)
{
}

/* Signals neither end the wait nor start its time anew. */
START_TEST(wait_end_despite_signals)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct timespec a, b;
	uint64_t t;

	sigaction(SIGUSR1, &sa, NULL);
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		for (;;) {
			kill(parent, SIGUSR1);
			poll(NULL, 0, 10);
		}
	}
	ck_assert_int_eq(proc_start_time(pid, &t), 0);
	int fd = proc_open(pid, t);
	clock_gettime(CLOCK_MONOTONIC, &a);
	ck_assert_int_eq(proc_wait_end(fd, 200), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	long ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	ck_assert_int_ge(ms, 195);
	ck_assert_int_lt(ms, 2000);
	ck_assert_int_eq(proc_signal(fd, SIGKILL), 0);
	ck_assert_int_eq(proc_wait_end(fd, 5000), 0);
	close(fd);
	waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(boot_id)
{
	char a[37], b[37];

	ck_assert_int_eq(proc_boot_id(a), 0);
	ck_assert_int_eq(proc_boot_id(b), 0);
	ck_assert_uint_eq(strlen(a), 36);
	ck_assert_str_eq(a, b);
}
END_TEST

static const struct {
	const char *s;
	int sig;
} names[] = {
	{ "TERM", SIGTERM },
	{ "SIGTERM", SIGTERM },
	{ "sigterm", SIGTERM },
	{ "SigKill", SIGKILL },
	{ "0", 0 },
	{ "9", 9 },
	{ "64", 64 },
	{ "015", 15 },
	{ "hup", SIGHUP },
	{ "STKFLT", SIGSTKFLT },
	{ "IOT", SIGABRT },
	{ "CLD", SIGCHLD },
	{ "POLL", SIGIO },
	{ "PWR", SIGPWR },
	{ "SYS", SIGSYS },
	{ "WINCH", SIGWINCH },
	{ "RTMIN", 34 },
	{ "SIGRTMIN+3", 37 },
	{ "rtmin+30", 64 },
	{ "RTMAX", 64 },
	{ "RTMAX-0", 64 },
	{ "SIGRTMAX-14", 50 },
	{ "RTMIN+0", 34 },
	{ "32", 32 },
	{ "", -EINVAL },
	{ "SIG", -EINVAL },
	{ "SIGSIGTERM", -EINVAL },
	{ "65", -EINVAL },
	{ "-1", -EINVAL },
	{ "+9", -EINVAL },
	{ "9 ", -EINVAL },
	{ " TERM", -EINVAL },
	{ "TERM ", -EINVAL },
	{ "TER", -EINVAL },
	{ "TERMX", -EINVAL },
	{ "SIG9", -EINVAL },
	{ "RTMIN+31", -EINVAL },
	{ "RTMIN-1", -EINVAL },
	{ "RTMAX+1", -EINVAL },
	{ "RTMAX-31", -EINVAL },
	{ "RTMIN+", -EINVAL },
	{ "RTMIN+-1", -EINVAL },
	{ "RTMIN+x", -EINVAL },
	{ "RTMIN++1", -EINVAL },
	{ "RTMINX", -EINVAL },
	{ "99999999999999", -EINVAL },
	{ "RTMAX--1", -EINVAL },
	{ "0x9", -EINVAL },
};

START_TEST(signal_names)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_msg(proc_signal_parse(names[i].s) == names[i].sig, "'%s': %d", names[i].s,
			      proc_signal_parse(names[i].s));
	ck_assert_int_eq(proc_signal_parse(NULL), -EINVAL);
	/* Every signal that libc can name. */
	for (int sig = 1; sig < 32; sig++)
		ck_assert_int_eq(proc_signal_parse(sigabbrev_np(sig)), sig);
}
END_TEST

UNIT_MAIN("proc", start_time, stat_fields, hostile_name, zombies_are_gone, wait_end_despite_signals,
	  boot_id, signal_names)
