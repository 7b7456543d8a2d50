/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources, written into a container's cgroup. */
#ifndef MOAT_AGENT_RESOURCES_H
#define MOAT_AGENT_RESOURCES_H

#include "base/err.h"
#include "oci/resources.h"

/* Sets what is given, file by file; errors name the field below path. What was set before a failure stays set. */
int resources_apply(int cgroup, const struct oci_resources *r, const char *path, struct err *err);

#endif
