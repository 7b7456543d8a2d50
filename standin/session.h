/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a stand-in after its set-up: attach to the monitor, wait for the
 * command's go, relay streams, signals and the terminal's size, end as the
 * process in the guest ended.
 */
#ifndef MOAT_STANDIN_SESSION_H
#define MOAT_STANDIN_SESSION_H

#include "base/err.h"
#include "standin/setup.h"

struct session;

#define END_MONITOR_GONE 137 /* as if killed by SIGKILL */

/*
 * Takes monitor_sock, also on failure. Everything that needs rights happens
 * here, nothing is sent yet. Descriptors 0-2 are the streams (one terminal, if setup says so), those from first_passed on are
 * what is passed to the process.
 */
int session_new(int monitor_sock, const struct setup *setup, int first_passed, struct session **ret,
		struct err *err);
/* Takes setup_sock. Until the end: the exit status. *ret_signal: die by this signal if possible; untouched if by none. */
int session_run(struct session *s, int setup_sock, int *ret_signal);
void session_free(struct session *s);

#endif
