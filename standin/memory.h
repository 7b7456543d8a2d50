/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There is a stand-in for every process of every container: what only the
 * set-up needed is given back when it is over.
 */
#ifndef MOAT_STANDIN_MEMORY_H
#define MOAT_STANDIN_MEMORY_H

/* Returns free heap, and the pages of the program itself; those still used come back from the page cache. */
void memory_shrink(void);

#endif
