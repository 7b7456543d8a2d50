/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and processors that the host gives to a guest that runs, and takes from it. */
#ifndef MOAT_AGENT_RESIZE_H
#define MOAT_AGENT_RESIZE_H

#include <jansson.h>

#include "agent/agent.h"

/* At the start, before the host can have given any. */
void resize_begin(struct agent *a);
/* What a guest needs for it and can have ready ahead of time. */
void resize_prepare(void);
/* params of sandbox.resize: waits until the guest has what is more, and uses it. */
int resize_to(struct agent *a, const json_t *params, struct err *err);

/* ---- for tests: below another /sys ---- */

/* Puts every processor there to use that is not; how many are in use then, or -errno. */
int resize_online_cpus(const char *path, struct err *err);

#endif
