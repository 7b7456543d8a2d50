/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/vsock.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"

#define RETRY_MS 10

struct vsock_connect {
	struct loop *loop;
	uint32_t cid;
	vsock_connected_fn fn;
	void *data;
	int fd;
	struct loop_source *io, *retry;
};

static void attempt(struct vsock_connect *v);

static void again(struct vsock_connect *v)
{
	v->io = loop_remove(v->io);
	v->fd = fd_close(v->fd);
	loop_set_timer(v->retry, RETRY_MS);
}

static void on_retry(struct loop_source *src, void *data)
{
	(void)src;
	attempt(data);
}

static void on_io(struct loop_source *src, uint32_t revents, void *data)
{
	struct vsock_connect *v = data;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)src;
	(void)revents;
	if (getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		again(v);
		return;
	}
	v->io = loop_remove(v->io);
	v->fn(v->data, take_fd(v->fd));
}

static void attempt(struct vsock_connect *v)
{
	struct sockaddr_vm addr = { .svm_family = AF_VSOCK,
				    .svm_cid = v->cid,
				    .svm_port = VSOCK_AGENT_PORT };

	v->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (v->fd < 0) {
		log_warn("vsock: %s", err_str(errno));
		again(v);
		return;
	}
	if (connect(v->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS) {
		again(v);
		return;
	}
	v->io = loop_add_io(v->loop, v->fd, EPOLLOUT, on_io, v, NULL);
	if (!v->io)
		again(v);
}

int vsock_connect_new(struct loop *loop, uint32_t cid, vsock_connected_fn fn, void *data,
		      struct vsock_connect **ret, struct err *err)
{
	struct vsock_connect *v = calloc(1, sizeof(*v));

	if (!v)
		return err_errno(err, ENOMEM, "vsock");
	v->loop = loop;
	v->cid = cid;
	v->fn = fn;
	v->data = data;
	v->fd = -EBADF;
	/* The first attempt too comes from the loop: the callback never runs inside this call. */
	v->retry = loop_add_timer(loop, 0, on_retry, v, err);
	if (!v->retry) {
		free(v);
		return -ENOMEM;
	}
	*ret = v;
	return 0;
}

void vsock_connect_free(struct vsock_connect *v)
{
	if (!v)
		return;
	loop_remove(v->io);
	loop_remove(v->retry);
	fd_close(v->fd);
	free(v);
}
