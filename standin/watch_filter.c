/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of the kernel's messages matter: those about what network_scan() looks at. Neighbours that are learned, addresses that an
 * interface makes for itself and our own taps come and go without anybody having to run for them.
 */
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "standin/watch.h"
#include "wire/watch.h"

/* The fixed part of a message, NULL if it is too short. */
static const void *body(const struct nlmsghdr *h, size_t size)
{
	return h->nlmsg_len < NLMSG_LENGTH(size) ? NULL : NLMSG_DATA(h);
}

static bool is_named_ours(const struct nlmsghdr *h)
{
	const struct rtattr *a = (const struct rtattr *)(const void *)((const char *)h +
								       NLMSG_LENGTH(sizeof(
									       struct ifinfomsg)));
	size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(struct ifinfomsg));
	char name[IFNAMSIZ] = "";

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_IFNAME && RTA_PAYLOAD(a) <= sizeof(name))
			memcpy(name, RTA_DATA(a), RTA_PAYLOAD(a));
	name[sizeof(name) - 1] = '\0';
	return watch_is_own(name);
}

static bool link_matters(const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = body(h, sizeof(*i));

	return i && !(i->ifi_flags & IFF_LOOPBACK) && !is_named_ours(h);
}

static bool address_matters(const struct nlmsghdr *h)
{
	const struct ifaddrmsg *a = body(h, sizeof(*a));

	return a && !(a->ifa_family == AF_INET6 && a->ifa_scope == RT_SCOPE_LINK);
}

static bool route_matters(const struct nlmsghdr *h)
{
	const struct rtmsg *r = body(h, sizeof(*r));

	return r && r->rtm_table == RT_TABLE_MAIN && r->rtm_type == RTN_UNICAST &&
	       r->rtm_protocol != RTPROT_KERNEL && !(r->rtm_flags & RTM_F_CLONED);
}

/* One that is taken away looks like any that has timed out: that is passed on with the next change. */
static bool neighbour_matters(const struct nlmsghdr *h)
{
	const struct ndmsg *n = body(h, sizeof(*n));

	return n && n->ndm_state & NUD_PERMANENT;
}

static bool message_matters(const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_matters(h);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return address_matters(h);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_matters(h);
	case RTM_NEWNEIGH:
		return neighbour_matters(h);
	default:
		return false;
	}
}

bool watch_matters(const void *datagram, size_t len)
{
	const struct nlmsghdr *h = datagram;

	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len))
		if (message_matters(h))
			return true;
	return false;
}
