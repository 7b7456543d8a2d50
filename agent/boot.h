/* SPDX-License-Identifier: Apache-2.0 */
/* What PID 1 does before anything else: the guest's own mounts, identity of the process, kernel command line. */
#ifndef MOAT_AGENT_BOOT_H
#define MOAT_AGENT_BOOT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/agent.h"

/* Mounts /dev, /proc, /sys and so on, loads modules, opens what struct agent keeps of them. Fatal on failure. */
void boot_guest(struct agent *a);
/* Cgroup part, which may come after the channel is open. */
void boot_cgroups(struct agent *a);
/* The same descriptors on a development machine. share and cgroup may be NULL. */
int boot_test(struct agent *a, const char *share, const char *cgroup, const char *state_dir,
	      struct err *err);
/* The value of key=value on the kernel's command line; false if it is not there. */
bool boot_param(const char *key, char *value, size_t size);

#endif
