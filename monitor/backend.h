/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-user targets whose connection QEMU has itself, without a relay: that one is gone is noticed here, and said in the log. QEMU says
 * nothing, and the guest's I/O waits.
 */
#ifndef MOAT_MONITOR_BACKEND_H
#define MOAT_MONITOR_BACKEND_H

#include "monitor/monitor.h"

/* Before dev is attached; nothing to do for other devices. target: its socket on the host. */
int backend_watch(struct monitor *m, const struct device *dev, const char *target, struct err *err);
/* The device is taken out: the target must see the end of its connection. */
void backend_forget(struct monitor *m, const struct device *dev);

#endif
