/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON with descriptors over a blocking unix stream socket: how the command
 * tells moat-standin what to build (descriptor 3 of the stand-in), and the answer.
 *
 *	u32 length, little-endian | JSON object with "n_fds" | for every 16 descriptors one byte that carries them
 *
 * Both ends are ours; the limits bound damage, not malice. Conversation with
 * a stand-in:
 *
 *	command -> {"id", "exec", ...}     see standin/setup.h
 *	        <- {"ok": true, "warnings": ["..."]}  or {"error": {"code", "message"}}
 *	command -> the byte 'g': the process exists, go on without me. End of file instead: it ends, silently.
 *	        <- {"error": ...} in place of waiting for that byte, if the monitor refused `attach`
 */
#ifndef MOAT_WIRE_SETUP_MSG_H
#define MOAT_WIRE_SETUP_MSG_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

#define SETUP_MAX_BYTES 0x400000u /* 4 MiB */
#define SETUP_MAX_FDS 4096u
#define SETUP_GO 'g'
/* The one argument of a moat-standin that is no stand-in, but the program of a sandbox without a container: standin/pause.h */
#define SETUP_PAUSE "--pause"

struct setup_limits {
	size_t max_bytes; /* of the JSON text; 0: SETUP_MAX_BYTES */
	size_t max_fds;
};

/* json is borrowed ("n_fds" is added to what is sent, not to it), the descriptors stay the caller's. 0 or -errno. */
int setup_msg_send(int sock, json_t *json, const int *fds, size_t n_fds, struct err *err);
/*
 * *ret_fds is a fresh array of *ret_n descriptors (close-on-exec), both the
 * caller's: setup_msg_close(). -ENODATA if the other side closed before the first byte.
 */
int setup_msg_recv(int sock, const struct setup_limits *limits, json_t **ret_json, int **ret_fds,
		   size_t *ret_n, struct err *err);
/* Closes the descriptors that are >= 0 and frees the array. */
void setup_msg_close(int *fds, size_t n_fds);

#endif
