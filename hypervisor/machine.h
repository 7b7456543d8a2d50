/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine type wants on the guest kernel's command line. */
#ifndef MOAT_HYPERVISOR_MACHINE_H
#define MOAT_HYPERVISOR_MACHINE_H

/*
 * Kernel parameters without which devices of this machine do not work, "" if
 * there are none; NULL for an unknown machine type. Static.
 */
const char *hv_machine_cmdline(const char *machine);

#endif
