/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor gives up once everything that needs privilege has been started. */
#ifndef MOAT_MONITOR_DROP_H
#define MOAT_MONITOR_DROP_H

#include "monitor/monitor.h"

int drop_privileges(struct monitor *m, struct err *err);

#endif
