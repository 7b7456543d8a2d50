/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device sits on which PCIe root port. QEMU accepts a second device on
 * an occupied port without complaint, so this table alone decides.
 */
#ifndef MOAT_DEVICES_PORTS_H
#define MOAT_DEVICES_PORTS_H

#include "base/err.h"

struct ports {
	unsigned int n;
	const void **owners; /* NULL: free */
};

int ports_init(struct ports *p, unsigned int n, struct err *err);
void ports_done(struct ports *p);
/* The lowest free port becomes owner's. Returns its index, or -ENOSPC with the limit in the message. */
int ports_take(struct ports *p, const void *owner, struct err *err);
/* Frees what owner holds; nothing if it holds none. */
void ports_release(struct ports *p, const void *owner);

#endif
