/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/network_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "config/paths.h"
#include "libruntime/background.h"
#include "libruntime/cgroup.h"
#include "libruntime/netns.h"
#include "wire/watch.h"

#define LOG_FILE "network.log"
#define GROUPS                                                                  \
	(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | \
	 RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

static int open_socket(const struct state *s, struct err *err)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUPS };
	struct netns in = { .home = -EBADF };
	_close_ int fd = -EBADF;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", s->standin.pid);
	r = netns_enter(path, &in, err);
	if (r < 0)
		return r;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = err_errno(err, errno, "netlink");
	netns_leave(&in);
	return r < 0 ? r : take_fd(fd);
}

int network_watch_open(const struct container *c)
{
	_close_ int standin = -EBADF;
	struct err err = {};
	int fd;

	if (!c->state.network)
		return -EBADF;
	standin = status_open_process(&c->state, &c->state.standin);
	if (standin < 0)
		return -EBADF;
	fd = open_socket(&c->state, &err);
	if (fd < 0)
		log_warn("watch the network: %s", err.msg);
	return fd < 0 ? -EBADF : fd;
}

/* moat-watch, then the command. */
static int arguments(const struct rt *rt, const char *id, char ***ret, struct err *err)
{
	const char *words[] = { "network", id, NULL };
	_strv_ char **command = NULL, **argv = NULL;
	int r = background_argv(rt, words, &command, err);

	if (r >= 0 && strv_add(&argv, WATCH_NAME) < 0)
		r = err_errno(err, ENOMEM, WATCH_NAME);
	for (char **w = command; r >= 0 && *w; w++)
		if (strv_add(&argv, *w) < 0)
			r = err_errno(err, ENOMEM, WATCH_NAME);
	if (r >= 0)
		*ret = take_ptr(argv);
	return r;
}

static int start(const struct rt *rt, const struct container *c, int netlink, int standin,
		 struct err *err)
{
	_close_ int log = openat(c->dir, LOG_FILE,
				 O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct spawn_fd fds[4 + WATCH_CGROUPS_MAX] = {
		{ log < 0 ? -EBADF : log, 1 },
		{ log < 0 ? -EBADF : log, 2 },
		{ netlink, WATCH_NETLINK },
		{ standin, WATCH_STANDIN },
	};
	_cleanup_(moat_paths_done) struct moat_paths paths = {};
	_strv_ char **argv = NULL;
	int cgroups[WATCH_CGROUPS_MAX];
	size_t n;
	int r = moat_paths(&paths, err);

	if (r >= 0)
		r = arguments(rt, c->state.id, &argv, err);
	if (r < 0)
		return r;
	n = cgroup_open_procs(c->state.cgroups, cgroups, WATCH_CGROUPS_MAX);
	for (size_t i = 0; i < n; i++)
		fds[4 + i] = (struct spawn_fd){ cgroups[i], WATCH_CGROUPS + (int)i };
	const struct spawn s = {
		.path = paths.standin,
		.exe_fd = -EBADF,
		.argv = argv,
		.fds = fds,
		.n_fds = 4 + n,
		.new_session = true,
		.orphan = true,
	};

	r = spawn(&s, NULL, NULL, err);
	while (n > 0)
		fd_close(cgroups[--n]);
	return r;
}

void network_watch_start(const struct rt *rt, const struct container *c, int netlink)
{
	_close_ int standin = -EBADF;
	struct err err = {};

	if (netlink < 0)
		return;
	standin = status_open_process(&c->state, &c->state.standin);
	if (standin >= 0 && start(rt, c, netlink, standin, &err) < 0)
		log_warn("watch the network: %s", err.msg);
}
