/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vsock.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

struct vsock_listener {
	uint32_t guest_cid;
	vsock_accepted_fn fn;
	void *data;
	int fd;
	struct loop_source *io;
};

static void on_connect(struct loop_source *src, uint32_t revents, void *data)
{
	struct vsock_listener *v = data;
	struct sockaddr_vm peer = {};
	socklen_t len = sizeof(peer);
	int fd;

	(void)revents;
	fd = accept4(loop_fd(src), (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (len < sizeof(peer) || peer.svm_cid != v->guest_cid) {
		log_warn("vsock: connection from context id %u refused", peer.svm_cid);
		close(fd);
		return;
	}
	v->io = loop_remove(v->io);
	v->fd = fd_close(v->fd);
	v->fn(v->data, fd);
}

int vsock_listen(struct loop *loop, uint32_t port, uint32_t guest_cid, vsock_accepted_fn fn,
		 void *data, struct vsock_listener **ret, struct err *err)
{
	struct sockaddr_vm addr = { .svm_family = AF_VSOCK,
				    .svm_cid = VMADDR_CID_ANY,
				    .svm_port = port };
	struct vsock_listener *v = calloc(1, sizeof(*v));

	if (!v)
		return err_errno(err, ENOMEM, "vsock");
	v->guest_cid = guest_cid;
	v->fn = fn;
	v->data = data;
	v->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (v->fd < 0 || bind(v->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(v->fd, 4) < 0)
		err_errno(err, errno, "listen on vsock port %u", port);
	else
		v->io = loop_add_io(loop, v->fd, EPOLLIN, on_connect, v, err);
	if (!v->io) {
		vsock_listener_free(v);
		return err && err->code ? -err->code : -EIO;
	}
	*ret = v;
	return 0;
}

void vsock_listener_free(struct vsock_listener *v)
{
	if (!v)
		return;
	loop_remove(v->io);
	fd_close(v->fd);
	free(v);
}
