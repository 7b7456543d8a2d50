/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bind mounts whose source is a device node (docker run -v /dev/sdb:/dev/sdb). What a guest would find there is a node of the
 * host's, with a number that means something else to it. So they become what they mean: entries of linux.devices, with the mount's
 * destination as the path and mode and owner of the source; a disk is read-only where the mount is.
 */
#ifndef MOAT_DEVICES_MOUNTED_H
#define MOAT_DEVICES_MOUNTED_H

#include "base/err.h"
#include "oci/config.h"

/* bundle: relative sources are below this directory. *c becomes another one if there is such a mount. Errors name mounts[i]. */
int dev_take_mounted(struct oci_config **c, int bundle, struct err *err);

#endif
