/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/machine.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

static const struct {
	const char *machine, *cmdline;
} machines[] = {
	{ "q35", "" },
	/* It has no ACPI hot-plug: only the root ports' own works. */
	{ "microvm", "pcie_ports=native" },
};

const char *hv_machine_cmdline(const char *machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (strcmp(machines[i].machine, machine) == 0)
			return machines[i].cmdline;
	return NULL;
}
