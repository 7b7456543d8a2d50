/* SPDX-License-Identifier: Apache-2.0 */
/*
 * internetworking_model = "macvtap": a macvtap in mode passthru on the caller's interface, which takes whatever arrives there and
 * has its MAC; the interface keeps all that it has. Unlike a tap it does not end with its descriptor: it is removed by its name, which
 * follows from the interface's number. (if_link.h, drivers/net/macvlan.c, Documentation/networking/tuntap.rst.)
 */
#include "libruntime/network_macvtap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/mount.h>
#include <net/if.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/macvtap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/num.h"
#include "wire/watch.h"

#define NAME WATCH_MACVTAP "%d"

static void name_of(int lower, char ret[IFNAMSIZ])
{
	snprintf(ret, IFNAMSIZ, NAME, lower);
}

static int nl_failed(int code, const char *what, const char *name, struct err *err)
{
	return err_set(err, EIO, "%s %s: %s", what, name, nl_geterror(code));
}

/* A file system of its own that is attached nowhere: sysfs shows the network namespace that it is mounted from. */
static int detached(const char *type, struct err *err)
{
	_close_ int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int fd = -1;

	if (fs >= 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) >= 0)
		fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	return fd < 0 ? err_errno(err, errno, "mount a %s", type) : fd;
}

/* "/dev/tapN", whose numbers sysfs knows; the node is made where nobody else is. */
static int open_node(const char *name, int index, struct err *err)
{
	_close_ int sys = detached("sysfs", err), tmp = -EBADF;
	_free_ char *text = NULL;
	uint32_t major, minor;
	char path[96], *colon;
	int r, fd;

	if (sys < 0)
		return sys;
	snprintf(path, sizeof(path), "class/net/%s/macvtap/tap%d/dev", name, index);
	r = io_read_file(sys, path, 64, &text, NULL, err);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	colon = strchr(text, ':');
	if (colon)
		*colon++ = '\0';
	if (!colon || num_u32(text, 0, UINT32_MAX, &major) < 0 ||
	    num_u32(colon, 0, UINT32_MAX, &minor) < 0)
		return err_set(err, EPROTO, "sysfs %s: '%s'", path, text);
	tmp = detached("tmpfs", err);
	if (tmp < 0)
		return tmp;
	if (mknodat(tmp, "tap", S_IFCHR | 0600, makedev(major, minor)) < 0)
		return err_errno(err, errno, "make the node of %s", name);
	fd = openat(tmp, "tap", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? err_errno(err, errno, "open %s", name) : fd;
}

static int make(struct nl_sock *sk, const char *name, const struct network_interface *i)
{
	struct rtnl_link *l = rtnl_link_macvtap_alloc();
	int r = l ? 0 : -NLE_NOMEM;

	if (r >= 0) {
		rtnl_link_set_link(l, i->index);
		rtnl_link_set_name(l, name);
		rtnl_link_set_mtu(l, i->mtu);
		r = rtnl_link_macvtap_set_mode(l, rtnl_link_macvtap_str2mode("passthru"));
	}
	if (r >= 0)
		r = rtnl_link_add(sk, l, NLM_F_CREATE | NLM_F_EXCL);
	if (l)
		rtnl_link_put(l);
	return r;
}

static int change(struct nl_sock *sk, struct rtnl_link *have, bool up)
{
	struct rtnl_link *want = rtnl_link_alloc();
	int r = want ? 0 : -NLE_NOMEM;

	if (r >= 0 && up)
		rtnl_link_set_flags(want, IFF_UP);
	else if (r >= 0)
		r = rtnl_link_inet6_set_addr_gen_mode(want, rtnl_link_inet6_str2addrgenmode("none"));
	if (r >= 0)
		r = rtnl_link_change(sk, have, want, 0);
	if (want)
		rtnl_link_put(want);
	return r;
}

static int set_up(struct nl_sock *sk, const char *name, int *ret_index)
{
	struct rtnl_link *have = NULL;
	int r = rtnl_link_get_kernel(sk, 0, name, &have);

	if (r < 0)
		return r;
	*ret_index = rtnl_link_get_ifindex(have);
	/* The kernel is not to speak with the guest's address; without IPv6 it does not anyway. */
	(void)change(sk, have, false);
	r = change(sk, have, true);
	rtnl_link_put(have);
	return r;
}

int network_macvtap_attach(struct nl_sock *sk, struct network_interface *i, struct err *err)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	_close_ int fd = -EBADF;
	char name[IFNAMSIZ];
	int index = 0, r;

	name_of(i->index, name);
	r = make(sk, name, i);
	if (r == -NLE_EXIST || r == -NLE_BUSY || r == -NLE_INVAL)
		return err_set(
			err, EEXIST,
			"network interface %s cannot have a macvtap: another one, or a bridge, uses it",
			i->name);
	if (r == -NLE_OPNOTSUPP)
		return err_set(err, ENOTSUP,
			       "internetworking_model = \"macvtap\": the kernel has no macvtap");
	if (r < 0)
		return nl_failed(r, "macvtap on", i->name, err);
	i->redirected = true;
	r = set_up(sk, name, &index);
	if (r < 0)
		return nl_failed(r, "set up", name, err);
	fd = open_node(name, index, err);
	if (fd < 0)
		return fd;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_errno(err, errno, "set up %s", name);
	i->tap = take_fd(fd);
	return 0;
}

void network_macvtap_remove(struct nl_sock *sk, int lower)
{
	struct rtnl_link *have = NULL;
	char name[IFNAMSIZ];

	name_of(lower, name);
	if (rtnl_link_get_kernel(sk, 0, name, &have) < 0)
		return;
	/* One of that name that is something else is somebody else's. */
	if (rtnl_link_is_macvtap(have) && rtnl_link_get_link(have) == lower)
		(void)rtnl_link_delete(sk, have);
	rtnl_link_put(have);
}
