/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices of the host, for linux.devices and for volumes. */
#ifndef MOAT_DEVICES_OPEN_H
#define MOAT_DEVICES_OPEN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "devices/plan.h"

/* The node by the kernel's name, from sysfs; the caller's. */
int dev_node_of(const struct dev_options *o, int64_t major, int64_t minor, char **ret,
		struct err *err);

/*
 * For writing only if nobody else writes to it or has it mounted (-EBUSY); alone: for reading, too. *readonly becomes true if the device cannot be
 * written. want: the device that it must be, checked by descriptor; 0: any.
 */
int dev_open_block(const char *path, dev_t want, bool alone, bool *readonly, struct err *err);

#endif
