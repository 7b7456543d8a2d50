/* SPDX-License-Identifier: Apache-2.0 */
/* Reaps every child: container processes, and orphans that came to PID 1. */
#ifndef MOAT_AGENT_REAPER_H
#define MOAT_AGENT_REAPER_H

#include "agent/agent.h"

int reaper_start(struct agent *a, struct err *err);

#endif
