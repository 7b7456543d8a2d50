/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes: starting helpers with nothing inherited but what is listed, and
 * naming a process safely as pid + start time or as a pidfd, never as a bare pid.
 */
#ifndef MOAT_BASE_PROC_H
#define MOAT_BASE_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct spawn_fd {
	int from; /* descriptor of this process; -EBADF: /dev/null */
	int to; /* its number in the child */
};

struct spawn {
	const char *path; /* absolute path of the program, or with exe_fd >= 0 only its name for messages */
	int exe_fd; /* program by descriptor (fexecve), -EBADF to use path */
	char *const *argv;
	char *const *envp; /* NULL: empty environment */
	const struct spawn_fd *fds; /* everything not listed is closed; 0-2 not listed: /dev/null */
	size_t n_fds;
	uint64_t clone_flags; /* CLONE_NEW* for clone3(2) */
	int pdeathsig; /* signal at the death of the parent thread, 0: none */
	bool new_session; /* setsid(2) */
	bool deaf; /* SIGHUP, SIGINT and SIGTERM stay blocked: it ends when we say so by other means */
	bool orphan; /* the program is a child of one that has ended: nobody waits for it, and its pid is not told */
	/* Runs in the child after the descriptors are in place, before exec; only async-signal-safe calls. 0 or -errno. */
	int (*prepare)(void *data);
	void *data;
};

/*
 * Starts a program: all signals default and unblocked (but see deaf), cwd "/", umask 022.
 * Waits until exec succeeded. Fails with the errno of the step that failed
 * (the child is reaped then). *ret_pidfd may be NULL. The child is the caller's to wait for.
 */
int spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, struct err *err);

/* What is wanted of a /proc/PID/stat (proc(5)): times in clock ticks, start_time since boot, rss in pages. */
struct proc_stat {
	char state;
	uint64_t utime, stime, threads, start_time, rss;
};
/* -EINVAL: that is no such text. */
int proc_stat_parse(const char *text, struct proc_stat *ret);

/* Field 22 of /proc/PID/stat in clock ticks after boot; 0 or -errno (-ESRCH: gone or a zombie). */
int proc_start_time(pid_t pid, uint64_t *ret);
/* pidfd of the process with this pid and start time, or -ESRCH if that process is gone (zombie included). */
int proc_open(pid_t pid, uint64_t start_time);
bool proc_alive(pid_t pid, uint64_t start_time);
/* pidfd of the same, of a zombie too, which can be waited for. */
int proc_open_any(pid_t pid, uint64_t start_time);
/* Sends a signal through a pidfd; 0 or -errno. */
int proc_signal(int pidfd, int sig);
/* Waits until the process behind the pidfd has ended; 0, -ETIMEDOUT or -errno. timeout_ms < 0: for ever. */
int proc_wait_end(int pidfd, int timeout_ms);
/*
 * Waits for a child, whatever signals come meanwhile. *ret_status (may be NULL) as of waitpid(2). 0, or -ECHILD: none, as
 * where SIGCHLD is ignored and it has ended; *ret_status is left alone then.
 */
int proc_reap(pid_t pid, int *ret_status);
/* The kernel's boot id as 36 characters and a NUL. 0 or -errno. */
int proc_boot_id(char ret[37]);
/* Signal name ("TERM", "SIGTERM", "sigterm") or number to number; -EINVAL if unknown. */
int proc_signal_parse(const char *s);

#endif
