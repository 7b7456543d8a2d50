/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Much output at a time, without a copy by the agent: its pages move from the process's pipe into one of ours, behind
 * the header of a frame, and from there into the channel (wire_send_pipe()). Our pipe is empty between two calls.
 */
#ifndef MOAT_AGENT_BULK_H
#define MOAT_AGENT_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/conn.h"

#define BULK_PIPE 0x100000 /* 1 MiB: what a pipe holds that is to be emptied in large steps */

/* All zero: not made. It is made when it is needed, and goes with the last stream. */
struct bulk {
	bool made;
	int in, out; /* the pipe's ends for reading and for writing */
};

/*
 * Sends up to max bytes (not 0) of what waits in fd as one DATA frame, if it waits in a pipe and is worth it.
 * Returns how many were sent; 0 if none: then it is for the caller to read and send them.
 */
size_t bulk_send(struct bulk *b, struct wire_conn *conn, uint32_t stream, int fd, size_t max);
void bulk_done(struct bulk *b);

#endif
