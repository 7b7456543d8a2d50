/* SPDX-License-Identifier: Apache-2.0 */
/* container.network: interfaces, addresses and routes of a container, as its kernel has them. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/container.h"
#include "agent/join.h"
#include "agent/netlink.h"
#include "agent/server.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/num.h"

#define LIST_MAX 1024 /* of each, so that the answer fits into a frame: what is more is left out */

struct listing {
	json_t *interfaces, *routes; /* interfaces: with "index", until the end */
	size_t n_addresses;
};

/* Attributes by number; those above max are of no interest. */
static void attributes(const struct nlmsghdr *h, size_t body, const struct rtattr **ret,
		       unsigned int max)
{
	const char *at = (const char *)h + NLMSG_LENGTH(body);
	ssize_t left = (ssize_t)h->nlmsg_len - (ssize_t)NLMSG_LENGTH(body);

	for (const struct rtattr *a = (const struct rtattr *)(const void *)at; RTA_OK(a, left);
	     a = RTA_NEXT(a, left))
		if (a->rta_type <= max)
			ret[a->rta_type] = a;
}

/* 0 if it is not there. */
static uint32_t number(const struct rtattr *a)
{
	uint32_t v = 0;

	if (a && RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

/* An address, NULL: none. bits: of its prefix, below 0 for none. */
static json_t *address(const struct rtattr *a, int family, int bits)
{
	char text[INET6_ADDRSTRLEN];
	size_t len = family == AF_INET ? 4 : 16;

	if (!a || RTA_PAYLOAD(a) < len || !inet_ntop(family, RTA_DATA(a), text, sizeof(text)))
		return NULL;
	return bits < 0 ? json_string(text) : json_sprintf("%s/%d", text, bits);
}

static json_t *find_index(const json_t *list, int64_t index)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (js_get_int(v, "index", -1) == index)
			return v;
	return NULL;
}

static void put_mac(json_t *o, const struct rtattr *a)
{
	unsigned char mac[6];

	if (!a || RTA_PAYLOAD(a) != sizeof(mac))
		return;
	memcpy(mac, RTA_DATA(a), sizeof(mac));
	json_object_set_new(o, "mac",
			    json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
					 mac[3], mac[4], mac[5]));
}

static int on_link(void *data, const struct nlmsghdr *h)
{
	struct listing *l = data;
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *a[IFLA_MTU + 1] = { NULL };
	char name[IFNAMSIZ] = "";
	json_t *o;

	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    json_array_size(l->interfaces) >= LIST_MAX)
		return 0;
	attributes(h, sizeof(*info), a, IFLA_MTU);
	if (!a[IFLA_IFNAME])
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)RTA_PAYLOAD(a[IFLA_IFNAME]),
		 (const char *)RTA_DATA(a[IFLA_IFNAME]));
	o = json_pack("{s:s, s:i, s:I, s:b, s:[]}", "name", name, "index", info->ifi_index, "mtu",
		      (json_int_t)number(a[IFLA_MTU]), "up", (int)!!(info->ifi_flags & IFF_UP),
		      "addresses");
	if (o && info->ifi_type == ARPHRD_ETHER)
		put_mac(o, a[IFLA_ADDRESS]);
	return json_array_append_new(l->interfaces, o) < 0 ? -ENOMEM : 0;
}

static int on_address(void *data, const struct nlmsghdr *h)
{
	struct listing *l = data;
	const struct ifaddrmsg *info = NLMSG_DATA(h);
	const struct rtattr *a[IFA_LOCAL + 1] = { NULL };
	json_t *list, *o;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return 0;
	attributes(h, sizeof(*info), a, IFA_LOCAL);
	list = json_object_get(find_index(l->interfaces, info->ifa_index), "addresses");
	/* Of a tunnel IFA_ADDRESS is the other end. */
	o = address(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], info->ifa_family,
		    info->ifa_prefixlen);
	if (list && o && l->n_addresses++ < LIST_MAX)
		return json_array_append_new(list, o) < 0 ? -ENOMEM : 0;
	json_decref(o);
	return 0;
}

static json_t *destination(const struct rtmsg *info, const struct rtattr *a)
{
	return info->rtm_dst_len == 0 ? json_string("default") :
					address(a, info->rtm_family, info->rtm_dst_len);
}

static int on_route(void *data, const struct nlmsghdr *h)
{
	struct listing *l = data;
	const struct rtmsg *info = NLMSG_DATA(h);
	const struct rtattr *a[RTA_TABLE + 1] = { NULL };
	const char *dev;
	json_t *o;

	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6) ||
	    info->rtm_type != RTN_UNICAST || info->rtm_flags & RTM_F_CLONED)
		return 0;
	attributes(h, sizeof(*info), a, RTA_TABLE);
	dev = js_get_str(find_index(l->interfaces, number(a[RTA_OIF])), "name");
	if ((a[RTA_TABLE] ? number(a[RTA_TABLE]) : info->rtm_table) != RT_TABLE_MAIN || !dev ||
	    json_array_size(l->routes) >= LIST_MAX)
		return 0;
	o = json_pack("{s:o*, s:o*, s:s, s:o*, s:I, s:i}", "to", destination(info, a[RTA_DST]),
		      "via", address(a[RTA_GATEWAY], info->rtm_family, -1), "dev", dev, "source",
		      address(a[RTA_PREFSRC], info->rtm_family, -1), "metric",
		      (json_int_t)number(a[RTA_PRIORITY]), "family",
		      info->rtm_family == AF_INET6 ? 6 : 4);
	return json_array_append_new(l->routes, o) < 0 ? -ENOMEM : 0;
}

static int list_all(struct netlink *nl, struct listing *l, struct err *err)
{
	int r = netlink_dump(nl, RTM_GETLINK, AF_UNSPEC, on_link, l, err);

	if (r >= 0)
		r = netlink_dump(nl, RTM_GETADDR, AF_UNSPEC, on_address, l, err);
	return r < 0 ? r : netlink_dump(nl, RTM_GETROUTE, AF_UNSPEC, on_route, l, err);
}

/* A socket of the container's network namespace, whosever that is. */
static int open_there(const struct container *c, struct netlink *ret, struct err *err)
{
	const struct joins there = join_network(c->init->pidfd);
	int r = join_enter(c->agent, &there);

	if (r < 0)
		return err_errno(err, -r, "network namespace of the container");
	r = netlink_open(ret, err);
	join_leave(c->agent, &there);
	return r;
}

CONTAINER_REQUEST(container_network)
{
	struct container *c = container_param(a, params, err);
	_json_ json_t *interfaces = json_array(), *routes = json_array();
	struct listing l = { interfaces, routes, 0 };
	struct netlink nl;
	json_t *v;
	size_t i;
	int r;

	(void)asked;
	if (!c)
		return -ENOENT;
	if (!c->init || (c->state != CONTAINER_CREATED && c->state != CONTAINER_RUNNING))
		return err_set(err, ESRCH, "container not running");
	r = open_there(c, &nl, err);
	if (r < 0)
		return r;
	r = list_all(&nl, &l, err);
	netlink_close(&nl);
	if (r < 0)
		return r;
	json_array_foreach(interfaces, i, v)
		json_object_del(v, "index");
	*ret_result = json_pack("{s:O, s:O}", "interfaces", interfaces, "routes", routes);
	return 0;
}
