/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_TESTS_AGENT_CHECKS_H
#define MOAT_TESTS_AGENT_CHECKS_H

#include "tests/tools/agent_steps.h"

/* All of them, or those that d->only chooses. */
void checks_run(struct drive *d);

/* ---- agent_container_checks.c ---- */

void check_run(struct drive *d);
void check_environment(struct drive *d);
void check_create_errors(struct drive *d);
void check_paths(struct drive *d);
void check_devices(struct drive *d);
void check_hostile(struct drive *d);
void check_guest_stats(struct drive *d);

/* ---- agent_process_checks.c ---- */

void check_stdin(struct drive *d);
void check_exec(struct drive *d);
void check_created(struct drive *d);
void check_tty(struct drive *d);
void check_flow(struct drive *d);
void check_pause(struct drive *d);
void check_many(struct drive *d);

#endif
