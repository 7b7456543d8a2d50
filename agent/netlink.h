/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few rtnetlink(7) requests that a guest's network needs: one message at a time, acknowledged before the
 * next. (libnl has no static archive that would fit into the agent.)
 */
#ifndef MOAT_AGENT_NETLINK_H
#define MOAT_AGENT_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct netlink {
	int fd;
	uint32_t seq;
	bool removing;
};

int netlink_open(struct netlink *nl, struct err *err);
void netlink_close(struct netlink *nl);

/* name (NULL: keep), mtu (0: keep), and up. */
int netlink_set_link(struct netlink *nl, int index, const char *name, uint32_t mtu, struct err *err);
int netlink_set_up(struct netlink *nl, int index, struct err *err);
/* Into another network namespace, with its name; it comes back by itself when that ends. */
int netlink_move_link(struct netlink *nl, int index, int netns, struct err *err);
/* "10.0.0.2/16", of either family. One that is there already is fine. */
int netlink_add_address(struct netlink *nl, int index, const char *address, struct err *err);
int netlink_add_neighbour(struct netlink *nl, int index, const char *to, const char *mac,
			  struct err *err);

struct netlink_route {
	int index;
	int family; /* AF_INET, AF_INET6 */
	const char *to; /* "10.0.0.0/8" or "default" */
	const char *via, *source; /* NULL: none */
	uint32_t metric; /* 0: the kernel's choice */
	int onlink;
};
int netlink_add_route(struct netlink *nl, const struct netlink_route *route, struct err *err);

/* One that is not there any more is fine. */
int netlink_remove_address(struct netlink *nl, int index, const char *address, struct err *err);
int netlink_remove_neighbour(struct netlink *nl, int index, const char *to, const char *mac,
			     struct err *err);
int netlink_remove_route(struct netlink *nl, const struct netlink_route *route, struct err *err);

/*
 * A dump: RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, of one family (AF_UNSPEC: all). Calls fn with each message of the answer, which is as long as it says;
 * a negative return ends it, and is returned.
 */
struct nlmsghdr;
int netlink_dump(struct netlink *nl, uint16_t type, int family,
		 int (*fn)(void *data, const struct nlmsghdr *h), void *data, struct err *err);

#endif
