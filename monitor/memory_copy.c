/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/memory_copy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/io.h"

#define PAGE 4096u
#define CHUNK \
	(256u * 1024) /* stays in the processor's cache between reading, summing and writing */

struct memory_sum {
	XXH3_state_t *state;
};

int memory_sum_new(struct memory_sum **ret, struct err *err)
{
	struct memory_sum *s = calloc(1, sizeof(*s));

	if (s)
		s->state = XXH3_createState();
	if (!s || !s->state || XXH3_128bits_reset(s->state) == XXH_ERROR) {
		memory_sum_free(s);
		return err_errno(err, ENOMEM, "sum");
	}
	*ret = s;
	return 0;
}

void memory_sum_free(struct memory_sum *s)
{
	if (!s)
		return;
	XXH3_freeState(s->state);
	free(s);
}

void memory_sum_free_p(struct memory_sum **s)
{
	memory_sum_free(*s);
}

void memory_sum_text(const struct memory_sum *s, char ret[MEMORY_SUM_SIZE])
{
	XXH128_hash_t h = XXH3_128bits_digest(s->state);

	snprintf(ret, MEMORY_SUM_SIZE, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
}

static bool is_zero(const char *page)
{
	/* All bytes are the first one, and that is zero. */
	return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

struct copy {
	int from, to;
	struct memory_sum *sum;
	uint64_t bytes;
	char *buf; /* CHUNK */
};

/* One chunk at `at`: runs of pages that are not zero are written in one piece. */
static int copy_chunk(struct copy *c, size_t len, off_t at, struct err *err)
{
	size_t run = 0;
	int r = io_read_at(c->from, c->buf, len, at);

	if (r == -ENODATA)
		return err_set(err, ESTALE, "the memory of a template is truncated");
	if (r < 0)
		return err_errno(err, -r, "read the memory of a guest");
	for (size_t i = 0; r >= 0 && i <= len; i += PAGE) {
		uint64_t place = (uint64_t)at + i;

		if (i < len && !is_zero(c->buf + i)) {
			XXH3_128bits_update(c->sum->state, &place, sizeof(place));
			XXH3_128bits_update(c->sum->state, c->buf + i, PAGE);
			c->bytes += PAGE;
			continue;
		}
		if (i > run)
			r = io_write_at(c->to, c->buf + run, i - run, at + (off_t)run);
		run = i + PAGE;
	}
	return r < 0 ? err_errno(err, -r, "write the memory of a guest") : 0;
}

/* The next piece of the file that is no hole, in whole pages. False: none. */
static int next_data(int fd, off_t size, off_t *at, off_t *end, struct err *err)
{
	off_t data = lseek(fd, *at, SEEK_DATA), hole;

	if (data < 0 && errno == ENXIO)
		return 0;
	hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
	if (hole < 0)
		return err_errno(err, errno, "look for the memory's data");
	data &= ~(off_t)(PAGE - 1);
	/* What the last piece's rounding has covered is not copied twice. */
	*at = data > *at ? data : *at;
	hole = (hole + PAGE - 1) & ~(off_t)(PAGE - 1);
	*end = hole < size ? hole : size;
	return *end > *at;
}

int memory_copy(int from, int to, uint64_t size, struct memory_sum *sum, uint64_t *ret_bytes,
		struct err *err)
{
	_free_ char *buf = malloc(CHUNK);
	struct copy c = { .from = from, .to = to, .sum = sum, .buf = buf };
	off_t at = 0, end = 0;
	int r;

	if (!buf)
		return err_errno(err, ENOMEM, "copy the guest's memory");
	while ((r = next_data(from, (off_t)size, &at, &end, err)) > 0) {
		while (r >= 0 && at < end) {
			size_t len = end - at < (off_t)CHUNK ? (size_t)(end - at) : CHUNK;

			r = copy_chunk(&c, len, at, err);
			at += (off_t)len;
		}
		if (r < 0)
			return r;
	}
	if (r >= 0 && ret_bytes)
		*ret_bytes = c.bytes;
	return r;
}

int memory_sum_file(int fd, uint64_t max, struct memory_sum *sum, struct err *err)
{
	char buf[16384];
	uint64_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), (off_t)at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, errno, "read the state of a template");
		at += (uint64_t)n;
		if (at > max)
			return err_set(err, EFBIG, "the state of a template is over %llu bytes",
				       (unsigned long long)max);
		XXH3_128bits_update(sum->state, buf, (size_t)n);
	}
	XXH3_128bits_update(sum->state, &at, sizeof(at));
	return 0;
}
