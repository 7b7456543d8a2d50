/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>

#include "base/log.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static struct {
	int calls;
	enum log_level level;
	char msg[16384];
} seen;

static void record(void *data, enum log_level level, const char *msg)
{
	ck_assert_ptr_eq(data, &seen);
	seen.calls++;
	seen.level = level;
	snprintf(seen.msg, sizeof(seen.msg), "%s", msg);
	errno = ENOMEM;
}

START_TEST(sink_and_level)
{
	log_error("nobody listens");
	ck_assert(!log_enabled(LOG_LEVEL_ERROR));
	log_set_sink(record, &seen);
	errno = EBUSY;
	log_warn("%s %d", "w", 1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(seen.calls, 1);
	ck_assert_int_eq(seen.level, LOG_LEVEL_WARN);
	ck_assert_str_eq(seen.msg, "w 1");
	log_debug("below the level");
	ck_assert_int_eq(seen.calls, 1);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("d");
	ck_assert_int_eq(seen.calls, 2);
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("w");
	ck_assert_int_eq(seen.calls, 2);
	log_set_sink(NULL, NULL);
	log_error("e");
	ck_assert_int_eq(seen.calls, 2);
}
END_TEST

START_TEST(long_message_is_cut)
{
	static char big[20000];

	for (size_t i = 0; i + 3 < sizeof(big); i += 3)
		memcpy(big + i, "\xe2\x82\xac", 3);
	log_set_sink(record, &seen);
	for (int shift = 0; shift < 3; shift++) {
		log_error("%.*s%s", shift, "ab", big);
		ck_assert_uint_gt(strlen(seen.msg), 8000);
		ck_assert(str_is_utf8(seen.msg, strlen(seen.msg)));
	}
}
END_TEST

/* The message part of a text record. */
static const char *text(const char *msg)
{
	static char buf[1024];
	const char *head = "time=\"2000-01-01T00:00:00Z\" level=info msg=";
	size_t n = log_format_record(buf, sizeof(buf), LOG_FORMAT_TEXT, LOG_LEVEL_INFO, msg);

	ck_assert_uint_eq(n, strlen(buf));
	ck_assert_int_eq(buf[n - 1], '\n');
	buf[n - 1] = '\0';
	ck_assert_mem_eq(buf, head, 6);
	ck_assert_mem_eq(buf + 25, head + 25, strlen(head) - 25);
	return buf + strlen(head);
}

START_TEST(text_format)
{
	ck_assert_str_eq(text("plain"), "\"plain\"");
	ck_assert_str_eq(text(""), "\"\"");
	ck_assert_str_eq(text("a \"q\" \\ b"), "\"a \\\"q\\\" \\\\ b\"");
	ck_assert_str_eq(text("l1\nl2\r\tx"), "\"l1\\nl2\\r\\tx\"");
	ck_assert_str_eq(text("\x1b[31m\x7f\x01"), "\"\\x1b[31m\\x7f\\x01\"");
	ck_assert_str_eq(text("\xff\xe2\x82"), "\"\\xff\\xe2\\x82\"");
	ck_assert_str_eq(text("\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xe2\x82\xac\xf0\x9f\x98\x80\"");
	/* C1 control, right-to-left override, a tag character */
	ck_assert_str_eq(text("\xc2\x9b \xe2\x80\xae \xf3\xa0\x81\x81"),
			 "\"\\u009b \\u202e \\U000e0041\"");
}
END_TEST

START_TEST(microseconds)
{
	char buf[64];
	size_t n = log_format_record(buf, sizeof(buf), LOG_FORMAT_TEXT_US, LOG_LEVEL_INFO, "x");

	ck_assert_uint_eq(n, strlen("time=\"2000-01-01T00:00:00.123456Z\" level=info msg=\"x\"\n"));
	ck_assert_int_eq(buf[strlen("time=\"2000-01-01T00:00:00")], '.');
	ck_assert_uint_eq(strspn(buf + strlen("time=\"2000-01-01T00:00:00."), "0123456789"), 6);
	ck_assert_str_eq(buf + n - strlen("Z\" level=info msg=\"x\"\n"),
			 "Z\" level=info msg=\"x\"\n");
}
END_TEST

START_TEST(levels)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	char buf[256], want[64];

	for (int i = 0; i < 4; i++) {
		log_format_record(buf, sizeof(buf), LOG_FORMAT_TEXT, (enum log_level)i, "m");
		snprintf(want, sizeof(want), "level=%s msg=", names[i]);
		ck_assert_ptr_nonnull(strstr(buf, want));
		log_format_record(buf, sizeof(buf), LOG_FORMAT_JSON, (enum log_level)i, "m");
		snprintf(want, sizeof(want), "{\"level\":\"%s\",\"msg\":\"m\",\"time\":\"2",
			 names[i]);
		ck_assert(str_has_prefix(buf, want));
	}
}
END_TEST

START_TEST(json_format)
{
	const char *msg = "a\"b\\c\n\x1b\x7f \xc2\x9b \xf3\xa0\x81\x81 \xe2\x82\xac";
	char buf[1024];
	size_t n = log_format_record(buf, sizeof(buf), LOG_FORMAT_JSON, LOG_LEVEL_ERROR, msg);
	json_t *v = json_loadb(buf, n, 0, NULL);

	ck_assert_ptr_nonnull(v);
	ck_assert_str_eq(json_string_value(json_object_get(v, "msg")), msg);
	json_decref(v);
	for (size_t i = 0; i + 1 < n; i++)
		ck_assert(buf[i] >= 0x20 || (unsigned char)buf[i] >= 0x80);
	/* Invalid bytes are replaced: JSON cannot carry them. */
	n = log_format_record(buf, sizeof(buf), LOG_FORMAT_JSON, LOG_LEVEL_ERROR, "x\xffy");
	v = json_loadb(buf, n, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(v, "msg")), "x\xef\xbf\xbdy");
	json_decref(v);
}
END_TEST

/* Whatever the size, a record is complete or absent. */
START_TEST(record_is_complete_when_cut)
{
	const char *msg =
		"a\xff\n\"\xe2\x82\xac\xf3\xa0\x81\x81 and a good deal more text to fill the rest of it";

	for (size_t size = 0; size < 200; size++) {
		for (int f = 0; f < 3; f++) {
			char *buf = malloc(size + 1);
			size_t n = log_format_record(buf, size, (enum log_format)f, LOG_LEVEL_INFO,
						     msg);

			ck_assert(n < size || (n == 0 && size == 0));
			if (n > 0) {
				ck_assert_int_eq(buf[n - 1], '\n');
				ck_assert_int_eq(buf[n], '\0');
				if (f == LOG_FORMAT_JSON) {
					json_t *v = json_loadb(buf, n, 0, NULL);

					ck_assert_ptr_nonnull(v);
					json_decref(v);
				} else {
					ck_assert_int_eq(buf[n - 2], '"');
				}
			}
			ck_assert(n > 0 || size < 80);
			free(buf);
		}
	}
}
END_TEST

START_TEST(to_fd)
{
	int p[2];
	char buf[256];
	struct log_fd_sink sink = { .format = LOG_FORMAT_TEXT };

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	sink.fd = p[1];
	log_set_sink(log_to_fd, &sink);
	log_error("first\nsecond");
	ssize_t n = read(p[0], buf, sizeof(buf) - 1);
	ck_assert_int_gt(n, 0);
	buf[n] = '\0';
	ck_assert(str_has_suffix(buf, "level=error msg=\"first\\nsecond\"\n"));
	/* A descriptor that cannot be written is no reason to fail. */
	sink.fd = -1;
	log_error("lost");
	close(p[0]);
	close(p[1]);
}
END_TEST

UNIT_MAIN("log", sink_and_level, long_message_is_cut, text_format, microseconds, levels,
	  json_format, record_is_complete_when_cut, to_fd)
