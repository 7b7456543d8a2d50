/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `resize`: what the limits of a container ask of the VM, in place of what they asked before. The VM then has what all
 * containers ask for together, as far as it can grow: the hypervisor offers it, at once even while the guest still boots, and
 * the agent puts it to use. Requests are answered when that is done; what is to become less is not waited for.
 * What cannot be had is forgotten, and what the container had before stays its own.
 */
#ifndef MOAT_MONITOR_RESIZE_H
#define MOAT_MONITOR_RESIZE_H

#include "monitor/client.h"

/* Answers later, with {"memory", "vcpus"} of the VM. */
int resize_request(struct client *c, uint32_t id, json_t *params, struct err *err);
/* The VM's present size: MiB and processors. */
void resize_size(const struct monitor *m, uint32_t *ret_memory, uint32_t *ret_vcpus);
/* The container is gone, its demand with it. */
void resize_forget(struct monitor *m, const char *container);
void resize_vm_ready(struct monitor *m);
/* Requests that wait fail with err; frees everything. */
void resize_vm_ended(struct monitor *m, const struct err *err);
void resize_client_gone(struct monitor *m, const struct client *c);

#endif
