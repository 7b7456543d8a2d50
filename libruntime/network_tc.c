/* SPDX-License-Identifier: Apache-2.0 */
/* The taps beside the caller's interfaces, and the redirection between the two. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "libruntime/netns.h"
#include "libruntime/network_vhost.h"
#include "libruntime/network.h"
#include "libruntime/network_macvtap.h"
#include "libruntime/network_tc.h"
#include "wire/watch.h"

#define TAP_NAME WATCH_TAP "%d"

static int nl_failed(int code, const char *what, const char *name, struct err *err)
{
	return err_set(err, EIO, "%s %s: %s", what, name, nl_geterror(code));
}

/* Not persistent: it is gone with the last descriptor. With the header of virtio, as QEMU wants it (tuntap.rst). */
static int open_tap(char name[IFNAMSIZ], struct err *err)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_errno(err, errno, "open /dev/net/tun");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", TAP_NAME);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_errno(err, errno, "make a tap");
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = '\0';
	return take_fd(fd);
}

static int set_up(struct nl_sock *sk, const char *name, uint32_t mtu, int *ret_index,
		  struct err *err)
{
	struct rtnl_link *have = NULL, *want = rtnl_link_alloc();
	int r;

	if (!want)
		return err_errno(err, ENOMEM, "network");
	r = rtnl_link_get_kernel(sk, 0, name, &have);
	if (r >= 0) {
		*ret_index = rtnl_link_get_ifindex(have);
		rtnl_link_set_mtu(want, mtu);
		rtnl_link_set_flags(want, IFF_UP);
		r = rtnl_link_change(sk, have, want, 0);
	}
	if (have)
		rtnl_link_put(have);
	rtnl_link_put(want);
	return r < 0 ? nl_failed(r, "set up", name, err) : 0;
}

static struct rtnl_qdisc *ingress_of(int index)
{
	struct rtnl_qdisc *q = rtnl_qdisc_alloc();

	if (!q)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(q), index);
	rtnl_tc_set_parent(TC_CAST(q), TC_H_INGRESS);
	rtnl_tc_set_handle(TC_CAST(q), TC_HANDLE(0xffff, 0));
	if (rtnl_tc_set_kind(TC_CAST(q), "ingress") >= 0)
		return q;
	rtnl_qdisc_put(q);
	return NULL;
}

static int add_ingress(struct nl_sock *sk, int index)
{
	struct rtnl_qdisc *q = ingress_of(index);
	int r = q ? rtnl_qdisc_add(sk, q, NLM_F_CREATE | NLM_F_EXCL) : -NLE_NOMEM;

	if (q)
		rtnl_qdisc_put(q);
	return r;
}

static int remove_ingress(struct nl_sock *sk, int index)
{
	struct rtnl_qdisc *q = ingress_of(index);
	int r = q ? rtnl_qdisc_delete(sk, q) : -NLE_NOMEM;

	if (q)
		rtnl_qdisc_put(q);
	return r;
}

struct rtnl_cls *network_filter(int index, uint16_t protocol, uint16_t prio)
{
	struct rtnl_cls *cls = rtnl_cls_alloc();

	if (!cls)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(cls), index);
	rtnl_tc_set_parent(TC_CAST(cls), TC_HANDLE(0xffff, 0));
	rtnl_cls_set_protocol(cls, protocol);
	rtnl_cls_set_prio(cls, prio);
	if (rtnl_tc_set_kind(TC_CAST(cls), "u32") >= 0 && rtnl_u32_set_cls_terminal(cls) >= 0)
		return cls;
	rtnl_cls_put(cls);
	return NULL;
}

struct rtnl_act *network_send(int index, int action, int policy)
{
	struct rtnl_act *act = rtnl_act_alloc();

	if (!act)
		return NULL;
	if (rtnl_tc_set_kind(TC_CAST(act), "mirred") >= 0 &&
	    rtnl_mirred_set_action(act, action) >= 0 && rtnl_mirred_set_policy(act, policy) >= 0 &&
	    rtnl_mirred_set_ifindex(act, (uint32_t)index) >= 0)
		return act;
	rtnl_act_put(act);
	return NULL;
}

/* Everything that arrives on one leaves by the other. */
static int redirect(struct nl_sock *sk, int from, int to)
{
	struct rtnl_cls *cls = network_filter(from, ETH_P_ALL, NETWORK_PRIO_REST);
	struct rtnl_act *act = network_send(to, TCA_EGRESS_REDIR, TC_ACT_STOLEN);
	int r = cls && act ? 0 : -NLE_NOMEM;

	if (r >= 0)
		r = rtnl_u32_add_key_uint8(cls, 0, 0, 0, 0);
	if (r >= 0)
		r = rtnl_u32_add_action(cls, act);
	if (r >= 0)
		r = rtnl_cls_add(sk, cls, NLM_F_CREATE | NLM_F_EXCL);
	if (cls)
		rtnl_cls_put(cls);
	if (act)
		rtnl_act_put(act);
	return r;
}

int network_redirected_to(struct nl_sock *sk, int index, int *ret)
{
	struct nl_cache *all;
	struct nl_object *o;
	int r = rtnl_cls_alloc_cache(sk, index, TC_HANDLE(0xffff, 0), &all);

	if (r < 0)
		return r;
	for (o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
		struct rtnl_cls *cls = (struct rtnl_cls *)o;
		struct rtnl_act *act = NULL;

		if (rtnl_cls_get_prio(cls) == NETWORK_PRIO_REST &&
		    strcmp(rtnl_tc_get_kind(TC_CAST(cls)) ?: "", "u32") == 0)
			act = rtnl_u32_get_action(cls);
		/* Borrowed from cls. */
		if (act)
			*ret = (int)rtnl_mirred_get_ifindex(act);
	}
	nl_cache_free(all);
	return 0;
}

static int attach_one(struct nl_sock *sk, struct network_interface *i, struct err *err)
{
	char name[IFNAMSIZ];
	int index = 0, r;

	r = open_tap(name, err);
	if (r < 0)
		return r;
	i->tap = r;
	r = set_up(sk, name, i->mtu, &index, err);
	if (r < 0)
		return r;
	r = add_ingress(sk, i->index);
	if (r == -NLE_EXIST)
		return err_set(err, EEXIST,
			       "network interface %s has an ingress qdisc: another runtime uses it",
			       i->name);
	if (r < 0)
		return nl_failed(r, "ingress qdisc of", i->name, err);
	i->redirected = true;
	if ((r = add_ingress(sk, index)) < 0 || (r = redirect(sk, i->index, index)) < 0 ||
	    (r = redirect(sk, index, i->index)) < 0)
		return nl_failed(r, "redirect packets of", i->name, err);
	return 0;
}

int network_attach(struct network *n, struct err *err)
{
	struct netns in = { .home = -EBADF };
	struct nl_sock *sk;
	int r;

	if (n->n == 0)
		return 0;
	r = netns_enter(n->netns, &in, err);
	if (r < 0)
		return r;
	sk = nl_socket_alloc();
	r = sk ? nl_connect(sk, NETLINK_ROUTE) : -NLE_NOMEM;
	r = r < 0 ? nl_failed(r, "connect to", "the kernel", err) : 0;
	for (size_t i = 0; r >= 0 && i < n->n; i++)
		r = n->v[i].socket ? network_connect_socket(&n->v[i], err) :
		    n->macvtap     ? network_macvtap_attach(sk, &n->v[i], err) :
				     attach_one(sk, &n->v[i], err);
	nl_socket_free(sk);
	netns_leave(&in);
	return r < 0 ? err_wrap(err, "network namespace '%s'", n->netns) : 0;
}

void network_release(const char *netns, char *const *names)
{
	struct netns in = { .home = -EBADF };
	struct nl_sock *sk;

	/* Callers take the namespace away before or after: then there is nothing to undo. */
	if (!netns || !names || !*names || netns_enter(netns, &in, NULL) < 0)
		return;
	sk = nl_socket_alloc();
	if (sk && nl_connect(sk, NETLINK_ROUTE) >= 0)
		for (; *names; names++) {
			unsigned int index = if_nametoindex(*names);

			if (!index)
				continue;
			(void)remove_ingress(sk, (int)index);
			network_macvtap_remove(sk, (int)index);
		}
	nl_socket_free(sk);
	netns_leave(&in);
}

void network_detach(const struct network *n)
{
	char *names[NETWORK_MAX + 1] = { NULL };
	size_t k = 0;

	for (size_t i = 0; i < n->n; i++)
		if (n->v[i].redirected)
			names[k++] = (char *)n->v[i].name;
	network_release(n->netns, names);
}
