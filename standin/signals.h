/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals are for the process in the guest. All of them are blocked, so that
 * none acts on the stand-in and none is lost, also while it is PID 1 of a pid namespace
 * (whose unblocked signals with default action the kernel drops), and read
 * from a signalfd. Not forwarded: KILL and STOP (nobody can), CHLD, PIPE,
 * the C library's 32 and 33.
 */
#ifndef MOAT_STANDIN_SIGNALS_H
#define MOAT_STANDIN_SIGNALS_H

#include <stdbool.h>

#include "base/err.h"

/* To be called first thing. */
void signals_block(void);
/* A non-blocking signalfd for everything that is forwarded, and SIGWINCH. */
int signals_open(struct err *err);
/* The next signal that waits, 0 if there is none. */
int signals_read(int fd);
/* Ends this process by the signal, without a core. Returns if that is impossible: no deadly one, or PID 1 of a namespace. */
void signals_die(int sig);

#endif
