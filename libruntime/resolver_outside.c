/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/resolver_outside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/tc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "libruntime/network_tc.h"
#include "wire/resolver.h"

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

/* Offsets in the headers of ARP, and of IP without options and what follows it. */
enum { ARP_OPERATION = 6, IP_LENGTH = 0, IP_PROTOCOL = 9, SOURCE_PORT = 20, DESTINATION_PORT = 22 };

/* Ports from there on are what sockets of the host's side get when they ask for none. */
static int set_ports_apart(struct err *err)
{
	char text[32];
	int r;

	_close_ int fd = open(PORT_RANGE, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open %s", PORT_RANGE);
	snprintf(text, sizeof(text), "%d 65535", RESOLVER_OUTSIDE_PORT);
	r = io_write_all(fd, text, strlen(text));
	return r < 0 ? err_errno(err, -r, "write %s", PORT_RANGE) : 0;
}

/* A filter that matches everything so far; the caller adds keys, and puts it. */
static struct rtnl_cls *filter_of(int index, uint16_t protocol, uint16_t prio)
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

/* Answers of ARP go to the tap, and on to the host's side. */
static int copy_arp(struct nl_sock *sk, int index, int tap)
{
	struct rtnl_cls *cls = filter_of(index, ETH_P_ARP, NETWORK_PRIO_ARP);
	struct rtnl_act *act = rtnl_act_alloc();
	int r = cls && act ? 0 : -NLE_NOMEM;

	if (r >= 0)
		r = rtnl_tc_set_kind(TC_CAST(act), "mirred");
	if (r >= 0)
		r = rtnl_mirred_set_action(act, TCA_EGRESS_MIRROR);
	if (r >= 0)
		r = rtnl_mirred_set_policy(act, TC_ACT_PIPE);
	if (r >= 0)
		r = rtnl_mirred_set_ifindex(act, (uint32_t)tap);
	if (r >= 0)
		r = rtnl_u32_add_key_uint16(cls, 2, 0xffff, ARP_OPERATION, 0);
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

/* Without an action: it goes where it would go without us. */
static int keep_answers(struct nl_sock *sk, int index, uint8_t protocol, uint16_t prio)
{
	struct rtnl_cls *cls = filter_of(index, ETH_P_IP, prio);
	int r = cls ? 0 : -NLE_NOMEM;

	if (r >= 0)
		r = rtnl_u32_add_key_uint8(cls, 5, 0x0f, IP_LENGTH, 0);
	if (r >= 0)
		r = rtnl_u32_add_key_uint8(cls, protocol, 0xff, IP_PROTOCOL, 0);
	if (r >= 0)
		r = rtnl_u32_add_key_uint16(cls, RESOLVER_PORT, 0xffff, SOURCE_PORT, 0);
	if (r >= 0)
		r = rtnl_u32_add_key_uint16(cls, RESOLVER_OUTSIDE_PORT, RESOLVER_OUTSIDE_PORT,
					    DESTINATION_PORT, 0);
	if (r >= 0)
		r = rtnl_cls_add(sk, cls, NLM_F_CREATE | NLM_F_EXCL);
	if (cls)
		rtnl_cls_put(cls);
	return r;
}

static bool is_there(int r)
{
	return r >= 0 || r == -NLE_EXIST;
}

static int let_out(struct nl_sock *sk, int index)
{
	int tap = 0, r = network_redirected_to(sk, index, &tap);

	if (r < 0 || !tap)
		return r;
	r = copy_arp(sk, index, tap);
	if (is_there(r))
		r = keep_answers(sk, index, IPPROTO_UDP, NETWORK_PRIO_UDP);
	if (is_there(r))
		r = keep_answers(sk, index, IPPROTO_TCP, NETWORK_PRIO_TCP);
	return is_there(r) ? 0 : r;
}

int resolver_let_out(char *const *interfaces, struct err *err)
{
	struct nl_sock *sk;
	int r;

	if (!interfaces || !*interfaces)
		return 0;
	r = set_ports_apart(err);
	if (r < 0)
		return r;
	sk = nl_socket_alloc();
	r = sk ? nl_connect(sk, NETLINK_ROUTE) : -NLE_NOMEM;
	for (; r >= 0 && *interfaces; interfaces++) {
		unsigned int index = if_nametoindex(*interfaces);

		if (index)
			r = let_out(sk, (int)index);
	}
	nl_socket_free(sk);
	return r < 0 ? err_set(err, EIO, "answers for the host's side: %s", nl_geterror(r)) : 0;
}
