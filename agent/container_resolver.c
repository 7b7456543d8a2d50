/* SPDX-License-Identifier: Apache-2.0 */
/* container.resolver */
#include <arpa/inet.h>
#include <sched.h>

#include "agent/container.h"
#include "agent/join.h"
#include "agent/resolver.h"
#include "agent/server.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "wire/resolver.h"

/* At another port, which what is meant for this one is sent to; if this kernel cannot do that, at this one. */
static int open_sockets(int cgroup, const struct sockaddr_in *at, struct resolver_fds *ret,
			struct err *err)
{
	struct sockaddr_in other = *at;
	struct err why = {};
	int r;

	other.sin_port = 0;
	r = resolver_bind(&other, ret, err);
	if (r < 0 || resolver_redirect(cgroup, at, ret->udp, ret->tcp, ret->redirects, &why) >= 0)
		return r;
	log_warn("%s: no server of the container's can have port %d", why.msg, ntohs(at->sin_port));
	resolver_close(ret);
	return resolver_bind(at, ret, err);
}

/* In the container's network namespace, which may be its own, another's, or the guest's. */
static int open_there(const struct agent *a, const struct container *c,
		      const struct sockaddr_in *at, struct resolver_fds *ret, struct err *err)
{
	struct joins there = { .n = 0 };
	int r;

	join_add(&there, c->init->pidfd, CLONE_NEWNET);
	r = join_enter(a, &there);
	if (r < 0)
		return err_errno(err, -r, "network namespace of the container");
	r = open_sockets(a->cgroup_fd, at, ret, err);
	join_leave(a, &there);
	return r;
}

CONTAINER_REQUEST(container_resolver)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(RESOLVER_PORT) };
	struct container *c = container_param(a, params, err);
	const char *address = server_str(params, "address", err);
	struct resolver_fds fds;
	int r;

	if (!c)
		return -ENOENT;
	if (!address || inet_pton(AF_INET, address, &at.sin_addr) != 1)
		return err_set(err, EINVAL, "address: one of IPv4 is required");
	if (!c->init || (c->state != CONTAINER_CREATED && c->state != CONTAINER_RUNNING))
		return err_set(err, ESRCH, "container not running");
	if (c->resolver)
		return 0;
	r = open_there(a, c, &at, &fds, err);
	return r < 0 ? r : resolver_new(&a->mux, c->init->io.id, &fds, &c->resolver, err);
}
