/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU's own emulation, TCG, can be trusted with. Before 8.1 it does not hold a page's lock while it translates from it, so
 * that with a thread for each virtual processor one can go on with code that another has just patched: Linux then meets a
 * breakpoint of its own that it has already removed ("Oops: int3"). With one thread for all of them this cannot happen.
 */
#ifndef MOAT_HYPERVISOR_TCG_H
#define MOAT_HYPERVISOR_TCG_H

#include <stdbool.h>

#include "base/err.h"

/* From the first line of "qemu-system-... --version"; one that cannot be read counts as old. */
bool tcg_version_is_safe(const char *line);

/* Runs path --version: 20 ms and more. *ret: all virtual processors have to share a thread. -errno: it does not run. */
int tcg_needs_one_thread(const char *path, bool *ret, struct err *err);

#endif
