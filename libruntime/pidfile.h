/* SPDX-License-Identifier: Apache-2.0 */
/* --pid-file: decimal, no newline, replaced by rename so that a reader never sees half of it. */
#ifndef MOAT_LIBRUNTIME_PIDFILE_H
#define MOAT_LIBRUNTIME_PIDFILE_H

#include <sys/types.h>

#include "base/err.h"

int pidfile_write(const char *path, pid_t pid, struct err *err);

#endif
