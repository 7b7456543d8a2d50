/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that wait to be written: a list of chunks, appended at the tail and
 * consumed at the head. Small pieces share a chunk. The owner bounds the length
 * (by credit); an empty queue holds no memory.
 */
#ifndef MOAT_WIRE_QUEUE_H
#define MOAT_WIRE_QUEUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct wire_chunk;

struct wire_queue {
	struct wire_chunk *head, *tail;
	size_t len; /* bytes in it */
};

/* Appends the concatenation of the n pieces without its first `skip` bytes: wholly (0), or not at all (-ENOMEM). */
int wire_queue_append(struct wire_queue *q, const struct iovec *iov, size_t n, size_t skip);
/* Points *ret at the first bytes and returns how many lie there in one piece; 0 when empty. */
size_t wire_queue_peek(const struct wire_queue *q, const void **ret);
/* Removes n bytes, at most len, from the head. */
void wire_queue_consume(struct wire_queue *q, size_t n);
void wire_queue_clear(struct wire_queue *q);

#endif
