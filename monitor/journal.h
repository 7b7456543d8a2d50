/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log file that cannot grow without bound, whatever the guest prints: up to
 * a limit, then one notice, and the tail is kept in memory for error messages.
 */
#ifndef MOAT_MONITOR_JOURNAL_H
#define MOAT_MONITOR_JOURNAL_H

#include <stddef.h>

#include "base/err.h"

struct journal;

#define JOURNAL_FILE_MAX ((size_t)1 << 20) /* bytes of one file, until set otherwise */
#define JOURNAL_TAIL 4096u /* bytes kept in memory */

/* Creates dirfd/name (0600). */
int journal_open(int dirfd, const char *name, struct journal **ret, struct err *err);
void journal_free(struct journal *j);
void journal_limit(struct journal *j, size_t bytes);
void journal_write(struct journal *j, const void *data, size_t len);
/*
 * The last lines that hold something, on one line, separated by " | ", without control
 * characters, at most size - 1 bytes. Returns the length.
 */
size_t journal_tail(const struct journal *j, char *out, size_t size);

#endif
