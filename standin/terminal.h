/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's pty, whose slave is descriptors 0, 1 and 2. It is only a pipe with a
 * size: the guest's pty does all processing of input and output. The one
 * setting that callers change on the host's is ONLCR (conmon sets it after it
 * has received the master); it is told to the guest's.
 */
#ifndef MOAT_STANDIN_TERMINAL_H
#define MOAT_STANDIN_TERMINAL_H

#include <stdbool.h>

#include "base/err.h"

struct terminal {
	unsigned short rows, cols;
	bool onlcr;
};

/* Makes it the controlling terminal and raw; ONLCR stays as it is. */
int terminal_init(int fd, struct err *err);
/* Reads size and ONLCR; takes output processing back if somebody switched it on. True if *t changed. */
bool terminal_update(int fd, struct terminal *t);

#endif
