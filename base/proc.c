/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

/* Up to size - 1 bytes of a small /proc file, NUL-terminated. Returns the length or -errno. */
static ssize_t read_proc(const char *path, char *buf, size_t size)
{
	ssize_t n;

	_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		n = read(fd, buf, size - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

/* One of a line's words; behind it *p is at the next. NULL when there is none. */
static const char *next_word(const char **p, char *word, size_t size)
{
	*p += strspn(*p, " \n");
	size_t n = strcspn(*p, " \n");

	if (n == 0 || n >= size)
		return NULL;
	memcpy(word, *p, n);
	word[n] = '\0';
	*p += n;
	return word;
}

int proc_stat_parse(const char *text, struct proc_stat *ret)
{
	/* The name in field 2 may contain anything, ") Z 1" too, but nothing after it contains ")". */
	const char *p = strrchr(text, ')');
	struct proc_stat s = {};
	const struct {
		int field;
		uint64_t *value;
	} wanted[] = {
		{ 14, &s.utime },      { 15, &s.stime }, { 20, &s.threads },
		{ 22, &s.start_time }, { 24, &s.rss },
	};
	char word[32];
	size_t i = 0;

	if (!p)
		return -EINVAL;
	p++;
	if (!next_word(&p, word, sizeof(word)) || word[1])
		return -EINVAL;
	s.state = word[0];
	for (int field = 4; i < ARRAY_SIZE(wanted); field++) {
		if (!next_word(&p, word, sizeof(word)))
			return -EINVAL;
		if (field == wanted[i].field && num_u64(word, 0, UINT64_MAX, wanted[i++].value) < 0)
			return -EINVAL;
	}
	*ret = s;
	return 0;
}

static int start_time_of(pid_t pid, bool zombie, uint64_t *ret)
{
	char path[32], text[1024];
	struct proc_stat s;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	ssize_t n = read_proc(path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	if (proc_stat_parse(text, &s) < 0)
		return -EIO;
	if ((s.state == 'Z' && !zombie) || s.state == 'X' || s.state == 'x')
		return -ESRCH;
	*ret = s.start_time;
	return 0;
}

int proc_start_time(pid_t pid, uint64_t *ret)
{
	return start_time_of(pid, false, ret);
}

static int open_process(pid_t pid, uint64_t start_time, bool zombie)
{
	uint64_t now;

	if (pid <= 0)
		return -ESRCH;
	_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		/* EINVAL or ENOENT: the id of a thread that is no process. */
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	/*
	 * Looked up after the descriptor is held: if the pid now belongs to the
	 * process we want, which is older than this call, then so did it before.
	 */
	int r = start_time_of(pid, zombie, &now);
	if (r < 0)
		return r;
	if (now != start_time)
		return -ESRCH;
	return take_fd(fd);
}

int proc_open(pid_t pid, uint64_t start_time)
{
	return open_process(pid, start_time, false);
}

int proc_open_any(pid_t pid, uint64_t start_time)
{
	return open_process(pid, start_time, true);
}

bool proc_alive(pid_t pid, uint64_t start_time)
{
	uint64_t now;

	return proc_start_time(pid, &now) == 0 && now == start_time;
}

int proc_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int proc_wait_end(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int64_t end = now_ms() + timeout_ms;

	for (;;) {
		int left = timeout_ms;

		if (timeout_ms > 0) {
			int64_t rest = end - now_ms();

			left = rest > 0 ? (int)rest : 0;
		}
		int r = poll(&p, 1, left);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		return p.revents & POLLIN ? 0 : -EBADF;
	}
}

int proc_reap(pid_t pid, int *ret_status)
{
	pid_t r;

	do {
		r = waitpid(pid, ret_status, __WALL);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int proc_boot_id(char ret[37])
{
	char buf[64];
	ssize_t n = read_proc("/proc/sys/kernel/random/boot_id", buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	if (n < 36 || strspn(buf, "0123456789abcdef-") != 36)
		return -EIO;
	memcpy(ret, buf, 36);
	ret[36] = '\0';
	return 0;
}

/* ---- signal names ---- */

static const struct {
	const char *name;
	int sig;
} signals[] = {
	{ "HUP", SIGHUP },       { "INT", SIGINT },       { "QUIT", SIGQUIT },
	{ "ILL", SIGILL },       { "TRAP", SIGTRAP },     { "ABRT", SIGABRT },
	{ "IOT", SIGIOT },       { "BUS", SIGBUS },       { "FPE", SIGFPE },
	{ "KILL", SIGKILL },     { "USR1", SIGUSR1 },     { "SEGV", SIGSEGV },
	{ "USR2", SIGUSR2 },     { "PIPE", SIGPIPE },     { "ALRM", SIGALRM },
	{ "TERM", SIGTERM },     { "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD },
	{ "CLD", SIGCHLD },      { "CONT", SIGCONT },     { "STOP", SIGSTOP },
	{ "TSTP", SIGTSTP },     { "TTIN", SIGTTIN },     { "TTOU", SIGTTOU },
	{ "URG", SIGURG },       { "XCPU", SIGXCPU },     { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF },     { "WINCH", SIGWINCH },
	{ "IO", SIGIO },         { "POLL", SIGPOLL },     { "PWR", SIGPWR },
	{ "SYS", SIGSYS },       { "UNUSED", SIGSYS },
};

int proc_signal_parse(const char *s)
{
	int n;

	if (!s)
		return -EINVAL;
	if (isdigit((unsigned char)*s))
		return num_int(s, 0, 64, &n) < 0 ? -EINVAL : n;
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (strcasecmp(s, signals[i].name) == 0)
			return signals[i].sig;
	}
	/* glibc keeps 32 and 33: RTMIN is 34 for everybody who talks about signals by name. */
	bool min = strncasecmp(s, "RTMIN", 5) == 0;
	if (!min && strncasecmp(s, "RTMAX", 5) != 0)
		return -EINVAL;
	s += 5;
	if (*s == '\0')
		return min ? SIGRTMIN : SIGRTMAX;
	if (*s != (min ? '+' : '-') || num_int(s + 1, 0, SIGRTMAX - SIGRTMIN, &n) < 0 || s[1] == '-')
		return -EINVAL;
	return min ? SIGRTMIN + n : SIGRTMAX - n;
}
