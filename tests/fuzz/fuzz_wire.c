// SPDX-License-Identifier: Apache-2.0
/* Bytes through a connection over a socketpair; the first one chooses which side it is. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/sock.h"
#include "wire/conn.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_frame(struct wire_conn *c, const struct wire_frame *f, void *data, struct err *err)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < f->len; i++) /* every byte is there */
		sum += f->payload[i];
	if (sum > f->len * 255)
		abort();
	return f->type == WIRE_DATA ? wire_send_credit(c, f->id, f->len) : 0;
}

static void on_closed(struct wire_conn *c, const struct err *err, void *data)
{
	if (err->code <= 0)
		abort();
	wire_conn_free(c);
	loop_quit(data, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wire_handler handler = { .on_frame = on_frame, .on_closed = on_closed };
	struct wire_options opt = { .accept_requests = size > 0 && data[0] & 1 };
	struct wire_conn *c;
	struct loop *loop;
	int fd[2];

	if (size < 1 || size > 0x10000 || loop_new(&loop, NULL) < 0 || sock_pair(fd, NULL) < 0)
		return 0;
	if (wire_conn_new(loop, fd[0], &opt, &handler, loop, &c, NULL) < 0)
		abort();
	if (io_write_all(fd[1], data + 1, size - 1) < 0 || shutdown(fd[1], SHUT_WR) < 0)
		abort();
	loop_run(loop, NULL);
	close(fd[1]);
	loop_free(loop);
	return 0;
}
