/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/hotplug.h"
#include "agent/netlink.h"
#include "base/cleanup.h"
#include "base/json.h"

#define INTERFACES_MAX 32

static int addresses(struct netlink *nl, int index, const json_t *list, struct err *err)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		int r = netlink_add_address(nl, index, json_string_value(v), err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int neighbours(struct netlink *nl, int index, const json_t *list, struct err *err)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		int r = netlink_add_neighbour(nl, index, js_get_str(v, "to"), js_get_str(v, "mac"),
					      err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Out of the way of its final name, which another may have from the kernel. */
static int find(struct netlink *nl, const json_t *o, int *ret_index, struct err *err)
{
	const char *port = js_get_str(o, "port"), *name = js_get_str(o, "name");
	char have[IFNAMSIZ] = "", aside[IFNAMSIZ];
	int r;

	if (!port || !name)
		return err_set(err, EINVAL, "network: an interface has a port and a name");
	r = hotplug_wait_net(port, ret_index, err);
	if (r < 0 || !if_indextoname((unsigned int)*ret_index, have) || strcmp(have, name) == 0)
		return r;
	snprintf(aside, sizeof(aside), "moat%d", *ret_index);
	return netlink_set_link(nl, *ret_index, aside, 0, err);
}

static int configure(struct netlink *nl, const json_t *o, int index, struct err *err)
{
	const char *name = js_get_str(o, "name");
	char have[IFNAMSIZ] = "";
	int r;

	if_indextoname((unsigned int)index, have);
	r = netlink_set_link(nl, index, strcmp(have, name) != 0 ? name : NULL,
			     (uint32_t)js_get_int(o, "mtu", 0), err);
	if (r >= 0)
		r = netlink_set_up(nl, index, err);
	if (r >= 0)
		r = addresses(nl, index, json_object_get(o, "addresses"), err);
	return r < 0 ? r : neighbours(nl, index, json_object_get(o, "neighbours"), err);
}

/* Those that lead to a gateway need the others first. */
static int routes(struct netlink *nl, const json_t *list, bool gateways, struct err *err)
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

		if (!route.to || !route.index)
			return err_set(err, EINVAL,
				       "network: a route has a destination and an interface");
		if (!!route.via != gateways)
			continue;
		r = netlink_add_route(nl, &route, err);
		if (r < 0)
			return r;
	}
	return 0;
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

int network_configure(const json_t *network, struct err *err)
{
	const json_t *list = json_object_get(network, "interfaces"), *v;
	int index[INTERFACES_MAX] = { 0 }, r;
	struct netlink nl;
	size_t i;

	if (json_array_size(list) == 0)
		return 0;
	if (json_array_size(list) > INTERFACES_MAX)
		return err_set(err, E2BIG, "network: more than %d interfaces", INTERFACES_MAX);
	r = netlink_open(&nl, err);
	if (r < 0)
		return r;
	json_array_foreach(list, i, v) {
		r = find(&nl, v, &index[i], err);
		if (r < 0)
			break;
	}
	for (i = 0; r >= 0 && i < json_array_size(list); i++)
		r = configure(&nl, json_array_get(list, i), index[i], err);
	if (r >= 0)
		r = routes(&nl, json_object_get(network, "routes"), false, err);
	if (r >= 0)
		r = routes(&nl, json_object_get(network, "routes"), true, err);
	netlink_close(&nl);
	return r;
}
