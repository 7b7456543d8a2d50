/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller wants of a process, put into an OCI process object: one of exec, or a container's own. */
#ifndef MOAT_LIBRUNTIME_PROCESS_H
#define MOAT_LIBRUNTIME_PROCESS_H

#include <jansson.h>

#include "libruntime/runtime.h"

/* args, env, cwd, user, additional_gids, caps, tty (0 and 1), apparmor, label and no_new_privs, as far as they are given. */
int process_apply(const struct rt_exec *a, json_t *process, struct err *err);

#endif
