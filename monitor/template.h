/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM that is saved into, or started from, a template: two files, which the command opens
 * and names by descriptor. `memory` has the guest's memory (sparse: pages of zeros are holes), `devices` what
 * the hypervisor wrote. One sum covers both.
 *
 * The memory is copied when a VM starts, not mapped: vhost-user devices, virtio-fs among them, work on memory
 * that is shared with their daemon, and shared memory cannot be copy-on-write.
 */
#ifndef MOAT_MONITOR_TEMPLATE_H
#define MOAT_MONITOR_TEMPLATE_H

#include "monitor/monitor.h"

bool template_restoring(const struct monitor *m);
bool template_saving(const struct monitor *m);

/* Makes the file that becomes the guest's memory, m->memory_fd, if a template is involved. */
int template_begin(struct monitor *m, struct err *err);
/* Restoring: fills that file, in 20 to 40 ms, and compares the sum. */
int template_fill(struct monitor *m, struct err *err);
/* Restoring: both are no longer needed. */
void template_filled(struct monitor *m);

/* Saving: the creator's request, answered once the VM was ready and everything is written, or with why not. */
int template_save(struct client *c, uint32_t id, struct err *err);
void template_vm_ready(struct monitor *m);
void template_vm_ended(struct monitor *m, const struct err *err);

#endif
