/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-terminals, always of the container's own devpts. */
#ifndef MOAT_AGENT_TTY_H
#define MOAT_AGENT_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/config.h"

/*
 * Makes a terminal in the devpts that is mounted at /dev/pts in the tree at
 * root, which is proven to be one. ONLCR is off, as runc has it; size may be NULL.
 */
int tty_open(int root, const struct oci_console_size *size, int *ret_master, int *ret_slave,
	     struct err *err);
/* Any of the master's settings; 0 or -errno. */
int tty_resize(int master, unsigned int rows, unsigned int cols);
int tty_set_onlcr(int master, bool on);
/*
 * The bytes that mean end of file to whoever reads from the terminal; their
 * number (0: in raw mode nothing does). midline: the last input was not the end of a line.
 */
size_t tty_eof(int master, bool midline, uint8_t ret[2]);

#endif
