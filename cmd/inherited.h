/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that a caller wants the container to have. None can cross into a virtual machine. */
#ifndef MOAT_CMD_INHERITED_H
#define MOAT_CMD_INHERITED_H

#include "base/err.h"

/* An error if there are some: --preserve-fds, or sockets of LISTEN_FDS that are meant for this process. */
int inherited_check(unsigned int preserve_fds, struct err *err);

#endif
