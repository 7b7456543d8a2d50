/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#undef err_set
#undef err_errno
#undef err_wrap

const char *err_str(int code)
{
	static __thread char buf[128];
	const char *s = strerrordesc_np(code);

	if (!s) {
		snprintf(buf, sizeof(buf), "errno %d", code);
		return buf;
	}
	snprintf(buf, sizeof(buf), "%s", s);
	/* Abbreviations stay ("RFS specific error"). */
	if (buf[0] >= 'A' && buf[0] <= 'Z' && !(buf[1] >= 'A' && buf[1] <= 'Z'))
		buf[0] += 'a' - 'A';
	return buf;
}

/* Callers may hand in a -errno by mistake; the sign of ours is fixed. */
static int normalise(int code)
{
	if (code == 0)
		return EIO;
	return code < 0 ? -code : code;
}

/* Formats into size bytes; a cut message ends at a character's end. Returns its length. */
static size_t __attribute__((format(printf, 3, 0)))
format(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	if (n < 0) {
		buf[0] = '\0';
		return 0;
	}
	if ((size_t)n >= size) {
		n = (int)str_cut(buf, size - 1);
		buf[n] = '\0';
	}
	return (size_t)n;
}

/*
 * All three format into a buffer of their own first: an argument may point
 * into the very message that is replaced.
 */
int err_set(struct err *err, int code, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	va_list ap;

	code = normalise(code);
	if (!err)
		return -code;
	va_start(ap, fmt);
	size_t n = format(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	memcpy(err->msg, msg, n + 1);
	err->code = code;
	return -code;
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	va_list ap;

	code = normalise(code);
	if (!err)
		return -code;
	/* What is cut is the context, never the reason. */
	const char *reason = err_str(code);
	size_t tail = 2 + strlen(reason);

	va_start(ap, fmt);
	size_t n = format(msg, sizeof(msg) - tail, fmt, ap);
	va_end(ap);
	snprintf(msg + n, sizeof(msg) - n, "%s%s", n ? ": " : "", reason);
	memcpy(err->msg, msg, strlen(msg) + 1);
	err->code = code;
	return -code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	va_list ap;

	if (!err)
		return -EIO;
	va_start(ap, fmt);
	size_t n = format(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (err->msg[0] != '\0' && n < sizeof(msg) - 1) {
		size_t room = sizeof(msg) - 1 - n;
		size_t sep = room < 2 ? room : 2;
		size_t len = strlen(err->msg);

		memcpy(msg + n, ": ", sep);
		n += sep;
		room -= sep;
		if (len > room)
			len = str_cut(err->msg, room);
		memcpy(msg + n, err->msg, len);
		msg[n + len] = '\0';
	}
	memcpy(err->msg, msg, strlen(msg) + 1);
	if (err->code == 0)
		err->code = EIO;
	return -err->code;
}
