/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/ports.h"

#include <errno.h>
#include <stdlib.h>

int ports_init(struct ports *p, unsigned int n, struct err *err)
{
	*p = (struct ports){ .n = n };
	if (n == 0)
		return 0;
	p->owners = calloc(n, sizeof(*p->owners));
	if (!p->owners)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

void ports_done(struct ports *p)
{
	free(p->owners);
	*p = (struct ports){ 0 };
}

int ports_take(struct ports *p, const void *owner, struct err *err)
{
	for (unsigned int i = 0; i < p->n; i++) {
		if (!p->owners[i]) {
			p->owners[i] = owner;
			return (int)i;
		}
	}
	return err_set(err, ENOSPC,
		       "all %u pcie root ports are in use (pcie_root_port in the configuration)",
		       p->n);
}

void ports_release(struct ports *p, const void *owner)
{
	for (unsigned int i = 0; i < p->n; i++)
		if (p->owners[i] == owner)
			p->owners[i] = NULL;
}
