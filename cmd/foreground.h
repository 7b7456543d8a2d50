/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a container's process in the foreground: signals, terminal, exit code. */
#ifndef MOAT_CMD_FOREGROUND_H
#define MOAT_CMD_FOREGROUND_H

#include <sys/types.h>
#include <termios.h>

#include "base/err.h"

/* The pty between the caller's terminal and the stand-in. */
struct terminal {
	int master, slave; /* -EBADF: no terminal */
	int tty; /* the caller's own, -EBADF if it has none */
	struct termios saved; /* of tty, to be restored */
};

#define TERMINAL_NONE                                            \
	{                                                        \
		.master = -EBADF, .slave = -EBADF, .tty = -EBADF \
	}

int terminal_open(struct terminal *t, struct err *err);
/* Restores the caller's terminal. */
void terminal_done(struct terminal *t);

/* Before the process can run: signals wait for foreground(), which passes them on. */
int foreground_hold_signals(struct err *err);
/* Waits for the child; returns its exit code, or 128 + n if it died by signal n. */
int foreground(pid_t pid, struct terminal *t, struct err *err);

#endif
