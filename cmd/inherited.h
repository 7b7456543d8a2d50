/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of LISTEN_FDS that a caller wants the container to have. None can cross into a virtual machine. */
#ifndef MOAT_CMD_INHERITED_H
#define MOAT_CMD_INHERITED_H

#include "base/err.h"

/* An error if there are some that are meant for this process. */
int inherited_check(struct err *err);

#endif
