/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rights a stand-in keeps for its life: its open descriptors. No
 * capability, no new program, no new descriptor but timers, and the
 * system calls listed in lockdown.c. With resolver also sockets of IPv4, which
 * reach what the network namespace does: the container's, never the host's.
 */
#ifndef MOAT_STANDIN_LOCKDOWN_H
#define MOAT_STANDIN_LOCKDOWN_H

#include <stdbool.h>

#include "base/err.h"

int lockdown(bool resolver, struct err *err);

#endif
