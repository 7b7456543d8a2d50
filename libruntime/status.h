/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is doing now: computed from what was recorded, from whether the recorded processes live (pid
 * and start time, boot id), and from the monitor's answer. Never depends on the guest.
 */
#ifndef MOAT_LIBRUNTIME_STATUS_H
#define MOAT_LIBRUNTIME_STATUS_H

#include "libruntime/state.h"

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

const char *status_name(enum status s);
enum status status_compute(int state_fd, const struct state *s);
/* A recorded process of this boot that still lives; -ESRCH otherwise. Returns a pidfd. */
int status_open_process(const struct state *s, const struct state_process *p);

#endif
