/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of QEMU's monitor protocol in an event loop: transport only. It
 * negotiates by itself; calls made before that is finished wait. Replies are matched by id; each
 * call's callback runs exactly once, from the loop: with the reply, with its
 * deadline, or when the connection ends. qmp_free() drops open calls silently
 * and may be used inside any callback.
 */
#ifndef MOAT_HYPERVISOR_QMP_H
#define MOAT_HYPERVISOR_QMP_H

#include <jansson.h>

#include "base/err.h"
#include "base/loop.h"

struct qmp;

/*
 * ret: the reply's "return" value, borrowed; NULL on failure. err->code is 0 on success, else
 * ETIMEDOUT, ECONNRESET (the connection ended), ENODEV (QEMU knows no such device),
 * ENOSYS (QEMU knows no such command), EIO (any other refusal); the message has QEMU's words.
 */
typedef void (*qmp_reply_fn)(void *data, json_t *ret, const struct err *err);

struct qmp_handler {
	/* Negotiation has succeeded. */
	void (*on_ready)(struct qmp *q, void *data);
	/* body may be NULL. */
	void (*on_event)(struct qmp *q, const char *name, json_t *body, void *data);
	/* Once, after every open call has failed. */
	void (*on_closed)(struct qmp *q, const struct err *err, void *data);
};

/* Takes fd over (a connected socket), also on failure. */
int qmp_new(struct loop *loop, int fd, const struct qmp_handler *h, void *data, struct qmp **ret,
	    struct err *err);
void qmp_free(struct qmp *q);

/*
 * Executes a command. args is taken (also on failure) and may be NULL. fd >= 0 travels with the
 * command (getfd); it must stay open until the callback. On failure nothing was sent and fn is not called.
 */
int qmp_call(struct qmp *q, const char *command, json_t *args, int fd, int timeout_ms,
	     qmp_reply_fn fn, void *data, struct err *err);

/* Handles what can be read now: for when the process is known to have ended. */
void qmp_drain(struct qmp *q);

#endif
