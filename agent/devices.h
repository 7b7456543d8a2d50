/* SPDX-License-Identifier: Apache-2.0 */
/* The device nodes and links of a container. */
#ifndef MOAT_AGENT_DEVICES_H
#define MOAT_AGENT_DEVICES_H

#include <sys/types.h>

#include "base/err.h"
#include "oci/config.h"

/* The nodes of linux.devices, then those that every container has. What exists already is left alone. */
int devices_make(int root, const struct oci_config *config, struct err *err);
/* One more node in a container that is there; -EEXIST: there is something with that path. */
int devices_add_node(int root, const struct oci_device *d, struct err *err);
/* Removes it, if it still is that device's. */
int devices_remove_node(int root, const char *path, dev_t number, struct err *err);
/* O_PATH of the calling process's /dev/null, proven to be that device; or -errno. */
int devices_open_null(struct err *err);

#endif
