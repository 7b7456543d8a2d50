/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "devices/device.h"

struct backend {
	struct backend *next;
	const struct device *dev;
	char *target;
	int fd; /* another descriptor of the connection; never read */
	struct loop_source *src;
};

static void let_go(struct backend *b)
{
	b->src = loop_remove(b->src);
	b->fd = fd_close(b->fd);
}

static void on_end(struct loop_source *src, uint32_t revents, void *data)
{
	struct backend *b = data;

	(void)src;
	(void)revents;
	log_warn("vhost-user target '%s' is gone: the guest waits for it for ever", b->target);
	let_go(b);
}

int backend_watch(struct monitor *m, const struct device *dev, const char *target, struct err *err)
{
	struct backend *b;

	if ((dev->kind != DEVICE_VHOST_BLK && dev->kind != DEVICE_VHOST_SCSI) ||
	    dev->vhost.listening)
		return 0;
	b = calloc(1, sizeof(*b));
	if (!b)
		return err_errno(err, ENOMEM, "vhost-user");
	b->target = strdup(target ? target : "");
	b->fd = fcntl(dev->vhost.socket, F_DUPFD_CLOEXEC, 0);
	b->dev = dev;
	b->next = m->backends;
	m->backends = b;
	if (!b->target || b->fd < 0)
		return err_errno(err, b->target ? errno : ENOMEM, "vhost-user");
	b->src = loop_add_io(m->loop, b->fd, EPOLLRDHUP, on_end, b, err);
	return b->src ? 0 : -ENOMEM;
}

void backend_forget(struct monitor *m, const struct device *dev)
{
	for (struct backend **bp = &m->backends; *bp; bp = &(*bp)->next) {
		struct backend *b = *bp;

		if (b->dev != dev)
			continue;
		*bp = b->next;
		let_go(b);
		free(b->target);
		free(b);
		return;
	}
}
