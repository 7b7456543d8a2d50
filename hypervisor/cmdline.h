/* SPDX-License-Identifier: Apache-2.0 */
/* The guest kernel's command line. */
#ifndef MOAT_HYPERVISOR_CMDLINE_H
#define MOAT_HYPERVISOR_CMDLINE_H

#include "base/err.h"
#include "wire/vm_setup.h"

/* Owned by the caller. The administrator's kernel_params come last, so that they win. */
int cmdline_build(const struct vm_setup *s, char **ret, struct err *err);

#endif
