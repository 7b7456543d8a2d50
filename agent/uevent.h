/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a device that the kernel is about to make. */
#ifndef MOAT_AGENT_UEVENT_H
#define MOAT_AGENT_UEVENT_H

#include "base/err.h"

/*
 * Calls look() at once, and again whenever the kernel has reported something whose path contains `what`,
 * until it returns anything but -ENOENT, which is then returned. -ETIMEDOUT after timeout_ms, err untouched.
 */
int uevent_until(const char *what, int (*look)(void *data, struct err *err), void *data,
		 int timeout_ms, struct err *err);

#endif
