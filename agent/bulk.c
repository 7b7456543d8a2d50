/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

#define WORTH_IT 4096 /* one page is sooner copied than moved */

static bool make(struct bulk *b)
{
	int fd[2];

	if (b->made)
		return true;
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return false;
	/* A frame of whole pages, its header, and a page that is not full at each end. With less it is slower, but right. */
	if (fcntl(fd[1], F_SETPIPE_SZ, BULK_PIPE) < 0)
		log_debug("size of a pipe: %s", err_str(errno));
	*b = (struct bulk){ .made = true, .in = fd[0], .out = fd[1] };
	return true;
}

/*
 * The frame's header is in our pipe, and n bytes instead of those that it promises: the process has read from its own
 * pipe, or its pages are so many and so empty that ours has no place for them.
 */
static size_t send_copied(struct bulk *b, struct wire_conn *conn, uint32_t stream, size_t n)
{
	uint8_t part[16384];
	size_t sent = 0;
	ssize_t r = read(b->in, part, WIRE_HEADER_SIZE);

	while (r > 0 && sent < n) {
		r = read(b->in, part, sizeof(part));
		if (r > 0) {
			wire_send(conn, WIRE_DATA, stream, part, (size_t)r);
			sent += (size_t)r;
		}
	}
	return sent;
}

size_t bulk_send(struct bulk *b, struct wire_conn *conn, uint32_t stream, int fd, size_t max)
{
	uint8_t header[WIRE_HEADER_SIZE];
	int waiting = 0;
	ssize_t n;

	if (ioctl(fd, FIONREAD, &waiting) < 0 || waiting <= WORTH_IT || max <= WORTH_IT || !make(b))
		return 0;
	if (max > (size_t)waiting)
		max = (size_t)waiting;
	if (max > WIRE_MAX_DATA)
		max = WIRE_MAX_DATA;
	wire_put_header(header, WIRE_DATA, stream, (uint32_t)max);
	if (write(b->out, header, sizeof(header)) != (ssize_t)sizeof(header))
		return 0;
	n = splice(fd, NULL, b->out, NULL, max, SPLICE_F_NONBLOCK);
	if (n != (ssize_t)max)
		return send_copied(b, conn, stream, n > 0 ? (size_t)n : 0);
	wire_send_pipe(conn, b->in, sizeof(header) + max);
	return max;
}

void bulk_done(struct bulk *b)
{
	if (b->made) {
		fd_close(b->in);
		fd_close(b->out);
	}
	*b = (struct bulk){ 0 };
}
