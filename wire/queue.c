// SPDX-License-Identifier: Apache-2.0
#include "wire/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN 4000 /* with header and malloc's own within a page */

struct wire_chunk {
	struct wire_chunk *next;
	size_t start, end, cap;
	uint8_t data[];
};

static size_t iov_len(const struct iovec *iov, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

int wire_queue_append(struct wire_queue *q, const struct iovec *iov, size_t n, size_t skip)
{
	struct wire_chunk *c = q->tail;
	size_t len = iov_len(iov, n);

	if (skip >= len)
		return 0;
	len -= skip;
	if (!c || c->cap - c->end < len) {
		size_t cap = len < CHUNK_MIN ? CHUNK_MIN : len;

		c = malloc(sizeof(*c) + cap);
		if (!c)
			return -ENOMEM;
		c->next = NULL;
		c->start = c->end = 0;
		c->cap = cap;
		if (q->tail)
			q->tail->next = c;
		else
			q->head = c;
		q->tail = c;
	}
	for (size_t i = 0; i < n; i++) {
		size_t off = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		size_t part = iov[i].iov_len - off;

		skip -= off;
		if (part == 0)
			continue;
		memcpy(c->data + c->end, (const uint8_t *)iov[i].iov_base + off, part);
		c->end += part;
	}
	q->len += len;
	return 0;
}

size_t wire_queue_peek(const struct wire_queue *q, const void **ret)
{
	const struct wire_chunk *c = q->head;

	if (!c)
		return 0;
	*ret = c->data + c->start;
	return c->end - c->start;
}

void wire_queue_consume(struct wire_queue *q, size_t n)
{
	while (n > 0 && q->head) {
		struct wire_chunk *c = q->head;
		size_t part = c->end - c->start;

		if (part > n)
			part = n;
		c->start += part;
		q->len -= part;
		n -= part;
		if (c->start < c->end)
			break;
		q->head = c->next;
		if (!q->head)
			q->tail = NULL;
		free(c);
	}
}

void wire_queue_clear(struct wire_queue *q)
{
	wire_queue_consume(q, q->len);
}
