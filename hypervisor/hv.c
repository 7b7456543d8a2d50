/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/hv.h"

#include <string.h>

const struct hv_ops *const hv_backends[] = { &hv_qemu_ops, &hv_fake_ops, NULL };

const struct hv_ops *hv_find(const char *name)
{
	for (const struct hv_ops *const *p = hv_backends; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}
