/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at the caller's network; what is done to it is in network_tc.c. */
#include "libruntime/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "libruntime/netns.h"
#include "wire/watch.h"

#define RECORDS_MAX 4096 /* addresses, routes or neighbours: more are refused rather than cut */

static int nl_failed(int code, const char *what, struct err *err)
{
	return err_set(err, EIO, "%s: %s", what, nl_geterror(code));
}

/* Calls fn with each object of a cache of this kind until one fails. */
static int each(struct nl_cache *cache,
		int (*fn)(struct network *n, struct nl_object *o, struct err *err),
		struct network *n, struct err *err)
{
	int r = 0;

	if (nl_cache_nitems(cache) > RECORDS_MAX)
		return err_set(err, E2BIG,
			       "the network namespace has more than %d entries of a kind",
			       RECORDS_MAX);
	for (struct nl_object *o = nl_cache_get_first(cache); o && r >= 0; o = nl_cache_get_next(o))
		r = fn(n, o, err);
	return r;
}

static struct network_interface *by_index(struct network *n, int index)
{
	for (size_t i = 0; i < n->n; i++)
		if (n->v[i].index == index)
			return &n->v[i];
	return NULL;
}

/* "10.0.0.2/16"; libnl leaves a full prefix out. */
static void address_text(struct nl_addr *a, bool prefix, char *ret, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";

	inet_ntop(nl_addr_get_family(a), nl_addr_get_binary_addr(a), host, sizeof(host));
	if (prefix)
		snprintf(ret, size, "%s/%u", host, nl_addr_get_prefixlen(a));
	else
		snprintf(ret, size, "%s", host);
}

/* What a network card can stand for. */
static bool is_card(struct rtnl_link *l)
{
	struct nl_addr *mac = rtnl_link_get_addr(l);

	return rtnl_link_get_arptype(l) == ARPHRD_ETHER && mac && nl_addr_get_len(mac) == 6;
}

static bool is_internal(struct rtnl_link *l)
{
	return rtnl_link_get_flags(l) & IFF_LOOPBACK || watch_is_own(rtnl_link_get_name(l));
}

static int add_link(struct network *n, struct nl_object *o, struct err *err)
{
	struct rtnl_link *l = (struct rtnl_link *)o;
	struct network_interface *i;

	if (!is_card(l) || is_internal(l))
		return 0;
	if (n->n == NETWORK_MAX)
		return err_set(err, E2BIG, "more than %d network interfaces", NETWORK_MAX);
	i = &n->v[n->n++];
	*i = (struct network_interface){ .index = rtnl_link_get_ifindex(l),
					 .mtu = rtnl_link_get_mtu(l),
					 .addresses = json_array(),
					 .neighbours = json_array(),
					 .tap = -EBADF };
	snprintf(i->name, sizeof(i->name), "%s", rtnl_link_get_name(l));
	nl_addr2str(rtnl_link_get_addr(l), i->mac, sizeof(i->mac));
	return i->addresses && i->neighbours ? 0 : err_errno(err, ENOMEM, "network");
}

/* The guest makes its own link-local address, from the same MAC. */
static bool is_link_local(struct rtnl_addr *a)
{
	return rtnl_addr_get_family(a) == AF_INET6 && rtnl_addr_get_scope(a) == RT_SCOPE_LINK;
}

/* One that has a part in the network, and that the guest would be without: a tunnel, for example. Those that the kernel puts there by itself are down. */
static int check_kinds(struct nl_cache *links, struct nl_cache *addrs, struct err *err)
{
	int r = 0;

	for (struct nl_object *o = nl_cache_get_first(addrs); o && r >= 0; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)o;
		struct rtnl_link *l = rtnl_link_get(links, rtnl_addr_get_ifindex(a));

		if (l && !is_card(l) && !is_internal(l) && !is_link_local(a) &&
		    rtnl_link_get_flags(l) & IFF_UP)
			r = err_set(
				err, ENOTSUP,
				"interface '%s' is of a kind (%s) that a virtual machine cannot have: it is no Ethernet",
				rtnl_link_get_name(l), rtnl_link_get_type(l) ?: "unknown");
		if (l)
			rtnl_link_put(l);
	}
	return r;
}

static int add_address(struct network *n, struct nl_object *o, struct err *err)
{
	struct rtnl_addr *a = (struct rtnl_addr *)o;
	struct network_interface *i = by_index(n, rtnl_addr_get_ifindex(a));
	struct nl_addr *local = rtnl_addr_get_local(a);
	char text[64];

	if (!i || !local || is_link_local(a))
		return 0;
	if (rtnl_addr_get_family(a) != AF_INET && rtnl_addr_get_family(a) != AF_INET6)
		return 0;
	address_text(local, false, text, sizeof(text) - 8);
	snprintf(strchr(text, '\0'), 8, "/%d", rtnl_addr_get_prefixlen(a));
	return json_array_append_new(i->addresses, json_string(text)) < 0 ?
		       err_errno(err, ENOMEM, "network") :
		       0;
}

static void set_address(json_t *o, const char *key, struct nl_addr *a)
{
	char text[64];

	if (!a || nl_addr_iszero(a))
		return;
	address_text(a, false, text, sizeof(text));
	json_object_set_new(o, key, json_string(text));
}

static int add_route(struct network *n, struct nl_object *o, struct err *err)
{
	struct rtnl_route *r = (struct rtnl_route *)o;
	struct nl_addr *to = rtnl_route_get_dst(r);
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(r, 0);
	struct network_interface *i = hop ? by_index(n, rtnl_route_nh_get_ifindex(hop)) : NULL;
	int family = rtnl_route_get_family(r);
	char text[64] = "default";
	json_t *out;

	/* What the kernel made of the addresses it makes again in the guest. */
	if (!i || rtnl_route_get_table(r) != RT_TABLE_MAIN ||
	    rtnl_route_get_type(r) != RTN_UNICAST || rtnl_route_get_protocol(r) == RTPROT_KERNEL ||
	    rtnl_route_get_nnexthops(r) != 1 || (family != AF_INET && family != AF_INET6))
		return 0;
	if (to && nl_addr_get_len(to) > 0 && nl_addr_get_prefixlen(to) > 0)
		address_text(to, true, text, sizeof(text));
	out = json_pack("{s:s, s:s, s:i, s:b}", "to", text, "dev", i->name, "family",
			family == AF_INET ? 4 : 6, "onlink",
			(int)!!(rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK));
	if (!out)
		return err_errno(err, ENOMEM, "network");
	set_address(out, "via", rtnl_route_nh_get_gateway(hop));
	set_address(out, "source", rtnl_route_get_pref_src(r));
	if (rtnl_route_get_priority(r))
		json_object_set_new(out, "metric", json_integer(rtnl_route_get_priority(r)));
	json_array_append_new(n->routes, out);
	return 0;
}

static int add_neighbour(struct network *n, struct nl_object *o, struct err *err)
{
	struct rtnl_neigh *g = (struct rtnl_neigh *)o;
	struct network_interface *i = by_index(n, rtnl_neigh_get_ifindex(g));
	struct nl_addr *to = rtnl_neigh_get_dst(g), *mac = rtnl_neigh_get_lladdr(g);
	char text[64], mac_text[32];

	(void)err;
	if (!i || !to || !mac || nl_addr_get_len(mac) != 6 ||
	    !(rtnl_neigh_get_state(g) & NUD_PERMANENT))
		return 0;
	address_text(to, false, text, sizeof(text));
	nl_addr2str(mac, mac_text, sizeof(mac_text));
	json_array_append_new(i->neighbours, json_pack("{s:s, s:s}", "to", text, "mac", mac_text));
	return 0;
}

static int read_all(struct nl_sock *sk, struct network *n, bool strict, struct err *err)
{
	struct nl_cache *links = NULL, *addrs = NULL, *routes = NULL, *neighbours = NULL;
	int r;

	if ((r = rtnl_link_alloc_cache(sk, AF_UNSPEC, &links)) < 0 ||
	    (r = rtnl_addr_alloc_cache(sk, &addrs)) < 0 ||
	    (r = rtnl_route_alloc_cache(sk, AF_UNSPEC, 0, &routes)) < 0 ||
	    (r = rtnl_neigh_alloc_cache(sk, &neighbours)) < 0)
		r = nl_failed(r, "read the network", err);
	if (r >= 0)
		r = each(links, add_link, n, err);
	if (r >= 0)
		r = each(addrs, add_address, n, err);
	if (r >= 0 && strict)
		r = check_kinds(links, addrs, err);
	if (r >= 0)
		r = each(routes, add_route, n, err);
	if (r >= 0)
		r = each(neighbours, add_neighbour, n, err);
	if (links)
		nl_cache_free(links);
	if (addrs)
		nl_cache_free(addrs);
	if (routes)
		nl_cache_free(routes);
	if (neighbours)
		nl_cache_free(neighbours);
	return r;
}

static void keep(struct network *n,
		 bool (*wanted)(const struct network_interface *i, char *const *names),
		 char *const *names)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->n; i++) {
		if (wanted(&n->v[i], names)) {
			n->v[kept++] = n->v[i];
			continue;
		}
		json_decref(n->v[i].addresses);
		json_decref(n->v[i].neighbours);
	}
	n->n = kept;
}

static bool has_address(const struct network_interface *i, char *const *names)
{
	(void)names;
	return json_array_size(i->addresses) > 0;
}

static bool is_new(const struct network_interface *i, char *const *names)
{
	for (; names && *names; names++)
		if (strcmp(*names, i->name) == 0)
			return false;
	return true;
}

void network_leave_out_idle(struct network *n)
{
	keep(n, has_address, NULL);
}

static bool has_interface(const struct network *n, const char *name)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->v[i].name, name) == 0)
			return true;
	return false;
}

void network_leave_out(struct network *n, char *const *names)
{
	keep(n, is_new, names);
	for (size_t i = json_array_size(n->routes); i-- > 0;)
		if (!has_interface(n, js_get_str(json_array_get(n->routes, i), "dev")))
			json_array_remove(n->routes, i);
}

/* strict: what no VM can have is an error. */
static int scan(const char *netns, bool strict, struct network *ret, struct err *err)
{
	struct netns in = { .home = -EBADF };
	struct network n = { 0 };
	struct nl_sock *sk;
	int r;

	*ret = n;
	if (!netns)
		return 0;
	r = netns_enter(netns, &in, err);
	if (r < 0)
		return r;
	n.netns = strdup(netns);
	n.routes = json_array();
	sk = nl_socket_alloc();
	r = n.netns && n.routes && sk ? nl_connect(sk, NETLINK_ROUTE) : -NLE_NOMEM;
	r = r < 0 ? nl_failed(r, "read the network", err) : read_all(sk, &n, strict, err);
	nl_socket_free(sk);
	netns_leave(&in);
	if (r < 0) {
		network_done(&n);
		return err_wrap(err, "network namespace '%s'", netns);
	}
	*ret = n;
	return 0;
}

int network_scan_all(const char *netns, struct network *ret, struct err *err)
{
	return scan(netns, false, ret, err);
}

int network_scan(const char *netns, struct network *ret, struct err *err)
{
	int r = scan(netns, true, ret, err);

	if (r >= 0)
		network_leave_out_idle(ret);
	return r;
}

json_t *network_describe(const struct network *n, size_t first)
{
	json_t *list = json_array(), *o;

	for (size_t i = 0; list && i < n->n; i++) {
		const struct network_interface *v = &n->v[i];

		o = json_pack("{s:s, s:I, s:O, s:O}", "name", v->name, "mtu", (json_int_t)v->mtu,
			      "addresses", v->addresses, "neighbours", v->neighbours);
		if (o && *v->plugged.port)
			json_object_set_new(o, "port", json_string(v->plugged.port));
		else if (o)
			json_object_set_new(o, "device",
					    json_integer((json_int_t)first + (json_int_t)i));
		json_array_append_new(list, o);
	}
	return json_pack("{s:o, s:O?}", "interfaces", list, "routes", n->routes);
}

void network_done(struct network *n)
{
	for (size_t i = 0; i < n->n; i++) {
		json_decref(n->v[i].addresses);
		json_decref(n->v[i].neighbours);
		free(n->v[i].socket);
		fd_close(n->v[i].tap);
	}
	json_decref(n->routes);
	free(n->netns);
	*n = (struct network){ 0 };
}
