/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging with one sink a process. Nothing is printed until a program
 * installs a sink: a library must not write to its caller's descriptors.
 * Bytes from elsewhere (guest, config.json) are escaped by the sinks.
 */
#ifndef MOAT_BASE_LOG_H
#define MOAT_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_TEXT_US };

typedef void (*log_sink_fn)(void *data, enum log_level level, const char *msg);

/* Installs a sink (NULL: none) and the highest level that reaches it. */
void log_set_sink(log_sink_fn fn, void *data);
void log_set_level(enum log_level max);
int log_enabled(enum log_level level);

void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_msg(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_msg(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Formats one record with its newline as runc's logrus does:
 *   text  time="2026-11-20T12:39:50Z" level=error msg="..."
 *   json  {"level":"error","msg":"...","time":"2026-11-20T12:39:50Z"}
 * TEXT_US is text with microseconds, for logs that show what took how long.
 * Invalid UTF-8 and control characters come out escaped. The message is cut
 * so that the record stays complete. Returns the length written (< size).
 */
size_t log_format_record(char *buf, size_t size, enum log_format format, enum log_level level,
			 const char *msg);

/* A sink that writes records to a descriptor; data points to the struct, which the caller keeps alive. */
struct log_fd_sink {
	int fd;
	enum log_format format;
};
void log_to_fd(void *data, enum log_level level, const char *msg);

#endif
