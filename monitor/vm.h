/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the virtual machine, wanted or not. Its beginning is in boot.h. */
#ifndef MOAT_MONITOR_VM_H
#define MOAT_MONITOR_VM_H

#include "hypervisor/hv.h"
#include "monitor/monitor.h"

/* Ends it in order: the guest writes back what it holds, then the hypervisor is told to quit. */
void vm_end(struct monitor *m);
/* Ends it without the guest: the hypervisor is told to quit. */
void vm_end_now(struct monitor *m);
/* Ends it without asking anybody: the kernel kills what is left when this process exits. */
void vm_kill(struct monitor *m);
/* Ends it because of err, which waiting commands get. */
void vm_fail(struct monitor *m, const struct err *err);
/*
 * Something ended that also ends when the hypervisor does, whose own report says more and is then on the
 * way: only if none comes is this the reason.
 */
void vm_suspect(struct monitor *m, const struct err *err);
/* Why there is no machine (any more): what happened, with which files, and the guest's last words. */
void vm_down(const struct monitor *m, const char *what, struct err *err);
/* The hypervisor's events. */
void vm_on_hv_event(void *data, enum hv_event ev, const char *text);
/* Ends the process once the VM is gone and everybody has been told. */
void vm_maybe_exit(struct monitor *m);

#endif
