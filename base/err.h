/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: every fallible function returns >= 0, or -errno with a message in
 * *err. struct err lives by value with the caller, nothing is ever freed, and
 * NULL is accepted everywhere. Messages are one line, lower case, without a
 * final period, and name the field, file or flag that is wrong. They are cut
 * at the size of the buffer, never overrun it.
 */
#ifndef MOAT_BASE_ERR_H
#define MOAT_BASE_ERR_H

struct err {
	int code; /* positive errno, 0 while unset */
	char msg[4092]; /* runc's messages quote paths, which may be PATH_MAX long */
};

/* Sets the message and returns -code. With code 0 it takes EIO. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Sets "<message>: <strerror(code)>" with the text in lower case as runc prints it; returns -code. */
int err_errno(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<context>: " in front of the message already there; returns -err->code (-EIO if unset). */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* strerror() as Go prints it: lower-case first letter ("no such file or directory"). Static storage per thread. */
const char *err_str(int code);

#ifdef MOAT_ANALYZE
/* Analyzers see one file at a time: tell them that these never return 0 or more. */
#define err_set(err, code, ...) ((void)err_set(err, code, __VA_ARGS__), -5)
#define err_errno(err, code, ...) ((void)err_errno(err, code, __VA_ARGS__), -5)
#define err_wrap(err, ...) ((void)err_wrap(err, __VA_ARGS__), -5)
#endif

#endif
