/* SPDX-License-Identifier: Apache-2.0 */
/* Copies a guest's memory between files, without its pages of zeros, and sums it up on the way. */
#ifndef MOAT_MONITOR_MEMORY_COPY_H
#define MOAT_MONITOR_MEMORY_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MEMORY_SUM_SIZE 33 /* a sum as text with its NUL */

struct memory_sum;
int memory_sum_new(struct memory_sum **ret, struct err *err);
void memory_sum_free(struct memory_sum *s);
void memory_sum_free_p(struct memory_sum **s);
/* The sum of what was added so far, as 32 hexadecimal digits: XXH3, which finds damage, not malice. */
void memory_sum_text(const struct memory_sum *s, char ret[MEMORY_SUM_SIZE]);

/*
 * Copies `size` bytes (whole pages) from one file to another, which is empty or full of holes, and
 * adds each page that is not zero with its place to the sum. *ret_bytes (may be NULL) is what was not zero. -ESTALE: the
 * source ends too early.
 */
int memory_copy(int from, int to, uint64_t size, struct memory_sum *sum, uint64_t *ret_bytes,
		struct err *err);
/* Adds a whole file of at most `max` bytes to the sum. */
int memory_sum_file(int fd, uint64_t max, struct memory_sum *sum, struct err *err);

#endif
