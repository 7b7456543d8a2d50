/* SPDX-License-Identifier: Apache-2.0 */
/* The device nodes and links that every container has in /dev. */
#ifndef MOAT_AGENT_DEVICES_H
#define MOAT_AGENT_DEVICES_H

#include "base/err.h"

/* root: the container's root. What exists already is left alone. */
int devices_make(int root, struct err *err);
/* O_PATH of the calling process's /dev/null, proven to be that device; or -errno. */
int devices_open_null(struct err *err);

#endif
