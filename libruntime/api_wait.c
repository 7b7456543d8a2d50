/* SPDX-License-Identifier: Apache-2.0 */
/* moat.h: waiting for processes of guests, which is waiting for their stand-ins. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "libruntime/api.h"
#include "libruntime/container.h"

#define UNKNOWN (-1)

/* Until it has ended; reaps it if it is a child of ours. -ECHILD without a message: it is not. */
static int wait_for(int pidfd, int timeout_ms, int *ret_code, struct err *err)
{
	siginfo_t si = {};
	int r = proc_wait_end(pidfd, timeout_ms);

	if (r < 0)
		return err_errno(err, -r, "wait");
	do {
		r = waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED | WNOHANG);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno == ECHILD ? -ECHILD : err_errno(err, errno, "wait");
	/* Stand-ins end as the process in the guest did. */
	*ret_code = si.si_code == CLD_EXITED ? si.si_status : 128 + si.si_status;
	return 0;
}

int moat_wait(pid_t pid, int timeout_ms, int *ret_code, struct moat_error *err)
{
	_close_ int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -EBADF;
	int r, code = UNKNOWN;
	siginfo_t si;

	/* What is no child could only be waited for in vain. */
	if (fd < 0 || waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
		return err_set(api_err(err), ECHILD, "%d is not a child of this process", pid);
	r = wait_for(fd, timeout_ms, &code, api_err(err));
	if (r == -ECHILD)
		return err_set(api_err(err), ECHILD, "somebody else has waited for %d", pid);
	if (r >= 0 && ret_code)
		*ret_code = code;
	return r;
}

int moat_container_wait(const struct moat *m, const char *id, int timeout_ms, int *ret_code,
			struct moat_error *err)
{
	_cleanup_(container_close) struct container c = { .root_fd = -EBADF, .dir = -EBADF };
	_close_ int fd = -EBADF;
	int r, code = UNKNOWN;

	r = api_open(m, id, &c, api_err(err));
	if (r < 0)
		return r;
	fd = proc_open_any(c.state.standin.pid, c.state.standin.start);
	r = fd < 0 ? -ECHILD : wait_for(fd, timeout_ms, &code, api_err(err));
	if (r < 0 && r != -ECHILD)
		return r;
	if (ret_code)
		*ret_code = code;
	return 0;
}
