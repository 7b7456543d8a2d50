/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/sock.h"
#include "devices/vhost_relay.h"
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
		n = loop_fd(src);
		loop_remove(src);
		close((int)n);
		return;
	}
	buf[n] = '\0';
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_warn("%s", line);
}

/* Takes fd. */
static int log_lines(struct monitor *m, int fd, struct err *err)
{
	fd_set_nonblock(fd, true);
	if (loop_add_io(m->loop, fd, EPOLLIN, on_output, m, err))
		return 0;
	close(fd);
	return -err->code;
}

static int start(struct monitor *m, size_t device, struct err *err)
{
	_close_ int in = -EBADF, out = -EBADF, self = -EBADF;
	const struct vm_device *v = &m->setup.devices[device];
	struct relay *k = calloc(1, sizeof(*k));
	char name[16] = "";
	int pipefd[2], r;

	if (!k)
		return err_errno(err, ENOMEM, "relay");
	*k = (struct relay){ .next = m->relays, .device = device, .listener = -EBADF, .sock = -EBADF };
	m->relays = k;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	out = pipefd[0];
	in = pipefd[1];
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (self < 0)
		return err_errno(err, errno, "pidfd");
	if (is_network(v))
		snprintf(name, sizeof(name), "%u", v->fd);
	/* It ends with this pid namespace: nobody waits for it. */
	const struct vhost_relay start = {
		.program = "/proc/self/exe",
		.target = v->socket,
		.name = name,
		.seconds = v->reconnect,
		.connection = (int)v->fd,
		.output = in,
		.monitor = self,
	};
	r = vhost_relay_start(&start, &k->sock, err);
	if (r < 0)
		return r;
	/* The target must notice when its connection ends. */
	close((int)v->fd);
	if (!is_network(v)) {
		r = k->listener = vhost_relay_listener(&start, k->sock, err);
		k->sock = fd_close(k->sock);
	}
	return r < 0 ? r : log_lines(m, take_fd(out), err);
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

int relay_log_request(struct client *c, uint32_t id, json_t *params, struct err *err)
{
	int fd = wire_conn_take_fd(c->conn), r;

	(void)id;
	(void)params;
	if (fd < 0)
		return err_set(err, EPROTO, "log without a descriptor");
	r = log_lines(c->m, fd, err);
	return r < 0 ? r : 1;
}
