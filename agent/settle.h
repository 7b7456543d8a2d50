/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a guest to rest before it becomes a template. */
#ifndef MOAT_AGENT_SETTLE_H
#define MOAT_AGENT_SETTLE_H

/*
 * Waits, at most that long, until the kernel has done what it puts off until after the boot, so
 * that not every copy does it again; then gives back the memory that only the boot has used.
 */
void settle(int timeout_ms);

#endif
