/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/ps_table.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"

/* ---- cells ---- */

static uint64_t seconds(const struct ps_row *r, uint64_t ticks)
{
	return ticks / r->ticks;
}

static uint64_t age(const struct ps_row *r)
{
	return r->p->start < r->uptime ? seconds(r, r->uptime - r->p->start) : 0;
}

/* Percent of one processor over its life, in tenths. */
static unsigned int load(const struct ps_row *r)
{
	uint64_t life = r->p->start < r->uptime ? r->uptime - r->p->start : 0;
	double tenths = life ? (double)r->p->used * 1000.0 / (double)life : 0;

	return tenths < 999 ? (unsigned int)tenths : 999;
}

/* The guest's users have no names but one. */
static void user(const struct ps_row *r, char *buf, size_t size)
{
	if (r->p->uid)
		snprintf(buf, size, "%" PRIu32, r->p->uid);
	else
		snprintf(buf, size, "root");
}

static void uid(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%" PRIu32, r->p->uid);
}

static void pid(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%d", r->p->pid);
}

static void ppid(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%d", r->p->ppid);
}

static void percent(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%u", load(r) / 10);
}

static void pcpu(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%u.%u", load(r) / 10, load(r) % 10);
}

/* On the host's clock: today's as a time, this year's as a day, others as a year. */
static void stime(const struct ps_row *r, char *buf, size_t size)
{
	time_t then = r->now - (time_t)age(r);
	struct tm now_tm, tm;

	localtime_r(&r->now, &now_tm);
	localtime_r(&then, &tm);
	strftime(buf, size,
		 tm.tm_year != now_tm.tm_year ? " %Y" :
		 tm.tm_yday != now_tm.tm_yday ? "%b%d" :
						"%H:%M",
		 &tm);
}

/* Numbers of Documentation/admin-guide/devices.txt. */
static void tty(const struct ps_row *r, char *buf, size_t size)
{
	unsigned int maj = major(r->p->tty), min = minor(r->p->tty);

	if (maj >= 136 && maj <= 143)
		snprintf(buf, size, "pts/%u", (maj - 136) * 256 + min);
	else if (maj == 4 && min < 64)
		snprintf(buf, size, "tty%u", min);
	else if (maj == 4)
		snprintf(buf, size, "ttyS%u", min - 64);
	else
		snprintf(buf, size, "?");
}

static void cpu_time(const struct ps_row *r, char *buf, size_t size)
{
	uint64_t s = seconds(r, r->p->used), days = s / 86400;
	char text[32];

	snprintf(text, sizeof(text), "%02u:%02u:%02u", (unsigned int)(s / 3600 % 24),
		 (unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
	if (days)
		snprintf(buf, size, "%" PRIu64 "-%s", days, text);
	else
		snprintf(buf, size, "%s", text);
}

static void elapsed(const struct ps_row *r, char *buf, size_t size)
{
	uint64_t s = age(r);
	unsigned int hours = (unsigned int)(s / 3600 % 24), minutes = (unsigned int)(s / 60 % 60);

	if (s >= 86400)
		snprintf(buf, size, "%" PRIu64 "-%02u:%02u:%02u", s / 86400, hours, minutes,
			 (unsigned int)(s % 60));
	else if (s >= 3600)
		snprintf(buf, size, "%02u:%02u:%02u", hours, minutes, (unsigned int)(s % 60));
	else
		snprintf(buf, size, "%02u:%02u", minutes, (unsigned int)(s % 60));
}

static void comm(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s", r->p->name, r->p->state == 'Z' ? " <defunct>" : "");
}

static void command(const struct ps_row *r, char *buf, size_t size)
{
	if (*r->p->command)
		snprintf(buf, size, "%s", r->p->command);
	else
		snprintf(buf, size, "[%s]%s", r->p->name, r->p->state == 'Z' ? " <defunct>" : "");
}

static void state(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%c", r->p->state);
}

static void flags(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%c%s%s%s", r->p->state,
		 r->p->nice < 0 ? "<" :
		 r->p->nice > 0 ? "N" :
				  "",
		 r->p->session == r->p->pid ? "s" : "", r->p->threads > 1 ? "l" : "");
}

static void vsz(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%" PRIu64, r->p->vsize / 1024);
}

static void rss(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%" PRIu64, r->p->rss * 4); /* pages of x86-64 */
}

static void nice_value(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%d", r->p->nice);
}

static void threads(const struct ps_row *r, char *buf, size_t size)
{
	snprintf(buf, size, "%d", r->p->threads);
}

/* ---- columns ---- */

static const struct ps_column columns[] = {
	{ "user", "USER", -8, user },
	{ "euser", "EUSER", -8, user },
	{ "uid", "UID", 5, uid },
	{ "euid", "EUID", 5, uid },
	{ "pid", "PID", 7, pid },
	{ "ppid", "PPID", 7, ppid },
	{ "c", "C", 2, percent },
	{ "pcpu", "%CPU", 4, pcpu },
	{ "%cpu", "%CPU", 4, pcpu },
	{ "stime", "STIME", 5, stime },
	{ "start_time", "START", 5, stime },
	{ "tty", "TT", -8, tty },
	{ "tt", "TT", -8, tty },
	{ "tname", "TTY", -8, tty },
	{ "time", "TIME", 8, cpu_time },
	{ "cputime", "TIME", 8, cpu_time },
	{ "etime", "ELAPSED", 11, elapsed },
	{ "cmd", "CMD", -27, command },
	{ "args", "COMMAND", -27, command },
	{ "command", "COMMAND", -27, command },
	{ "comm", "COMMAND", -15, comm },
	{ "ucmd", "CMD", -15, comm },
	{ "s", "S", -1, state },
	{ "state", "S", -1, state },
	{ "stat", "STAT", -4, flags },
	{ "vsz", "VSZ", 6, vsz },
	{ "rss", "RSS", 5, rss },
	{ "ni", "NI", 3, nice_value },
	{ "nlwp", "NLWP", 4, threads },
};

/* What ps -ef shows; its first column has a header that -o has not. */
static const struct ps_column full[] = {
	{ "", "UID", -8, user },         { "pid", "PID", 7, pid },
	{ "ppid", "PPID", 7, ppid },     { "c", "C", 2, percent },
	{ "stime", "STIME", 5, stime },  { "tty", "TTY", -8, tty },
	{ "time", "TIME", 8, cpu_time }, { "cmd", "CMD", -27, command },
};

static int add_columns(struct ps_table *t, const char *names, struct err *err)
{
	size_t len, i;

	for (; *names; names += len + (names[len] != '\0')) {
		len = strcspn(names, ", ");
		if (!len)
			continue;
		for (i = 0; i < ARRAY_SIZE(columns); i++)
			if (strlen(columns[i].name) == len &&
			    strncmp(columns[i].name, names, len) == 0)
				break;
		if (i == ARRAY_SIZE(columns))
			return err_set(err, EINVAL,
				       "ps options: no column '%.*s' in the guest's table",
				       (int)len, names);
		if (t->n == PS_COLUMNS_MAX)
			return err_set(err, EINVAL, "ps options: more than %d columns",
				       PS_COLUMNS_MAX);
		t->columns[t->n++] = &columns[i];
	}
	return 0;
}

/* One word of options; *next is the one behind it, which may be its value. 1: that was used. */
static int parse_word(struct ps_table *t, const char *word, const char *next, struct err *err)
{
	int r;

	for (word += *word == '-'; *word; word++) {
		if (*word == 'o') {
			if (!word[1] && !next)
				return err_set(err, EINVAL,
					       "ps options: -o needs a list of columns");
			r = add_columns(t, word[1] ? word + 1 : next, err);
			return r < 0 ? r : !word[1];
		}
		/* Which processes is not asked of ps: those of the container. */
		if (!strchr("eAaxdf", *word))
			return err_set(
				err, EINVAL,
				"ps options: '%c' is not supported (-ef and -o COLUMN,... are)",
				*word);
	}
	return 0;
}

int ps_table_parse(char *const *options, struct ps_table *ret, struct err *err)
{
	struct ps_table t = {};
	bool pid_shown = false;
	size_t i;
	int r;

	for (; options && *options; options += 1 + r) {
		r = parse_word(&t, *options, options[1], err);
		if (r < 0)
			return r;
	}
	for (; !t.n; t.n = ARRAY_SIZE(full))
		for (i = 0; i < ARRAY_SIZE(full); i++)
			t.columns[i] = &full[i];
	for (i = 0; i < t.n; i++)
		pid_shown |= t.columns[i]->format == pid;
	/* runc finds the container's lines by it; callers do the same. */
	if (!pid_shown)
		return err_set(err, EINVAL, "couldn't find PID field in ps output");
	*ret = t;
	return 0;
}

static void print_cell(const struct ps_table *t, size_t i, const char *text, FILE *out)
{
	int width = t->columns[i]->width;

	if (i)
		putc(' ', out);
	if (i + 1 == t->n && width < 0)
		fputs(text, out);
	else
		fprintf(out, "%*s", width, text);
}

void ps_table_print(const struct ps_table *t, const struct moat_processes *list, time_t now,
		    FILE *out)
{
	struct ps_row row = { .uptime = list->uptime, .ticks = list->ticks, .now = now };
	char text[8192];
	size_t i, k;

	for (i = 0; i < t->n; i++)
		print_cell(t, i, t->columns[i]->header, out);
	putc('\n', out);
	for (k = 0; k < list->n; k++) {
		row.p = &list->v[k];
		for (i = 0; i < t->n; i++) {
			t->columns[i]->format(&row, text, sizeof(text));
			print_cell(t, i, text, out);
		}
		putc('\n', out);
	}
}
