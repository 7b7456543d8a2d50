/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/memlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/monitor_client.h"

#define TEXT_MAX 65536 /* bytes of a file of /proc/PID */

static int read_proc(const char *pid, const char *name, char **ret)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	return io_read_file(AT_FDCWD, path, TEXT_MAX, ret, NULL, NULL);
}

/* The first number behind the key at the beginning of a line of /proc/PID/status, -1: there is none. */
static long field(const char *status, const char *key)
{
	const char *p = strstr(status, key);

	return p ? strtol(p + strlen(key), NULL, 10) : -1;
}

static bool is_hypervisor(const char *pid, pid_t monitor)
{
	_free_ char *status = NULL;

	return read_proc(pid, "status", &status) >= 0 && field(status, "\nPPid:") == monitor &&
	       field(status, "\nUid:") == (long)monitor_hypervisor_uid(monitor);
}

static bool is_alive(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static int parse_limit(const char **p, uint64_t *ret)
{
	char word[24];
	size_t n;

	*p += strspn(*p, " ");
	n = strcspn(*p, " \n");
	if (n == 0 || n >= sizeof(word))
		return -EINVAL;
	memcpy(word, *p, n);
	word[n] = '\0';
	*p += n;
	if (strcmp(word, "unlimited") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	return num_u64(word, 0, UINT64_MAX, ret);
}

int memlock_parse(const char *text, uint64_t *ret_soft, uint64_t *ret_hard)
{
	static const char key[] = "\nMax locked memory";
	const char *p = strstr(text, key);
	uint64_t soft, hard;

	if (!p)
		return -EINVAL;
	p += strlen(key);
	if (parse_limit(&p, &soft) < 0 || parse_limit(&p, &hard) < 0)
		return -EINVAL;
	*ret_soft = soft;
	*ret_hard = hard;
	return 0;
}

/* The pid is that process's as long as its pidfd, which is opened before it is looked at again, is alive. */
static int take(const char *pid, pid_t monitor, struct memlock *ret)
{
	struct memlock m = MEMLOCK_INIT;
	_free_ char *limits = NULL;
	_close_ int fd = -EBADF;
	int r = num_int(pid, 1, INT_MAX, &m.pid);

	if (r < 0)
		return r;
	fd = (int)syscall(SYS_pidfd_open, m.pid, 0);
	if (fd < 0 || !is_hypervisor(pid, monitor) || read_proc(pid, "limits", &limits) < 0 ||
	    !is_alive(fd))
		return -ESRCH;
	r = memlock_parse(limits, &m.soft, &m.hard);
	if (r < 0)
		return r;
	*ret = m;
	ret->pidfd = take_fd(fd);
	return 0;
}

int memlock_find(const struct monitor_ref *mon, struct memlock *ret, struct err *err)
{
	_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_strv_ char **names = NULL;
	int r = proc < 0 ? err_errno(err, errno, "open /proc") : path_list(proc, &names, err);

	if (r < 0)
		return r;
	for (char **name = names; name && *name; name++)
		if (**name >= '1' && **name <= '9' && is_hypervisor(*name, mon->pid))
			return take(*name, mon->pid, ret) < 0 || !is_alive(mon->pidfd) ?
				       err_set(err, ESRCH, "the virtual machine has ended") :
				       0;
	return err_set(err, ESRCH, "the virtual machine's process is not there");
}

void memlock_done(struct memlock *m)
{
	m->pidfd = fd_close(m->pidfd);
}

static int set(const struct memlock *m, uint64_t soft, uint64_t hard)
{
	const struct rlimit limit = { soft == UINT64_MAX ? RLIM_INFINITY : soft,
				      hard == UINT64_MAX ? RLIM_INFINITY : hard };

	if (!is_alive(m->pidfd))
		return -ESRCH;
	return prlimit(m->pid, RLIMIT_MEMLOCK, &limit, NULL) < 0 ? -errno : 0;
}

int memlock_raise(const struct memlock *m, uint64_t bytes, struct err *err)
{
	int r;

	if (m->soft >= bytes)
		return 0;
	r = set(m, bytes, m->hard > bytes ? m->hard : bytes);
	if (r == -EPERM)
		return err_set(
			err, EPERM,
			"VFIO pins the guest's memory: RLIMIT_MEMLOCK of the running virtual machine is %llu KiB and has "
			"to be %llu, and only CAP_SYS_RESOURCE can raise it (else: ulimit -l, or LimitMEMLOCK=, for "
			"who starts the sandbox)",
			(unsigned long long)m->soft >> 10, (unsigned long long)bytes >> 10);
	return r < 0 ? err_errno(err, -r, "RLIMIT_MEMLOCK of the virtual machine") : 0;
}

void memlock_lower(const struct memlock *m)
{
	struct rlimit own;

	if (getrlimit(RLIMIT_MEMLOCK, &own) == 0 && own.rlim_max < m->hard)
		(void)set(m, own.rlim_cur, own.rlim_max);
}
