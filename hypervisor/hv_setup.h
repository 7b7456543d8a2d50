/* SPDX-License-Identifier: Apache-2.0 */
/* From the description of a VM on the wire to what a backend takes. */
#ifndef MOAT_HYPERVISOR_HV_SETUP_H
#define MOAT_HYPERVISOR_HV_SETUP_H

#include "hypervisor/hv.h"
#include "wire/vm_setup.h"

/*
 * Borrows from s and cmdline (NULL: a guest that is restored). The VM process has the uid after the monitor's. Left to
 * the caller: vsock_cid, memory_fd, restore_fd.
 */
void hv_config_from_setup(const struct vm_setup *s, const char *kernel, const char *initrd,
			  const char *cmdline, struct hv_config *ret);

#endif
