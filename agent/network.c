/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/agent.h"
#include "agent/hotplug.h"
#include "agent/join.h"
#include "agent/netlink.h"
#include "base/cleanup.h"
#include "base/json.h"

#define INTERFACES_MAX 32

typedef int (*address_fn)(struct netlink *nl, int index, const char *address, struct err *err);
typedef int (*neighbour_fn)(struct netlink *nl, int index, const char *to, const char *mac,
			    struct err *err);
typedef int (*route_fn)(struct netlink *nl, const struct netlink_route *route, struct err *err);

static int addresses(struct netlink *nl, int index, const json_t *list, address_fn change,
		     struct err *err)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		int r = change(nl, index, json_string_value(v), err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int neighbours(struct netlink *nl, int index, const json_t *list, neighbour_fn change,
		      struct err *err)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		int r = change(nl, index, js_get_str(v, "to"), js_get_str(v, "mac"), err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* What an interface has, and before that what it has no longer. */
static int contents(struct netlink *nl, int index, const json_t *o, struct err *err)
{
	const json_t *gone = json_object_get(o, "removed");
	int r = addresses(nl, index, json_object_get(gone, "addresses"), netlink_remove_address,
			  err);

	if (r >= 0)
		r = neighbours(nl, index, json_object_get(gone, "neighbours"),
			       netlink_remove_neighbour, err);
	if (r >= 0)
		r = addresses(nl, index, json_object_get(o, "addresses"), netlink_add_address, err);
	return r < 0 ? r :
		       neighbours(nl, index, json_object_get(o, "neighbours"),
				  netlink_add_neighbour, err);
}

/* An interface on its way to its name. */
struct found {
	int index;
	char name[IFNAMSIZ]; /* for the time being */
};

/* Out of the way of its final name, which another may have from the kernel. */
static int find(struct netlink *nl, const json_t *o, int netns, struct found *ret, struct err *err)
{
	const char *port = js_get_str(o, "port"), *name = js_get_str(o, "name");
	int r;

	if (!name || !*name || strlen(name) >= sizeof(ret->name))
		return err_set(err, EINVAL, "network: an interface has a name");
	/* It is where it belongs already. */
	if (!port) {
		memcpy(ret->name, name, strlen(name) + 1);
		return 0;
	}
	r = hotplug_wait_net(port, &ret->index, err);
	/* Its number can be read a moment before the kernel knows its name; a new name waits for that. */
	if (r >= 0 && !if_indextoname((unsigned int)ret->index, ret->name))
		ret->name[0] = '\0';
	if (r >= 0 && strcmp(ret->name, name) != 0) {
		snprintf(ret->name, sizeof(ret->name), "moat%d", ret->index);
		r = netlink_set_link(nl, ret->index, ret->name, 0, err);
	}
	return r < 0 || netns < 0 ? r : netlink_move_link(nl, ret->index, netns, err);
}

/* An interface of a PCI device of the host's that the kernel has given this name: it gets the next that is free. */
static int make_way(struct netlink *nl, const char *name, int index, struct err *err)
{
	unsigned int other = if_nametoindex(name);

	return other == 0 || other == (unsigned int)index ?
		       0 :
		       netlink_set_link(nl, (int)other, "eth%d", 0, err);
}

static int configure(struct netlink *nl, const json_t *o, const struct found *f, struct err *err)
{
	const char *name = js_get_str(o, "name");
	/* In another namespace it may have another number. */
	int index = (int)if_nametoindex(f->name), r;

	if (!index)
		return err_set(err, ENODEV, "network: there is no interface %s", f->name);
	r = make_way(nl, name, index, err);
	if (r < 0)
		return r;
	r = netlink_set_link(nl, index, strcmp(f->name, name) != 0 ? name : NULL,
			     (uint32_t)js_get_int(o, "mtu", 0), err);
	/* Later it is up to the container. */
	if (r >= 0 && json_object_get(o, "port"))
		r = netlink_set_up(nl, index, err);
	return r < 0 ? r : contents(nl, index, o, err);
}

static int routes(struct netlink *nl, const json_t *list, bool gateways, route_fn change,
		  struct err *err)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *dev = js_get_str(v, "dev");
		struct netlink_route route = {
			.index = dev ? (int)if_nametoindex(dev) : 0,
			.family = js_get_int(v, "family", 4) == 6 ? AF_INET6 : AF_INET,
			.to = js_get_str(v, "to"),
			.via = js_get_str(v, "via"),
			.source = js_get_str(v, "source"),
			.metric = (uint32_t)js_get_int(v, "metric", 0),
			.onlink = js_get_bool(v, "onlink", false),
		};
		int r;

		/* Those of an interface have gone with it. */
		if (change == netlink_remove_route && !route.index)
			continue;
		if (!route.to || !route.index)
			return err_set(err, EINVAL,
				       "network: a route has a destination and an interface");
		if (!!route.via != gateways)
			continue;
		r = change(nl, &route, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Those that lead to a gateway need the others first, and go first. */
static int all_routes(struct netlink *nl, const json_t *list, route_fn change, struct err *err)
{
	bool remove = change == netlink_remove_route;
	int r = routes(nl, list, remove, change, err);

	return r < 0 ? r : routes(nl, list, !remove, change, err);
}

int network_loopback(struct err *err)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		return err_errno(err, errno, "loopback interface");
	ifr.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 ? err_errno(err, errno, "loopback interface") : 0;
}

static int find_all(const json_t *list, int netns, struct found *found, struct err *err)
{
	struct netlink nl;
	const json_t *v;
	size_t i;
	int r = netlink_open(&nl, err);

	if (r < 0)
		return r;
	json_array_foreach(list, i, v) {
		r = find(&nl, v, netns, &found[i], err);
		if (r < 0)
			break;
	}
	netlink_close(&nl);
	return r;
}

static int configure_all(const json_t *network, const struct found *found, struct err *err)
{
	const json_t *list = json_object_get(network, "interfaces");
	struct netlink nl;
	int r = netlink_open(&nl, err);

	if (r < 0)
		return r;
	r = all_routes(&nl, json_object_get(network, "removed"), netlink_remove_route, err);
	for (size_t i = 0; r >= 0 && i < json_array_size(list); i++)
		r = configure(&nl, json_array_get(list, i), &found[i], err);
	if (r >= 0)
		r = all_routes(&nl, json_object_get(network, "routes"), netlink_add_route, err);
	netlink_close(&nl);
	return r;
}

int network_configure(const struct agent *a, const json_t *network, int netns, struct err *err)
{
	const struct joins there = join_network(netns);
	const json_t *list = json_object_get(network, "interfaces");
	struct found found[INTERFACES_MAX] = { 0 };
	int r;

	if (json_array_size(list) == 0 && json_array_size(json_object_get(network, "routes")) == 0 &&
	    json_array_size(json_object_get(network, "removed")) == 0)
		return 0;
	if (json_array_size(list) > INTERFACES_MAX)
		return err_set(err, E2BIG, "network: more than %d interfaces", INTERFACES_MAX);
	r = find_all(list, netns, found, err);
	if (r < 0)
		return r;
	r = join_enter(a, &there);
	if (r < 0)
		return err_errno(err, -r, "network namespace of the container");
	r = configure_all(network, found, err);
	join_leave(a, &there);
	return r;
}

int network_new(const struct agent *a, int *ret_netns, struct err *err)
{
	const struct joins back = { .types = CLONE_NEWNET };
	int fd = -EBADF, r;

	if (unshare(CLONE_NEWNET) < 0)
		return err_errno(err, errno, "new network namespace");
	r = network_loopback(err);
	if (r >= 0)
		fd = openat(a->proc_fd, "self/ns/net", O_RDONLY | O_CLOEXEC);
	if (r >= 0 && fd < 0)
		r = err_errno(err, errno, "new network namespace");
	join_leave(a, &back);
	if (r >= 0)
		*ret_netns = fd;
	return r;
}
