/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "wire/message.h"

#define STAT_FIELDS 24 /* up to rss: what columns are made of */
#define ROW_OVERHEAD 64 /* keys, numbers and punctuation of one process */

/* The first size - 1 bytes of /proc/PID/name; the length, or -errno. */
static ssize_t read_of(int proc_fd, pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	_close_ int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

bool ps_cut_stat(char *line)
{
	/* The name may hold anything, parentheses too; behind the last one there are numbers only. */
	char *p = strrchr(line, ')');

	for (int i = 2; p && i < STAT_FIELDS; i++)
		p = strchr(p + 1, ' ');
	if (!p)
		return false;
	p[1 + strcspn(p + 1, " \n")] = '\0';
	return true;
}

void ps_join_command(char *buf, size_t len)
{
	while (len && !buf[len - 1])
		len--;
	buf[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (!buf[i])
			buf[i] = ' ';
}

/* The effective one: the second number behind "Uid:". */
static uint32_t uid_of(const char *status)
{
	const char *p = strstr(status, "\nUid:\t");
	char text[16];
	uint32_t uid = 0;

	p = p ? strchr(p + strlen("\nUid:\t"), '\t') : NULL;
	if (!p)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(p + 1, "\t\n"), p + 1);
	num_u32(text, 0, UINT32_MAX, &uid);
	return uid;
}

/* How long a string becomes with quotation marks and backslashes escaped. */
static size_t json_length(const char *s)
{
	size_t n = strlen(s);

	for (; *s; s++)
		n += *s == '"' || *s == '\\';
	return n;
}

int ps_add(pid_t pid, void *data)
{
	char raw[PS_COMMAND_MAX + 1], stat[1024], command[PS_COMMAND_MAX + 1];
	struct ps *ps = data;
	uint32_t uid;
	ssize_t n;

	if (read_of(ps->proc_fd, pid, "status", raw, sizeof(raw)) < 0)
		return 0;
	uid = uid_of(raw);
	if (read_of(ps->proc_fd, pid, "stat", raw, sizeof(stat)) < 0 || !ps_cut_stat(raw))
		return 0;
	wire_clean_text(stat, sizeof(stat), raw);
	/* A zombie has none; one whose memory is being taken down neither. */
	n = read_of(ps->proc_fd, pid, "cmdline", raw, sizeof(raw));
	ps_join_command(raw, n > 0 ? (size_t)n : 0);
	wire_clean_text(command, sizeof(command), raw);

	size_t need = ROW_OVERHEAD + json_length(stat) + json_length(command);
	if (ps->used + need > PS_TOTAL_MAX) {
		ps->left_out++;
		return 0;
	}
	ps->used += need;
	return json_array_append_new(ps->list, json_pack("{s:I, s:s, s:s}", "uid", (json_int_t)uid,
							 "stat", stat, "command", command)) < 0 ?
		       -ENOMEM :
		       0;
}

json_t *ps_result(struct ps *ps)
{
	long ticks = sysconf(_SC_CLK_TCK);
	struct timespec up;

	clock_gettime(CLOCK_BOOTTIME, &up);
	return json_pack("{s:O, s:I, s:I, s:I}", "processes", ps->list, "left_out",
			 (json_int_t)ps->left_out, "uptime",
			 (json_int_t)up.tv_sec * ticks + up.tv_nsec / (1000000000 / ticks), "ticks",
			 (json_int_t)ticks);
}
