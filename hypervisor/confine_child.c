/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/confine_child.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

static int say(const char *step, int code)
{
	static const char prefix[] = "confine: ";

	(void)!write(2, prefix, sizeof(prefix) - 1);
	(void)!write(2, step, strlen(step));
	(void)!write(2, "\n", 1);
	return -code;
}

static int set_limit(int what, uint64_t value)
{
	struct rlimit have, want = { .rlim_cur = value, .rlim_max = value };

	if (getrlimit(what, &have) < 0)
		return -errno;
	/* Never raises what the caller was given. */
	if (want.rlim_max > have.rlim_max)
		want.rlim_cur = want.rlim_max = have.rlim_max;
	return setrlimit(what, &want) < 0 ? -errno : 0;
}

/* The one that may be raised: what VFIO pins is more than most callers have. */
static int set_locked(uint64_t value)
{
	struct rlimit have, want = { .rlim_cur = value, .rlim_max = value };

	if (getrlimit(RLIMIT_MEMLOCK, &have) < 0)
		return -errno;
	if (have.rlim_max >= value)
		want.rlim_max = have.rlim_max;
	return setrlimit(RLIMIT_MEMLOCK, &want) < 0 ? -errno : 0;
}

static int set_limits(const struct confine_child *c)
{
	int r;

	if ((r = set_limit(RLIMIT_NOFILE, c->files)) < 0 || (r = set_limit(RLIMIT_CORE, 0)) < 0 ||
	    (r = set_limit(RLIMIT_FSIZE, c->fsize)) < 0)
		return r;
	if (c->locked && (r = set_locked(c->locked)) < 0)
		return r;
	/* The limit is one of the uid: only useful for a uid of its own. */
	return c->uid != 0 ? set_limit(RLIMIT_NPROC, c->processes) : 0;
}

/*
 * Own namespaces: no network but a loopback that is down, no SysV IPC, nothing to read
 * off the host's cgroup paths, and a mount namespace without the containers' trees.
 */
static int own_namespaces(bool lenient)
{
	if (unshare(NAMESPACES) < 0)
		return lenient && (errno == EPERM || errno == EINVAL) ? 0 : -errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	/* ENOENT, EINVAL: there is none (no jail around us: tests). */
	if (umount2(CONFINE_SHARE, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != ENOENT &&
	    errno != EINVAL)
		return -errno;
	return 0;
}

static int drop_bounding_set(bool lenient)
{
	for (int cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			return 0; /* past the last one that the kernel knows */
		return lenient && errno == EPERM ? 0 : -errno;
	}
	return 0;
}

/* Not through glibc, whose functions signal all threads of a process that this one no longer is. */
static int set_ids(const struct confine_child *c)
{
	if (c->uid == 0)
		return 0;
	if (syscall(SYS_setgroups, c->n_groups, c->groups) < 0 ||
	    syscall(SYS_setresgid, c->gid, c->gid, c->gid) < 0 ||
	    syscall(SYS_setresuid, c->uid, c->uid, c->uid) < 0)
		return -errno;
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	/* Without capabilities in the bounding set exec cannot bring any back, whatever the uid. */
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int confine_child(void *data)
{
	const struct confine_child *c = data;
	bool lenient = c->uid == 0;
	int r;

	r = own_namespaces(lenient);
	if (r < 0)
		return say("namespaces", -r);
	r = set_limits(c);
	if (r < 0)
		return say("resource limits", -r);
	r = drop_bounding_set(lenient);
	if (r < 0)
		return say("bounding set", -r);
	r = set_ids(c);
	if (r < 0)
		return say("user and groups", -r);
	r = drop_capabilities();
	if (r < 0)
		return say("capabilities", -r);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return say("no_new_privs", errno);
	return 0;
}
