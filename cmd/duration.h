/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as Go writes them, and so as runc takes them: "5s", "1m30s", "100ms", "1.5h", "0". */
#ifndef MOAT_CMD_DURATION_H
#define MOAT_CMD_DURATION_H

#include <stdint.h>

/* *ret in milliseconds, what is shorter rounded up; may be negative. 0, -EINVAL, or -ERANGE beyond a year. */
int duration_parse(const char *s, int64_t *ret);

#endif
