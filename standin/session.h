/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a stand-in after its set-up: attach to the monitor, wait for the
 * command's go, relay streams, signals and the terminal's size, end as the
 * process in the guest ended.
 */
#ifndef MOAT_STANDIN_SESSION_H
#define MOAT_STANDIN_SESSION_H

#include <stdbool.h>

#include "base/err.h"

struct session;

#define END_MONITOR_GONE 137 /* as if killed by SIGKILL */

/*
 * Takes monitor_sock, also on failure. Everything that needs rights happens
 * here, nothing is sent yet. terminal: descriptors 0-2 are one.
 */
int session_new(int monitor_sock, const char *id, const char *exec, bool terminal,
		struct session **ret, struct err *err);
/* Takes setup_sock. Until the end: the exit status. *ret_signal: die by this signal if possible; untouched if by none. */
int session_run(struct session *s, int setup_sock, int *ret_signal);
void session_free(struct session *s);

#endif
