/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sock.h"
#include "monitor/jail.h"
#include "monitor/relay.h"

struct relay {
	struct relay *next;
	size_t device; /* of the setup */
	int listener; /* -EBADF: QEMU makes it, or has it */
	int sock; /* to tell the relay where that is; else -EBADF */
};

static bool is_network(const struct vm_device *v)
{
	return strcmp(v->kind, VM_DEVICE_VHOST_NET) == 0;
}

/* What it says is a line at a time. */
static void on_output(struct loop_source *src, uint32_t revents, void *data)
{
	char buf[4096], *save, *line;
	ssize_t n = read(loop_fd(src), buf, sizeof(buf) - 1);

	(void)revents;
	(void)data;
	if (n <= 0) {
		log_debug("a relay to a vhost-user target ended");
		loop_remove(src);
		return;
	}
	buf[n] = '\0';
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_warn("%s", line);
}

/* All that is left of root: to connect to a socket, whoever's it is. */
static int prepare(void *data)
{
	(void)data;
	return confine_keep_caps(UINT64_C(1) << CAP_DAC_OVERRIDE, NULL);
}

static int run(const struct vm_device *v, int monitor, int output, struct err *err)
{
	static char name[] = "moat-monitor", word[] = RELAY_WORD;
	char seconds[16], socket[16] = "";
	char *const argv[] = { name, word, v->socket, seconds, socket, NULL };
	const struct spawn_fd fds[] = { { output, STDERR_FILENO },
					{ (int)v->fd, RELAY_FD_TARGET },
					{ monitor, RELAY_FD_MONITOR } };
	const struct spawn s = {
		.path = "/proc/self/exe",
		.exe_fd = -EBADF,
		.argv = argv,
		.fds = fds,
		.n_fds = ARRAY_SIZE(fds),
		.clone_flags = CLONE_NEWNET,
		.pdeathsig = SIGKILL,
		.prepare = prepare,
	};
	pid_t pid;

	snprintf(seconds, sizeof(seconds), "%u", v->reconnect);
	if (is_network(v))
		snprintf(socket, sizeof(socket), "%u", v->fd);
	/* It ends with this pid namespace: nobody waits for it. */
	return spawn(&s, &pid, NULL, err);
}

static int start(struct monitor *m, size_t device, struct err *err)
{
	_close_ int mine = -EBADF, theirs = -EBADF, out = -EBADF, in = -EBADF;
	const struct vm_device *v = &m->setup.devices[device];
	struct relay *k = calloc(1, sizeof(*k));
	int pair[2], pipefd[2], r;
	size_t n = 1;
	char byte;

	if (!k)
		return err_errno(err, ENOMEM, "relay");
	*k = (struct relay){ .next = m->relays, .device = device, .listener = -EBADF, .sock = -EBADF };
	m->relays = k;
	r = sock_pair(pair, err);
	if (r < 0)
		return r;
	mine = pair[0];
	theirs = pair[1];
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	out = pipefd[0];
	in = pipefd[1];
	r = run(v, theirs, in, err);
	if (r < 0)
		return r;
	theirs = fd_close(theirs);
	/* The target must notice when its connection ends. */
	close((int)v->fd);
	if (is_network(v))
		k->sock = take_fd(mine);
	else if (sock_recv_fds(mine, &byte, 1, &k->listener, &n) <= 0 || n != 1)
		return err_set(err, EIO, "the relay to vhost-user target '%s' did not start",
			       v->socket);
	fd_set_nonblock(out, true);
	if (!loop_add_io(m->loop, out, EPOLLIN, on_output, m, err))
		return -err->code;
	(void)take_fd(out);
	return 0;
}

int relays_start(struct monitor *m, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < m->setup.n_devices && r >= 0; i++) {
		const struct vm_device *v = &m->setup.devices[i];

		if (v->socket && (v->reconnect || is_network(v)) && v->fd >= MONITOR_FD_FIRST &&
		    v->fd <= INT_MAX)
			r = start(m, i, err);
	}
	return r;
}

int relays_enter_jail(struct monitor *m, struct err *err)
{
	_close_ int dir = -EBADF;
	int r = 0;

	for (struct relay *k = m->relays; k && r >= 0; k = k->next) {
		if (k->sock < 0)
			continue;
		if (dir < 0)
			dir = open(JAIL_SOCKETS, O_PATH | O_DIRECTORY | O_CLOEXEC);
		r = dir < 0 ? -errno : sock_send_fds(k->sock, "d", 1, &dir, 1);
		k->sock = fd_close(k->sock);
	}
	return r < 0 ? err_errno(err, -r, "relay") : 0;
}

int relay_take_listener(struct monitor *m, size_t device)
{
	for (struct relay *k = m->relays; k; k = k->next)
		if (k->device == device)
			return take_fd(k->listener);
	return -ENOENT;
}
