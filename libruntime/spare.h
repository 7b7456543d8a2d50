/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spares: VMs that were started from a template ahead of their use, have run a container of ours once, so that nothing
 * is done for the first time any more, and wait. <root>/@spares/<name>/ has what a container's directory has of
 * a monitor, and spare.json; <name>.new is being made if its lock is held.
 *
 * A spare belongs to nobody until a `create` takes it: it answers to the description of its VM, word for word.
 */
#ifndef MOAT_LIBRUNTIME_SPARE_H
#define MOAT_LIBRUNTIME_SPARE_H

#include "libruntime/monitor_client.h"
#include "libruntime/vm_config.h"

/*
 * Takes one that fits: its monitor's socket and logs move into `dir`, and its processes into the cgroups. The connection in *ret
 * is the creator's, as from monitor_spawn(): closing it before `commit` ends the VM. False: there is none.
 */
bool spare_take(const struct vm_config *vm, const char *id, int dir, char *const *cgroups,
		struct monitor_proc *ret);
/* Starts `moat template fill` and does not wait for it. */
void spare_fill_in_background(const struct rt *rt, const struct vm_config *vm);

/* Makes as many as vm_cache_number wants; waits for nobody else who does. */
int rt_spare_fill(const struct rt *rt, struct err *err);
/* How many are ready. */
int rt_spare_count(const struct rt *rt);
/* Ends and removes all of them. Returns how many. */
int rt_spare_remove(const struct rt *rt, struct err *err);

#endif
