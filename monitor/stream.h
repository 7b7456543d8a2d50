/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes stream frames between stand-ins and the agent. Credit is end to end; the monitor
 * only checks it, in both directions, which bounds what it may have to queue.
 */
#ifndef MOAT_MONITOR_STREAM_H
#define MOAT_MONITOR_STREAM_H

#include "monitor/monitor.h"

struct process;

/* 0, or -EPROTO: the sender is to be cut off. */
int stream_from_guest(struct monitor *m, const struct wire_frame *f, struct err *err);
int stream_from_standin(struct process *p, const struct wire_frame *f, struct err *err);

#endif
