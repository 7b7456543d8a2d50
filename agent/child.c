/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/caps.h"
#include "agent/lookup.h"
#include "agent/report.h"
#include "agent/sched.h"
#include "agent/tty.h"
#include "agent/user.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/log.h"
#include "base/path.h"
#include "oci/names.h"

#define KEEP_MAX 8 /* descriptors that a step needs */

static void log_to_agent(void *data, enum log_level level, const char *msg)
{
	const struct child *ch = data;

	report_send(ch->report, REPORT_LOG, (int)level, msg, NULL, 0);
}

static int compare_ints(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

void child_close_others(const struct child *ch, const int *listed, size_t n_listed)
{
	int keep[KEEP_MAX + WIRE_PASSED_MAX];
	unsigned int from = 3;
	size_t n = 0;

	for (size_t i = 0; i < n_listed && n < KEEP_MAX; i++)
		keep[n++] = listed[i];
	for (size_t i = 0; i < ch->n_passed; i++)
		keep[n++] = ch->passed[i].child;
	qsort(keep, n, sizeof(*keep), compare_ints);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < (int)from)
			continue;
		if (keep[i] > (int)from)
			close_range(from, (unsigned int)keep[i] - 1, 0);
		from = (unsigned int)keep[i] + 1;
	}
	close_range(from, ~0U, 0);
}

static void reset_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_begin(struct child *ch, int more_fd)
{
	const int keep[] = { ch->report,   ch->stdio[0],       ch->stdio[1],
			     ch->stdio[2], ch->agent->proc_fd, more_fd };

	child_close_others(ch, keep, ARRAY_SIZE(keep));
	reset_signals();
	log_set_sink(log_to_agent, ch);
	setsid();
	/* Keys of the agent's, or of other containers, are not for this one. Not every kernel has them. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

void child_fail(const struct child *ch, const struct err *err)
{
	report_send(ch->report, REPORT_ERROR, err->code ? err->code : EIO, err->msg, NULL, 0);
	_exit(1);
}

int child_oom_score(const struct child *ch, struct err *err)
{
	const struct oci_process *p = ch->process;
	char value[16];

	/* Without it, the value of the agent would stay: never killed. */
	if (!p->has_oom_score_adj && ch->agent->test)
		return 0;
	snprintf(value, sizeof(value), "%d", p->has_oom_score_adj ? p->oom_score_adj : 0);
	return io_write_string(ch->agent->proc_fd, "self/oom_score_adj", value, err);
}

int child_open_tty(const struct child *ch, int root, struct err *err)
{
	_close_ int master = -EBADF, slave = -EBADF;
	int r = tty_open(root, ch->process->console_size, &master, &slave, err);

	if (r < 0)
		return r;
	r = report_send(ch->report, REPORT_TTY, 0, "", (int[]){ master, slave }, 2);
	return r < 0 ? err_errno(err, -r, "send terminal") : take_fd(slave);
}

/* ---- becoming the program ---- */

/* So that /dev/stdout and its like can be opened again by the user. */
static int give_to_user(const struct child *ch, int fd, int number, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_uid != ch->process->user.uid &&
	    fchown(fd, ch->process->user.uid, (gid_t)-1) < 0)
		return err_errno(err, errno, "give descriptor %d to the user", number);
	return 0;
}

static int set_stdio(const struct child *ch, int tty, struct err *err)
{
	int r = 0;

	if (tty >= 0 && ioctl(tty, TIOCSCTTY, 0) < 0)
		return err_errno(err, errno, "set controlling terminal");
	for (int i = 0; i < 3; i++) {
		int fd = tty >= 0 ? tty : ch->stdio[i];

		if (dup2(fd, i) < 0)
			return err_errno(err, errno, "set up standard streams");
		r = give_to_user(ch, i, i, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ch->n_passed && r >= 0; i++)
		r = give_to_user(ch, ch->passed[i].child, 3 + (int)i, err);
	return r;
}

int child_rlimits(pid_t pid, const struct oci_process *p, struct err *err)
{
	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct oci_rlimit *l = &p->rlimits[i];
		struct rlimit value = { .rlim_cur = l->soft, .rlim_max = l->hard };
		int number = oci_rlimit_number(l->type);

		if (number < 0)
			return err_set(err, EINVAL, "invalid rlimit type %s", l->type);
		if (prlimit(pid, (__rlimit_resource_t)number, &value, NULL) < 0)
			return err_errno(err, errno, "error setting rlimit %s", l->type);
	}
	return 0;
}

/* getcwd(2) tells a directory outside of the root by a path that is not absolute. */
static int check_cwd(struct err *err)
{
	char path[PATH_MAX];

	if (syscall(SYS_getcwd, path, sizeof(path)) < 0 || path[0] != '/')
		return err_set(
			err, ENOENT,
			"current working directory is outside of container mount namespace root -- "
			"possible container breakout detected");
	return 0;
}

static int set_user(const struct oci_process *p, struct err *err)
{
	const struct oci_user *u = &p->user;
	_free_ gid_t *groups = calloc(u->n_additional_gids ? u->n_additional_gids : 1,
				      sizeof(*groups));

	if (!groups)
		return err_errno(err, ENOMEM, "additional groups");
	for (size_t i = 0; i < u->n_additional_gids; i++)
		groups[i] = u->additional_gids[i];
	if (setgroups(u->n_additional_gids, groups) < 0)
		return err_errno(err, errno, "setgroups");
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		return err_errno(err, errno, "setgid %u", u->gid);
	if (setresuid(u->uid, u->uid, u->uid) < 0)
		return err_errno(err, errno, "setuid %u", u->uid);
	return 0;
}

/* As root where the user may not, as the user where root may not (a network file system). */
static int enter_cwd(const char *cwd, bool last, bool *done, struct err *err)
{
	if (*done || !cwd || !*cwd)
		return 0;
	if (chdir(cwd) == 0)
		*done = true;
	else if (last || errno != EACCES)
		return err_errno(err, errno, "chdir to cwd (\"%s\") set in config.json failed", cwd);
	return 0;
}

static int install_seccomp(const struct oci_seccomp_program *s, struct err *err)
{
	const struct sock_fprog prog = { .len = (unsigned short)s->n, .filter = s->code };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, s->flags, &prog) < 0)
		return err_errno(err, errno, "unable to init seccomp: error loading seccomp filter");
	return 0;
}

int child_become(struct child *ch, int root, int tty, char **ret_program, char ***ret_env,
		 struct err *err)
{
	const struct oci_process *p = ch->process;
	char home[PATH_MAX];
	bool in_cwd = false;
	struct caps caps;
	int r;

	user_home_in(root, p->user.uid, home, sizeof(home));
	caps_parse(p->capabilities, &caps);
	umask(p->user.has_umask ? p->user.umask & 0777 : 022);
	/* Each step needs rights that a later one takes away. */
	if ((r = user_env(p, home, ret_env, err)) < 0 || (r = set_stdio(ch, tty, err)) < 0 ||
	    (!(ch->namespaces & CLONE_NEWUSER) && (r = child_rlimits(0, p, err)) < 0) ||
	    (r = sched_apply(p, err)) < 0 || (r = caps_apply_bounding(&caps, err)) < 0 ||
	    (r = enter_cwd(p->cwd, false, &in_cwd, err)) < 0)
		return r;
	if (ch->linux32 && personality(PER_LINUX32) < 0)
		return err_errno(err, errno, "set personality");
	if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "set no_new_privs");
	/* Without no_new_privs it takes a capability that the next steps take away: as in runc, the profile has to permit them. */
	if (ch->seccomp && !p->no_new_privileges && (r = install_seccomp(ch->seccomp, err)) < 0)
		return r;
	if ((r = set_user(p, err)) < 0 || (r = caps_apply(&caps, err)) < 0 ||
	    (r = enter_cwd(p->cwd, true, &in_cwd, err)) < 0 || (r = check_cwd(err)) < 0)
		return r;
	return exec_lookup(p->args[0], *ret_env, ret_program, err);
}

/* To the numbers from 3 on, where something else may be, among it one of themselves. */
static int place_passed(struct child *ch, struct err *err)
{
	int report, above = 3 + (int)ch->n_passed;

	if (ch->n_passed == 0)
		return 0;
	/* Until there is another one, errors are told to the old. */
	report = fcntl(ch->report, F_DUPFD_CLOEXEC, above);
	if (report < 0)
		return err_errno(err, errno, "--preserve-fds");
	ch->report = report;
	for (size_t i = 0; i < ch->n_passed; i++) {
		ch->passed[i].child = fcntl(ch->passed[i].child, F_DUPFD_CLOEXEC, above);
		if (ch->passed[i].child < 0)
			return err_errno(err, errno, "descriptor %zu", 3 + i);
	}
	for (size_t i = 0; i < ch->n_passed; i++)
		if (dup2(ch->passed[i].child, 3 + (int)i) < 0)
			return err_errno(err, errno, "descriptor %zu", 3 + i);
	return 0;
}

int child_execve(struct child *ch, const char *program, char *const *env, struct err *err)
{
	int r = place_passed(ch, err);

	if (r < 0)
		return r;
	/* Every other descriptor was close-on-exec from its birth; this makes sure of it. */
	close_range(3 + (unsigned int)ch->n_passed, ~0U, CLOSE_RANGE_CLOEXEC);
	/* Last of all, so that the profile has to permit nothing but execve. */
	if (ch->seccomp && ch->process->no_new_privileges && install_seccomp(ch->seccomp, err) < 0)
		return -err->code;
	execve(program, ch->process->args, env);
	return err_errno(err, errno, "exec %s", program);
}
