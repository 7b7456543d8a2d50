// SPDX-License-Identifier: Apache-2.0
#include "standin/world.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

/* ---- namespaces ---- */

/* Joins the namespace behind fd, or makes a new one with fd < 0. */
static int enter(int fd, int type, const char *name, struct err *err)
{
	if (fd >= 0 && setns(fd, type) < 0)
		return err_errno(err, errno, "join %s namespace", name);
	if (fd < 0 && unshare(type) < 0)
		return err_errno(err, errno, "new %s namespace", name);
	return 0;
}

/* A new network namespace has its loopback device down. */
static int loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return sock < 0 || ioctl(sock, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

/* True if fd is the namespace that the command, and so most likely the host, lives in. */
static bool is_own_uts(int fd)
{
	struct stat own, st;

	return fstat(fd, &st) == 0 && stat("/proc/self/ns/uts", &own) == 0 &&
	       st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

static int set_names(struct setup *s, struct err *err)
{
	if (s->hostname && *s->hostname && sethostname(s->hostname, strlen(s->hostname)) < 0)
		return err_errno(err, errno, "set hostname '%s'", s->hostname);
	if (s->domainname && *s->domainname &&
	    setdomainname(s->domainname, strlen(s->domainname)) < 0)
		return err_errno(err, errno, "set domainname '%s'", s->domainname);
	return 0;
}

/*
 * A mount namespace of its own, with "/" being its root: the command may live
 * in a chroot, and who joins the namespace later starts at its root, wherever ours is.
 */
static int enter_mount_namespace(struct err *err)
{
	int r = enter(-EBADF, CLONE_NEWNS, "mount", err);

	if (r < 0)
		return r;
	_close_ int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return err_errno(err, errno, "open own mount namespace");
	return enter(own, CLONE_NEWNS, "own mount", err);
}

static int enter_namespaces(struct setup *s, struct err *err)
{
	bool host_uts = s->utsns >= 0 && is_own_uts(setup_fd(s, s->utsns));
	int r;

	/* Network and IPC first: sysfs and mqueue show those of their mounter. */
	r = enter(setup_fd(s, s->netns), CLONE_NEWNET, "network", err);
	if (r == 0)
		r = enter(setup_fd(s, s->ipcns), CLONE_NEWIPC, "ipc", err);
	if (r == 0)
		r = enter(setup_fd(s, s->utsns), CLONE_NEWUTS, "uts", err);
	if (r == 0)
		r = enter_mount_namespace(err);
	if (r < 0)
		return r;
	if (s->netns < 0) {
		r = loopback_up();
		if (r < 0)
			setup_warn(s, "bring up the loopback device: %s", err_str(-r));
	}
	if (host_uts) {
		if (s->hostname && *s->hostname)
			setup_warn(s, "hostname not set: the uts namespace is the host's");
		return 0;
	}
	return set_names(s, err);
}

/* ---- the mount tree ---- */

/*
 * Makes the tree that lies on top of "/" the root, and the host's go away.
 * Where the host's root is the kernel's initial ramfs, which cannot be pivoted,
 * it stays beneath, unreachable: joining the namespace leads to the top.
 */
static int change_root(int rootfd, struct err *err)
{
	if (fchdir(rootfd) < 0)
		return err_errno(err, errno, "enter root file system");
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		/* The old root now lies on top of the new one at "/". */
		if (umount2(".", MNT_DETACH) < 0)
			return err_errno(err, errno, "detach the host's root");
	} else if (errno != EINVAL) {
		return err_errno(err, errno, "pivot_root");
	} else if (chroot(".") < 0) {
		return err_errno(err, errno, "change root");
	}
	if (chdir("/") < 0)
		return err_errno(err, errno, "enter new root");
	return 0;
}

static int build(struct setup *s, struct err *err)
{
	struct mount_attr harmless = WORLD_TREE_ATTR;
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
	int rootfd = setup_fd(s, s->root.fd), r;

	r = enter_namespaces(s, err);
	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return err_errno(err, errno, "make the host's mounts slaves");
	if (mount_setattr(rootfd, "", AT_EMPTY_PATH | AT_RECURSIVE, &harmless, sizeof(harmless)) < 0)
		return err_errno(err, errno, "restrict root file system");
	/* On top of "/": needs no directory that the host might lack. Our own root stays what it was until the end. */
	if (move_mount(rootfd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(err, errno, "mount root file system");
	for (size_t i = 0; i < s->n_mounts; i++) {
		r = mount_entry(s, rootfd, &s->mounts[i], err);
		if (r < 0)
			return r;
	}
	r = change_root(rootfd, err);
	if (r < 0)
		return r;
	if (s->root.readonly &&
	    mount_setattr(rootfd, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0)
		return err_errno(err, errno, "make root file system read-only");
	return 0;
}

static int join(struct setup *s, struct err *err)
{
	const struct {
		int32_t index;
		int type;
		const char *name;
	} rows[] = {
		{ s->join.net, CLONE_NEWNET, "network" },
		{ s->join.ipc, CLONE_NEWIPC, "ipc" },
		{ s->join.uts, CLONE_NEWUTS, "uts" },
		{ s->join.mnt, CLONE_NEWNS, "mount" }, /* last: it changes the root */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = rows[i].index < 0 ?
				0 :
				enter(setup_fd(s, rows[i].index), rows[i].type, rows[i].name, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int world_enter(struct setup *s, struct err *err)
{
	return s->has_join ? join(s, err) : build(s, err);
}
