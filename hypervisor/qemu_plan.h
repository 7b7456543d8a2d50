/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's command line. Everything that belongs to the host comes in by
 * descriptor under the numbers below; devices of the VM are attached later over QMP.
 */
#ifndef MOAT_HYPERVISOR_QEMU_PLAN_H
#define MOAT_HYPERVISOR_QEMU_PLAN_H

#include <stdint.h>

#include "hypervisor/hv.h"

enum qemu_fd {
	QEMU_FD_QMP = 3,
	QEMU_FD_CONSOLE,
	QEMU_FD_AGENT, /* not with vsock */
	QEMU_FD_MEMORY, /* only with memory_fd */
};

#define QEMU_MAX_PORTS 24u
#define QEMU_PORT_SLOT 4u /* PCI device number of root port 0 */
#define QEMU_MAX_VCPUS 240u
#define QEMU_MAX_CMDLINE 2047u /* bytes: the kernel's COMMAND_LINE_SIZE on x86 without the NUL */

/* *ret_argv is a string vector (strv_free). -EINVAL names the member of cfg that is wrong. */
int qemu_plan(const struct hv_config *cfg, char ***ret_argv, struct err *err);
/* True if guest memory is a file, whose size the process must be allowed to set. */
bool qemu_uses_memfd(const struct hv_config *cfg);
/* MiB that can be added to the guest's memory while it runs. */
uint32_t qemu_memory_room(const struct hv_config *cfg);

/* The device whose size says how much of it the guest is to have, and the file behind it. */
#define QEMU_MEMORY_DEVICE "memory0"

#endif
