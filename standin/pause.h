/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program in the guest, rather than a stand-in on the host, of a sandbox that was made without a container: the one static program
 * of ours that is there for it. It is started with the one argument SETUP_PAUSE and, unlike a stand-in, without a
 * set-up socket.
 */
#ifndef MOAT_STANDIN_PAUSE_H
#define MOAT_STANDIN_PAUSE_H

/* Waits for SIGTERM or SIGINT; children that are left to it, as process 1, are reaped by the kernel. */
int pause_run(void);

#endif
