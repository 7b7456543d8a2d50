/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the virtual machine: boot, the agent's session, the end. */
#ifndef MOAT_MONITOR_VM_H
#define MOAT_MONITOR_VM_H

#include "monitor/monitor.h"

/* Starts virtiofsd and the VM as m->setup says; failures end up in m->failure and with whoever waits. */
void vm_boot(struct monitor *m);
/* Ends it in order: the guest writes back what it holds, then the hypervisor is told to quit. */
void vm_end(struct monitor *m);
/* Ends it without the guest: the hypervisor is told to quit. */
void vm_end_now(struct monitor *m);
/* Ends it without asking anybody: the kernel kills what is left when this process exits. */
void vm_kill(struct monitor *m);
/* Ends it because of err, which waiting commands get. */
void vm_fail(struct monitor *m, const struct err *err);
/* Ends the process once the VM is gone and everybody has been told. */
void vm_maybe_exit(struct monitor *m);

#endif
