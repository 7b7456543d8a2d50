/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "libruntime/monitor_client.h"
#include "libruntime/netns.h"
#include "libruntime/resolver_outside.h"
#include "wire/resolver.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536
#define CONNECT_S 2 /* loopback: it answers at once, or its queue is full */

static bool parse_line(const char *line, size_t len, struct in_addr *ret)
{
	static const char key[] = "nameserver";
	char address[INET_ADDRSTRLEN];
	size_t skip = sizeof(key) - 1, n;

	if (len <= skip || memcmp(line, key, skip) != 0)
		return false;
	n = strspn(line + skip, " \t");
	if (n == 0)
		return false;
	skip += n;
	n = strspn(line + skip, "0123456789.");
	if (n == 0 || n >= sizeof(address))
		return false;
	memcpy(address, line + skip, n);
	address[n] = '\0';
	return inet_pton(AF_INET, address, ret) == 1 &&
	       ntohl(ret->s_addr) >> 24 == IN_LOOPBACKNET && ntohl(ret->s_addr) != INADDR_LOOPBACK;
}

bool resolver_find(const char *resolv_conf, struct in_addr *ret)
{
	const char *line = resolv_conf;

	while (*line) {
		size_t len = strcspn(line, "\n");
		struct in_addr a;

		if (parse_line(line, len, &a)) {
			*ret = a;
			return true;
		}
		line += len + (line[len] != '\0');
	}
	return false;
}

/* As the container sees it: in the stand-in's world. The file is somebody else's: no device, no link out of there, not more than that much of it. */
static char *read_resolv_conf(pid_t standin)
{
	_free_ char *text = NULL;
	char path[48];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/root", standin);
	_close_ int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_close_ int fd = root < 0 ? -EBADF :
				    path_open_in(root, RESOLV_CONF,
						 O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	text = calloc(1, RESOLV_CONF_MAX + 1);
	n = text ? pread(fd, text, RESOLV_CONF_MAX, 0) : -1;
	return n < 0 ? NULL : take_ptr(text);
}

static bool accepts(const struct sockaddr_in *at)
{
	const struct timeval wait = { .tv_sec = CONNECT_S };
	_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	       connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0;
}

/* What is changed in a namespace of the caller's is noted before, for delete. */
static int let_out(struct container *c, struct err *err)
{
	char ports[RESOLVER_PORTS_SIZE];
	int r;

	if (c->state.macvtap)
		return 0;
	if (c->state.netns && !c->state.ports) {
		r = resolver_ports(ports, err);
		if (r >= 0 && *ports && !(c->state.ports = strdup(ports)))
			r = err_errno(err, ENOMEM, "state");
		if (r >= 0)
			r = state_save(c->dir, &c->state, err);
		if (r < 0)
			return r;
	}
	return resolver_let_out(c->state.interfaces, err);
}

/* In the stand-in's network namespace, which netns_enter() knows from the host's. */
static bool is_there(struct container *c, struct in_addr address)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(RESOLVER_PORT),
					.sin_addr = address };
	struct netns ns = { .home = -EBADF };
	char path[48];
	struct err err = {};
	bool there;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", c->state.standin.pid);
	if (netns_enter(path, &ns, NULL) < 0)
		return false;
	there = accepts(&at);
	/* What the container and its neighbours are called it knows by itself. */
	if (there && let_out(c, &err) < 0)
		log_warn("names from outside: %s", err.msg);
	netns_leave(&ns);
	return there;
}

void resolver_offer(struct container *c)
{
	_close_ int standin = -EBADF;
	_free_ char *text = NULL;
	char address[INET_ADDRSTRLEN];
	struct in_addr a;
	struct err err = {};

	if (!c->state.network)
		return;
	standin = status_open_process(&c->state, &c->state.standin);
	text = standin < 0 ? NULL : read_resolv_conf(c->state.standin.pid);
	if (!text || !resolver_find(text, &a))
		return;
	inet_ntop(AF_INET, &a, address, sizeof(address));
	if (!is_there(c, a)) {
		log_debug("name server %s: nobody is there on the host", address);
		return;
	}
	if (container_request(c, "resolver", json_pack("{s:s}", "address", address),
			      MONITOR_REQUEST_MS, NULL, &err) < 0)
		log_warn("name server %s: %s", address, err.msg);
}
