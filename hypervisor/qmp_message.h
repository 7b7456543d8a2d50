/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU says on its QMP socket: framing into lines and parsing of one
 * line. The process at the other end may have been taken over by its guest, so that lines are
 * bounded in length and depth and anything unexpected is an error.
 */
#ifndef MOAT_HYPERVISOR_QMP_MESSAGE_H
#define MOAT_HYPERVISOR_QMP_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define QMP_MAX_LINE 1048576 /* bytes, without the newline */

struct qmp_lines {
	struct buf buf;
	size_t start; /* of the first line not yet handed out */
	size_t scanned; /* no newline before this position */
};

void qmp_lines_done(struct qmp_lines *l);
/* Adds what was read. -ENOMEM, or -EMSGSIZE when a line has become too long. */
int qmp_lines_add(struct qmp_lines *l, const void *data, size_t len, struct err *err);
/* 1 and the next complete line without its line end (borrowed until the next call of either), or 0. -EMSGSIZE too. */
int qmp_lines_next(struct qmp_lines *l, const char **ret_line, size_t *ret_len, struct err *err);

enum qmp_kind {
	QMP_GREETING,
	QMP_RETURN,
	QMP_ERROR,
	QMP_EVENT,
};

struct qmp_message {
	enum qmp_kind kind;
	json_t *doc; /* owned */
	json_t *body; /* in doc: "QMP", "return", "error" or the event's "data" (NULL if it has none) */
	const char *text; /* in doc: event name, error description; else "" */
	const char *class; /* in doc: error class; else "" */
	uint64_t id; /* 0: none (ours start at 1) */
};

/* -EPROTO for anything that is no QMP message. */
int qmp_parse(const char *line, size_t len, struct qmp_message *ret, struct err *err);
void qmp_message_done(struct qmp_message *m);

#endif
