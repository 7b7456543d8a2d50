/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qmp_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

static char *format(uint64_t id, const char *name, json_t *args, size_t *ret_len)
{
	_json_ json_t *doc = json_object();
	_free_ char *text = NULL;
	struct buf b = { 0 };

	if (!doc || json_object_set_new(doc, "execute", json_string(name)) < 0 ||
	    json_object_set_new(doc, "id", json_integer((json_int_t)id)) < 0 ||
	    (args && json_object_set(doc, "arguments", args) < 0))
		return NULL;
	text = js_dump(doc);
	if (!text)
		return NULL;
	buf_puts(&b, text);
	buf_puts(&b, "\n");
	*ret_len = b.len;
	return buf_steal(&b);
}

int qmp_command_init(struct qmp_command *c, uint64_t id, const char *name, json_t *args, int fd)
{
	*c = (struct qmp_command){ .id = id, .fd = fd };
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->text = format(id, name, args, &c->len);
	return c->text ? 0 : -ENOMEM;
}

void qmp_command_done(struct qmp_command *c)
{
	free(c->text);
	c->text = NULL;
}

bool qmp_command_sent(const struct qmp_command *c)
{
	return !c->text;
}

static ssize_t send_part(const struct qmp_command *c, int sock)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = c->text + c->off, .iov_len = c->len - c->off };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (c->fd >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &c->fd, sizeof(int));
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n;
}

bool qmp_command_send(struct qmp_command *c, int sock)
{
	while (c->text) {
		ssize_t n = send_part(c, sock);

		if (n < 0)
			return false;
		c->fd = -EBADF;
		c->off += (size_t)n;
		if (c->off == c->len)
			qmp_command_done(c);
	}
	return true;
}
