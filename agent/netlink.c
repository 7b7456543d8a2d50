/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/num.h"

#define DUMP_BYTES \
	32768 /* what the kernel puts into one datagram at most (Documentation/userspace-api/netlink/intro.rst) */

/* One request: header, the structure of its kind, attributes. */
struct request {
	struct nlmsghdr h;
	char body[512];
};

struct prefix {
	int family;
	uint8_t bytes[16];
	size_t len; /* of bytes */
	uint32_t bits;
};

int netlink_open(struct netlink *nl, struct err *err)
{
	*nl = (struct netlink){ .fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE) };
	return nl->fd < 0 ? err_errno(err, errno, "netlink") : 0;
}

void netlink_close(struct netlink *nl)
{
	nl->fd = fd_close(nl->fd);
}

static void begin(struct request *r, uint16_t type, uint16_t flags, const void *body, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_type = type;
	r->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(r->body, body, len);
}

/* For what is there once: it is made, or changed; while removing: taken away (RTM_DEL* are RTM_NEW* and one). */
static void begin_entry(const struct netlink *nl, struct request *r, uint16_t type,
			const void *body, size_t len)
{
	if (nl->removing)
		begin(r, type + 1, 0, body, len);
	else
		begin(r, type, NLM_F_CREATE | NLM_F_REPLACE, body, len);
}

/* Everything that is put fits: a handful of addresses and a name. */
static void put(struct request *r, uint16_t type, const void *data, size_t len)
{
	size_t at = NLMSG_ALIGN(r->h.nlmsg_len);
	struct rtattr *a = (struct rtattr *)(void *)((char *)r + at);

	if (at + RTA_SPACE(len) > sizeof(*r))
		return;
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	r->h.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

/* 0, or the kernel's -errno. */
static int talk(struct netlink *nl, struct request *r)
{
	char buf[4096] __attribute__((aligned(8)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)(void *)buf;
	ssize_t n;

	r->h.nlmsg_seq = ++nl->seq;
	if (send(nl->fd, r, r->h.nlmsg_len, 0) < 0)
		return -errno;
	do
		n = recv(nl->fd, buf, sizeof(buf), 0);
	while (n < 0 && errno == EINTR);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || h->nlmsg_type != NLMSG_ERROR ||
	    h->nlmsg_seq != r->h.nlmsg_seq)
		return n < 0 ? -errno : -EPROTO;
	return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

static int talk_entry(struct netlink *nl, struct request *r)
{
	int rc = talk(nl, r);

	return nl->removing && (rc == -EADDRNOTAVAIL || rc == -ENOENT || rc == -ESRCH) ? 0 : rc;
}

static int parse_prefix(const char *text, struct prefix *ret)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix p = { 0 };

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	p.family = strchr(host, ':') ? AF_INET6 : AF_INET;
	p.len = p.family == AF_INET ? 4 : 16;
	p.bits = (uint32_t)p.len * 8;
	if (inet_pton(p.family, host, p.bytes) != 1)
		return -EINVAL;
	if (slash && num_u32(slash + 1, 0, p.bits, &p.bits) < 0)
		return -EINVAL;
	*ret = p;
	return 0;
}

static int parse_mac(const char *text, uint8_t ret[6])
{
	for (int i = 0; i < 6; i++) {
		char *end;
		unsigned long v = strtoul(text, &end, 16);

		if (end != text + 2 || *end != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		ret[i] = (uint8_t)v;
		text = end + 1;
	}
	return 0;
}

static int bad(struct err *err, const char *what, const char *text)
{
	return err_set(err, EINVAL, "network: %s \"%s\" is none", what, text ? text : "");
}

int netlink_move_link(struct netlink *nl, int index, int netns, struct err *err)
{
	struct ifinfomsg i = { .ifi_index = index };
	uint32_t fd = (uint32_t)netns;
	struct request r;
	int e;

	begin(&r, RTM_NEWLINK, 0, &i, sizeof(i));
	put(&r, IFLA_NET_NS_FD, &fd, sizeof(fd));
	e = talk(nl, &r);
	return e < 0 ? err_errno(err, -e, "network: move an interface") : 0;
}

int netlink_set_link(struct netlink *nl, int index, const char *name, uint32_t mtu, struct err *err)
{
	struct ifinfomsg i = { .ifi_index = index };
	struct request r;
	int rc;

	if (name && (!*name || strlen(name) >= IFNAMSIZ))
		return bad(err, "interface name", name);
	begin(&r, RTM_NEWLINK, 0, &i, sizeof(i));
	if (name)
		put(&r, IFLA_IFNAME, name, strlen(name) + 1);
	if (mtu)
		put(&r, IFLA_MTU, &mtu, sizeof(mtu));
	rc = talk(nl, &r);
	return rc < 0 ? err_errno(err, -rc, "set up interface %s", name ? name : "") : 0;
}

int netlink_set_up(struct netlink *nl, int index, struct err *err)
{
	struct ifinfomsg i = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct request r;
	int rc;

	begin(&r, RTM_NEWLINK, 0, &i, sizeof(i));
	rc = talk(nl, &r);
	return rc < 0 ? err_errno(err, -rc, "set interface %d up", index) : 0;
}

int netlink_add_address(struct netlink *nl, int index, const char *address, struct err *err)
{
	struct prefix p;
	struct request r;
	int rc;

	if (!address || parse_prefix(address, &p) < 0)
		return bad(err, "address", address);
	/* The caller has seen to it that nobody else has it. */
	struct ifaddrmsg a = { .ifa_family = (uint8_t)p.family,
			       .ifa_prefixlen = (uint8_t)p.bits,
			       .ifa_flags = p.family == AF_INET6 ? IFA_F_NODAD : 0,
			       .ifa_index = (uint32_t)index };

	begin_entry(nl, &r, RTM_NEWADDR, &a, sizeof(a));
	put(&r, IFA_LOCAL, p.bytes, p.len);
	put(&r, IFA_ADDRESS, p.bytes, p.len);
	if (p.family == AF_INET && p.bits < 31) {
		uint32_t broadcast;

		memcpy(&broadcast, p.bytes, 4);
		broadcast |= htonl(0xffffffffu >> p.bits);
		put(&r, IFA_BROADCAST, &broadcast, 4);
	}
	rc = talk_entry(nl, &r);
	return rc < 0 ? err_errno(err, -rc, "address %s", address) : 0;
}

int netlink_add_neighbour(struct netlink *nl, int index, const char *to, const char *mac,
			  struct err *err)
{
	struct prefix p;
	struct request r;
	uint8_t m[6];
	int rc;

	if (!to || parse_prefix(to, &p) < 0)
		return bad(err, "neighbour", to);
	if (!mac || parse_mac(mac, m) < 0)
		return bad(err, "MAC address", mac);
	struct ndmsg n = { .ndm_family = (uint8_t)p.family,
			   .ndm_ifindex = index,
			   .ndm_state = NUD_PERMANENT };

	begin_entry(nl, &r, RTM_NEWNEIGH, &n, sizeof(n));
	put(&r, NDA_DST, p.bytes, p.len);
	put(&r, NDA_LLADDR, m, sizeof(m));
	rc = talk_entry(nl, &r);
	return rc < 0 ? err_errno(err, -rc, "neighbour %s", to) : 0;
}

int netlink_remove_address(struct netlink *nl, int index, const char *address, struct err *err)
{
	int r;

	nl->removing = true;
	r = netlink_add_address(nl, index, address, err);
	nl->removing = false;
	return r;
}

int netlink_remove_neighbour(struct netlink *nl, int index, const char *to, const char *mac,
			     struct err *err)
{
	int r;

	nl->removing = true;
	r = netlink_add_neighbour(nl, index, to, mac, err);
	nl->removing = false;
	return r;
}

int netlink_remove_route(struct netlink *nl, const struct netlink_route *route, struct err *err)
{
	int r;

	nl->removing = true;
	r = netlink_add_route(nl, route, err);
	nl->removing = false;
	return r;
}

int netlink_add_route(struct netlink *nl, const struct netlink_route *route, struct err *err)
{
	struct prefix to = { 0 }, via, source;
	struct request r;
	int rc;

	if (strcmp(route->to, "default") != 0 && parse_prefix(route->to, &to) < 0)
		return bad(err, "route", route->to);
	if (route->via && parse_prefix(route->via, &via) < 0)
		return bad(err, "gateway", route->via);
	if (route->source && parse_prefix(route->source, &source) < 0)
		return bad(err, "source address", route->source);
	struct rtmsg m = { .rtm_family = (uint8_t)route->family,
			   .rtm_dst_len = (uint8_t)to.bits,
			   .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_BOOT,
			   .rtm_scope = route->via || route->family == AF_INET6 ? RT_SCOPE_UNIVERSE :
										  RT_SCOPE_LINK,
			   .rtm_type = RTN_UNICAST,
			   .rtm_flags = route->onlink ? RTNH_F_ONLINK : 0 };

	if (nl->removing) {
		/* Whatever they are. */
		m.rtm_protocol = RTPROT_UNSPEC;
		m.rtm_scope = RT_SCOPE_NOWHERE;
	}
	begin_entry(nl, &r, RTM_NEWROUTE, &m, sizeof(m));
	if (to.bits)
		put(&r, RTA_DST, to.bytes, to.len);
	if (route->via)
		put(&r, RTA_GATEWAY, via.bytes, via.len);
	if (route->source)
		put(&r, RTA_PREFSRC, source.bytes, source.len);
	if (route->metric)
		put(&r, RTA_PRIORITY, &route->metric, sizeof(route->metric));
	put(&r, RTA_OIF, &route->index, sizeof(route->index));
	rc = talk_entry(nl, &r);
	return rc < 0 ? err_errno(err, -rc, "route to %s", route->to) : 0;
}

/* One datagram of an answer: 1 at its end, 0 for more to come. */
static int take_dump(const struct netlink *nl, const char *buf, ssize_t n,
		     int (*fn)(void *data, const struct nlmsghdr *h), void *data)
{
	int r;

	for (const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)buf; NLMSG_OK(h, n);
	     h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_seq != nl->seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)) ?
				       -EPROTO :
				       ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		r = fn(data, h);
		if (r < 0)
			return r;
	}
	return 0;
}

int netlink_dump(struct netlink *nl, uint16_t type, int family,
		 int (*fn)(void *data, const struct nlmsghdr *h), void *data, struct err *err)
{
	const struct rtgenmsg body = { .rtgen_family = (unsigned char)family };
	_free_ char *buf = malloc(DUMP_BYTES);
	struct request r;
	ssize_t n;
	int rc = 0;

	if (!buf)
		return err_errno(err, ENOMEM, "netlink");
	begin(&r, type, NLM_F_DUMP, &body, sizeof(body));
	r.h.nlmsg_seq = ++nl->seq;
	if (send(nl->fd, &r, r.h.nlmsg_len, 0) < 0)
		return err_errno(err, errno, "netlink");
	while (rc == 0) {
		n = recv(nl->fd, buf, DUMP_BYTES, 0);
		if (n < 0 && errno != EINTR)
			rc = -errno;
		else if (n >= 0)
			rc = take_dump(nl, buf, n, fn, data);
	}
	return rc < 0 ? err_errno(err, -rc, "netlink") : 0;
}
