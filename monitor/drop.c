/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/drop.h"

#include <errno.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "monitor/template.h"

#define MAX_FILES 16384 /* a connection for each process of the containers */

/*
 * All that an event loop over existing descriptors needs. Nothing here opens, creates, mounts, executes or signals: QEMU
 * is asked to quit over QMP, and what does not quit dies with this process as PID 1 of its namespace.
 */
static const struct confine_rule rules[] = {
	/* input and output of descriptors that are there, and of new connections */
	CONFINE_ALLOW(read),
	CONFINE_ALLOW(write),
	CONFINE_ALLOW(readv),
	CONFINE_ALLOW(writev),
	CONFINE_ALLOW(recvmsg),
	CONFINE_ALLOW(sendmsg),
	CONFINE_ALLOW(recvfrom),
	CONFINE_ALLOW(sendto),
	CONFINE_ALLOW(accept4),
	CONFINE_ALLOW(close),
	CONFINE_ALLOW(shutdown),
	CONFINE_ALLOW(getsockopt),
	CONFINE_ALLOW(fcntl),
	CONFINE_ALLOW(fstat),
	CONFINE_ALLOW(newfstatat),

	/* the loop */
	CONFINE_ALLOW(epoll_wait),
	CONFINE_ALLOW(epoll_pwait),
	CONFINE_ALLOW(epoll_ctl),
	CONFINE_ALLOW(poll),
	CONFINE_ALLOW(ppoll),
	CONFINE_ALLOW(timerfd_create),
	CONFINE_ALLOW(timerfd_settime),
	CONFINE_ALLOW(clock_gettime),
	CONFINE_ALLOW(restart_syscall),
	/* children that ended */
	CONFINE_ALLOW(wait4),
	CONFINE_ALLOW(waitid),
	/* memory and the C library */
	CONFINE_ALLOW(mmap),
	CONFINE_ALLOW(munmap),
	CONFINE_ALLOW(mremap),
	CONFINE_ALLOW(mprotect),
	CONFINE_ALLOW(madvise),
	CONFINE_ALLOW(brk),
	CONFINE_ALLOW(futex),
	CONFINE_ALLOW(getrandom),
	CONFINE_ALLOW(rt_sigaction),
	CONFINE_ALLOW(rt_sigprocmask),
	CONFINE_ALLOW(rt_sigreturn),
	CONFINE_ALLOW(getpid),
	CONFINE_ALLOW(gettid),
	CONFINE_ALLOW(tgkill),
	CONFINE_ALLOW(exit),
	CONFINE_ALLOW(exit_group),

	/* only where a template is made, until SAVE_RULES: copying the guest's memory out */
	CONFINE_ALLOW(lseek),
	CONFINE_ALLOW(pread64),
	CONFINE_ALLOW(pwrite64),
};
#define SAVE_RULES 3

static int change_uid(uid_t uid, struct err *err)
{
	if (uid == 0)
		return 0; /* the fake VM of tests */
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_errno(err, errno, "change to uid %u", uid);
	return 0;
}

int drop_privileges(struct monitor *m, struct err *err)
{
	int r;

	r = confine_rlimit(RLIMIT_NOFILE, MAX_FILES, err);
	if (r >= 0)
		r = confine_rlimit(RLIMIT_CORE, 0, err);
	if (r >= 0)
		r = confine_no_new_privs(err);
	if (r >= 0)
		r = confine_drop_bounding(err);
	if (r >= 0)
		r = change_uid(m->setup.uid, err);
	if (r >= 0)
		r = confine_drop_caps(err);
	if (r >= 0)
		r = confine_undumpable(err);
	if (r >= 0)
		r = confine_syscalls(rules,
				     ARRAY_SIZE(rules) - (template_saving(m) ? 0 : SAVE_RULES),
				     EPERM, err);
	return r < 0 ? err_wrap(err, "drop privileges") : 0;
}
