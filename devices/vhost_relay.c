/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/vhost_relay.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/proc.h"
#include "base/sock.h"
#include "wire/relay.h"

#define START_TIMEOUT_MS 20000 /* it listens before it does anything that may take time */

/* In the child. All that is left of root: to connect to a socket, whoever's it is. */
static int prepare(void *data)
{
	const struct vhost_relay *v = data;

	for (size_t i = 0; i < v->n_cgroups; i++) {
		int fd = RELAY_FD_END + (int)i;

		/* One that cannot be joined is a matter of where it is counted. */
		(void)!write(fd, "0", 1);
		close(fd);
	}
	return confine_keep_caps(UINT64_C(1) << CAP_DAC_OVERRIDE, NULL);
}

int vhost_relay_start(const struct vhost_relay *v, int *ret_socket, struct err *err)
{
	static char program[] = "moat-monitor", word[] = RELAY_WORD;
	char seconds[16];
	char *const argv[] = { program, word, (char *)v->target, seconds, (char *)v->name, NULL };
	_close_ int ours = -EBADF, its = -EBADF;
	int pair[2], r = sock_pair(pair, err);

	if (r < 0)
		return r;
	ours = pair[0];
	its = pair[1];
	snprintf(seconds, sizeof(seconds), "%u", v->seconds);
	struct spawn_fd fds[4 + VHOST_RELAY_CGROUPS_MAX] = {
		{ v->output, STDERR_FILENO },
		{ v->connection, RELAY_FD_TARGET },
		{ its, RELAY_FD_STARTER },
		{ v->monitor, RELAY_FD_LIFE },
	};
	for (size_t i = 0; i < v->n_cgroups; i++)
		fds[4 + i] = (struct spawn_fd){ v->cgroups[i], RELAY_FD_END + (int)i };
	const struct spawn s = {
		.path = v->program,
		.exe_fd = -EBADF,
		.argv = argv,
		.fds = fds,
		.n_fds = 4 + v->n_cgroups,
		.clone_flags = CLONE_NEWNET,
		.pdeathsig = v->orphan ? 0 : SIGKILL,
		.new_session = v->orphan,
		.orphan = v->orphan,
		.deaf = true, /* as QEMU is */
		.prepare = prepare,
		.data = (void *)v,
	};
	r = spawn(&s, NULL, NULL, err);
	if (r >= 0)
		*ret_socket = take_fd(ours);
	return r;
}

int vhost_relay_listener(const struct vhost_relay *v, int socket, struct err *err)
{
	struct pollfd p = { .fd = socket, .events = POLLIN };
	int fd = -EBADF, r;
	size_t n = 1;
	char byte;

	do
		r = poll(&p, 1, START_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0 || sock_recv_fds(socket, &byte, 1, &fd, &n) <= 0 || n != 1)
		return err_set(err, EIO, "the relay to vhost-user target '%s' did not start",
			       v->target);
	return fd;
}
