/* SPDX-License-Identifier: Apache-2.0 */
/* From the description of a VM to a guest whose agent answers. */
#ifndef MOAT_MONITOR_BOOT_H
#define MOAT_MONITOR_BOOT_H

#include "monitor/monitor.h"

/* Starts virtiofsd and the VM as m->setup says; failures end up in m->failure and with whoever waits. */
void vm_boot(struct monitor *m);

#endif
