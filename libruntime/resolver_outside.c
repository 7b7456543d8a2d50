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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "libruntime/netns.h"
#include "libruntime/network_tc.h"
#include "wire/resolver.h"

#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"

/* Offsets in the headers of ARP, and of IP without options and what follows it. */
enum {
	AT_ARP_OPERATION = 6,
	AT_IP_LENGTH = 0,
	AT_IP_PROTOCOL = 9,
	AT_SOURCE_PORT = 20,
	AT_DESTINATION_PORT = 22,
};

int resolver_ports(char ret[RESOLVER_PORTS_SIZE], struct err *err)
{
	_free_ char *text = NULL;
	size_t len;
	int r = io_read_file(AT_FDCWD, PORT_RANGE, RESOLVER_PORTS_SIZE - 1, &text, &len, err);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	snprintf(ret, RESOLVER_PORTS_SIZE, "%s",
		 strtol(text, NULL, 10) == RESOLVER_OUTSIDE_PORT ? "" : text);
	return 0;
}

void resolver_ports_restore(const char *netns, const char *ports)
{
	struct netns in = { .home = -EBADF };
	char now[RESOLVER_PORTS_SIZE];
	struct err err = {};

	/* It may have gone. */
	if (netns_enter(netns, &in, NULL) < 0)
		return;
	if (resolver_ports(now, &err) >= 0 && !*now)
		(void)io_write_string(AT_FDCWD, PORT_RANGE, ports, &err);
	netns_leave(&in);
	if (err.code)
		log_warn("network namespace '%s': %s", netns, err.msg);
}

/* Ports from there on are what sockets of the host's side get when they ask for none. */
static int set_ports_apart(struct err *err)
{
	char text[RESOLVER_PORTS_SIZE];

	snprintf(text, sizeof(text), "%d 65535", RESOLVER_OUTSIDE_PORT);
	return io_write_string(AT_FDCWD, PORT_RANGE, text, err);
}

/* Answers of ARP go to the tap, and on to the host's side. */
static int copy_arp(struct nl_sock *sk, int index, int tap)
{
	struct rtnl_cls *cls = network_filter(index, ETH_P_ARP, NETWORK_PRIO_ARP);
	struct rtnl_act *act = network_send(tap, TCA_EGRESS_MIRROR, TC_ACT_PIPE);
	int r = cls && act ? 0 : -NLE_NOMEM;

	if (r >= 0)
		r = rtnl_u32_add_key_uint16(cls, 2, 0xffff, AT_ARP_OPERATION, 0);
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
	struct rtnl_cls *cls = network_filter(index, ETH_P_IP, prio);
	int r = cls ? 0 : -NLE_NOMEM;

	if (r >= 0)
		r = rtnl_u32_add_key_uint8(cls, 5, 0x0f, AT_IP_LENGTH, 0);
	if (r >= 0)
		r = rtnl_u32_add_key_uint8(cls, protocol, 0xff, AT_IP_PROTOCOL, 0);
	if (r >= 0)
		r = rtnl_u32_add_key_uint16(cls, RESOLVER_PORT, 0xffff, AT_SOURCE_PORT, 0);
	if (r >= 0)
		r = rtnl_u32_add_key_uint16(cls, RESOLVER_OUTSIDE_PORT, RESOLVER_OUTSIDE_PORT,
					    AT_DESTINATION_PORT, 0);
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
