/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's report of a container's processes, decoded. Whatever the guest says is text for people, no more. */
#ifndef MOAT_LIBRUNTIME_PS_H
#define MOAT_LIBRUNTIME_PS_H

#include <jansson.h>

#include "base/err.h"
#include "libruntime/runtime.h"

/* Decodes the agent's answer to container.processes with details; *ret is the caller's (rt_processes_done). */
int ps_decode(const json_t *result, struct moat_processes *ret, struct err *err);

#endif
