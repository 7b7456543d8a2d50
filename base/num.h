/* SPDX-License-Identifier: Apache-2.0 */
/* Strict decimal numbers: no white space, no sign for unsigned, no trailing bytes, no overflow. */
#ifndef MOAT_BASE_NUM_H
#define MOAT_BASE_NUM_H

#include <stdint.h>

/* 0, or -EINVAL (not a number) or -ERANGE (out of [min, max]); *ret untouched on failure. */
int num_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
int num_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
int num_u32(const char *s, uint32_t min, uint32_t max, uint32_t *ret);
int num_int(const char *s, int min, int max, int *ret);
/*
 * A size in bytes as people write it: "64m", "1.5 GiB", "100kb"; units are powers of 1024. 0, -EINVAL, or
 * -ERANGE beyond INT64_MAX.
 */
int num_size(const char *s, int64_t *ret);

#endif
