/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/str.h"

#define MAX_MESSAGE 8192
#define MAX_RECORD (4 * MAX_MESSAGE)

static struct {
	log_sink_fn fn;
	void *data;
	enum log_level max;
} sink = { .max = LOG_LEVEL_INFO };

void log_set_sink(log_sink_fn fn, void *data)
{
	sink.fn = fn;
	sink.data = data;
}

void log_set_level(enum log_level max)
{
	sink.max = max;
}

int log_enabled(enum log_level level)
{
	return sink.fn && level <= sink.max;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	char msg[MAX_MESSAGE];
	int saved = errno;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	int n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (n < 0)
		snprintf(msg, sizeof(msg), "(message cannot be formatted: %s)", fmt);
	else if ((size_t)n >= sizeof(msg))
		msg[str_cut(msg, sizeof(msg) - 1)] = '\0';
	sink.fn(sink.data, level, msg);
	errno = saved;
}

/* ---- records ---- */

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARN:
		return "warning"; /* logrus' word */
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "unknown";
}

/* Characters that move the cursor, hide or reorder text on a terminal. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

/* One character of the message, escaped for the format, into out. Returns its length; *used: bytes of s. */
static size_t escape(char out[16], const char *s, size_t len, enum log_format format, size_t *used)
{
	bool json = format == LOG_FORMAT_JSON;
	uint32_t c;
	size_t n = str_utf8_char(s, len, &c);

	if (n == 0) {
		*used = 1;
		if (json)
			return (size_t)sprintf(out, "\\ufffd");
		return (size_t)sprintf(out, "\\x%02x", (unsigned char)*s);
	}
	*used = n;
	if (c == '"' || c == '\\')
		return (size_t)sprintf(out, "\\%c", (int)c);
	if (c == '\n' || c == '\t' || c == '\r')
		return (size_t)sprintf(out, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
	if (!is_unsafe(c)) {
		memcpy(out, s, n);
		return n;
	}
	if (c >= 0x10000) {
		if (!json)
			return (size_t)sprintf(out, "\\U%08x", c);
		c -= 0x10000;
		return (size_t)sprintf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
				       0xdc00 + (c & 0x3ff));
	}
	if (c < 0x80 && !json)
		return (size_t)sprintf(out, "\\x%02x", c);
	return (size_t)sprintf(out, "\\u%04x", c);
}

size_t log_format_record(char *buf, size_t size, enum log_format format, enum log_level level,
			 const char *msg)
{
	bool json = format == LOG_FORMAT_JSON;
	char when[48], head[112], tail[80];
	struct timespec now;
	struct tm tm = { 0 };
	size_t n;

	if (size == 0)
		return 0;
	buf[0] = '\0';
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	if (format == LOG_FORMAT_TEXT_US)
		n += (size_t)snprintf(when + n, sizeof(when) - n, ".%06ld", now.tv_nsec / 1000);
	snprintf(when + n, sizeof(when) - n, "Z");
	if (json) {
		snprintf(head, sizeof(head), "{\"level\":\"%s\",\"msg\":\"", level_name(level));
		snprintf(tail, sizeof(tail), "\",\"time\":\"%s\"}\n", when);
	} else {
		snprintf(head, sizeof(head), "time=\"%s\" level=%s msg=\"", when, level_name(level));
		snprintf(tail, sizeof(tail), "\"\n");
	}

	size_t at = strlen(head), end = strlen(tail), left = strlen(msg);
	if (at + end >= size)
		return 0;
	memcpy(buf, head, at);
	while (left > 0) {
		char out[16];
		size_t used;

		n = escape(out, msg, left, format, &used);

		if (at + n + end >= size)
			break;
		memcpy(buf + at, out, n);
		at += n;
		msg += used;
		left -= used;
	}
	memcpy(buf + at, tail, end + 1);
	return at + end;
}

void log_to_fd(void *data, enum log_level level, const char *msg)
{
	const struct log_fd_sink *to = data;
	char record[MAX_RECORD];
	size_t n = log_format_record(record, sizeof(record), to->format, level, msg);

	/* Nobody is left to be told if this fails. One write: records of several processes do not mix. */
	(void)io_write_all(to->fd, record, n);
}
