/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rights a stand-in keeps for its life: its open descriptors. No
 * capability, no new program, no new descriptor but timers, and the
 * system calls listed in lockdown.c.
 */
#ifndef MOAT_STANDIN_LOCKDOWN_H
#define MOAT_STANDIN_LOCKDOWN_H

#include "base/err.h"

int lockdown(struct err *err);

#endif
