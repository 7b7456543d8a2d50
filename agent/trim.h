/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the agent small in the guest: after work that is done once, or seldom, its memory is given back. */
#ifndef MOAT_AGENT_TRIM_H
#define MOAT_AGENT_TRIM_H

/*
 * Returns free heap memory, and forgets which pages of the program were used:
 * those of the start are not needed again, the others come back by themselves.
 */
void trim_memory(void);

#endif
