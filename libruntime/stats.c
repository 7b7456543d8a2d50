/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/stats.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "libruntime/guest_text.h"

#define RAW_MAX 256 /* counters of memory.stat */
#define LIST_MAX 1024 /* CPUs, devices */

/* ---- texts ---- */

/* "5", or "max", which is as much as there can be. */
static bool number(const char *s, uint64_t *ret)
{
	if (strcmp(s, "max") == 0)
		*ret = UINT64_MAX;
	else if (num_u64(s, 0, UINT64_MAX, ret) < 0)
		return false;
	return true;
}

/* The one number of a file; 0 if there is none. */
static uint64_t value_of(const json_t *files, const char *name)
{
	const char *text = guest_text(files, name);
	uint64_t v = 0;
	char line[32];

	if (guest_text_line(&text, line, sizeof(line)))
		number(line, &v);
	return v;
}

/* The number behind a word at the beginning of a line; 0 if there is none. */
static uint64_t counter_of(const json_t *files, const char *name, const char *key)
{
	const char *text = guest_text(files, name);
	size_t len = strlen(key);
	uint64_t v = 0;
	char line[128];

	while (guest_text_line(&text, line, sizeof(line)))
		if (strncmp(line, key, len) == 0 && line[len] == ' ' && number(line + len + 1, &v))
			return v;
	return 0;
}

static void set(json_t *obj, const char *key, uint64_t v)
{
	json_object_set_new(obj, key, js_new_u64(v));
}

/* As Go's omitempty. */
static void set_if(json_t *obj, const char *key, uint64_t v)
{
	if (v)
		set(obj, key, v);
}

static uint64_t nanoseconds(uint64_t usec)
{
	uint64_t v;

	return __builtin_mul_overflow(usec, (uint64_t)1000, &v) ? UINT64_MAX : v;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t v;

	return __builtin_add_overflow(a, b, &v) ? UINT64_MAX : v;
}

/* ---- pressure stall information ---- */

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static json_t *psi_line(char *line)
{
	json_t *o = json_object();
	char *save = NULL, *word, *value, *end;
	uint64_t total;
	double avg;

	for (word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(word, "total") == 0 && num_u64(value, 0, UINT64_MAX, &total) == 0) {
			set(o, word, total);
		} else if (strncmp(word, "avg", 3) == 0 && strlen(word) <= 6) {
			avg = strtod(value, &end);
			if (!*end && avg >= 0 && avg <= 100)
				json_object_set_new(o, word, json_real(avg));
		}
	}
	return o;
}

static void add_psi(json_t *obj, const json_t *files, const char *name)
{
	const char *text = guest_text(files, name);
	json_t *psi = json_object();
	char line[128];

	while (guest_text_line(&text, line, sizeof(line)))
		if (strncmp(line, "some ", 5) == 0 || strncmp(line, "full ", 5) == 0) {
			bool some = *line == 's';

			json_object_set_new(psi, some ? "some" : "full", psi_line(line));
		}
	if (json_object_size(psi))
		json_object_set(obj, "psi", psi);
	json_decref(psi);
}

/* ---- sections ---- */

static json_t *cpu(const json_t *files)
{
	json_t *usage = json_object(), *throttling = json_object(), *c;

	set_if(usage, "total", nanoseconds(counter_of(files, "cpu.stat", "usage_usec")));
	set(usage, "kernel", nanoseconds(counter_of(files, "cpu.stat", "system_usec")));
	set(usage, "user", nanoseconds(counter_of(files, "cpu.stat", "user_usec")));
	set_if(throttling, "periods", counter_of(files, "cpu.stat", "nr_periods"));
	set_if(throttling, "throttledPeriods", counter_of(files, "cpu.stat", "nr_throttled"));
	set_if(throttling, "throttledTime",
	       nanoseconds(counter_of(files, "cpu.stat", "throttled_usec")));
	c = json_pack("{s:o, s:o}", "usage", usage, "throttling", throttling);
	add_psi(c, files, "cpu.pressure");
	return c;
}

/* "0-2,5" as numbers. */
static json_t *list(const char *text)
{
	json_t *l = json_array();
	char line[4096], *save = NULL, *part, *dash;
	uint32_t from, to;

	if (!guest_text_line(&text, line, sizeof(line)))
		return l;
	for (part = strtok_r(line, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
		dash = strchr(part, '-');
		if (dash)
			*dash++ = '\0';
		if (num_u32(part, 0, UINT16_MAX, &from) < 0 ||
		    num_u32(dash ? dash : part, from, UINT16_MAX, &to) < 0)
			continue;
		for (; from <= to && json_array_size(l) < LIST_MAX; from++)
			json_array_append_new(l, json_integer(from));
	}
	return l;
}

static json_t *cpuset(const json_t *files)
{
	static const char *const zeros[] = { "cpu_exclusive",           "mem_hardwall",
					     "mem_exclusive",           "memory_migrate",
					     "memory_spread_page",      "memory_spread_slab",
					     "memory_pressure",         "sched_load_balance",
					     "sched_relax_domain_level" };
	json_t *o = json_object();
	size_t i;

	json_object_set_new(o, "cpus", list(guest_text(files, "cpuset.cpus.effective")));
	json_object_set_new(o, "mems", list(guest_text(files, "cpuset.mems.effective")));
	/* Of version 1; readers expect the members. */
	for (i = 0; i < ARRAY_SIZE(zeros); i++)
		set(o, zeros[i], 0);
	return o;
}

static json_t *entry(uint64_t limit, uint64_t usage, uint64_t max)
{
	json_t *o = json_object();

	set(o, "limit", limit);
	set_if(o, "usage", usage);
	set_if(o, "max", max);
	set(o, "failcnt", 0);
	return o;
}

/* Counters of memory.stat, whose names are the kernel's. */
static json_t *raw_memory(const json_t *files)
{
	const char *text = guest_text(files, "memory.stat");
	json_t *o = json_object();
	char line[128], *space;
	uint64_t v;

	while (json_object_size(o) < RAW_MAX && guest_text_line(&text, line, sizeof(line))) {
		space = strchr(line, ' ');
		if (!space || space == line)
			continue;
		*space = '\0';
		if (line[strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' &&
		    number(space + 1, &v))
			set(o, line, v);
	}
	return o;
}

static json_t *memory(const json_t *files)
{
	uint64_t limit = value_of(files, "memory.max"), usage = value_of(files, "memory.current");
	uint64_t swap = value_of(files, "memory.swap.max");
	json_t *o = json_object();

	set_if(o, "cache", counter_of(files, "memory.stat", "file"));
	json_object_set_new(o, "usage", entry(limit, usage, value_of(files, "memory.peak")));
	/* Version 1 counts memory and swap together, and so do those who read this. */
	json_object_set_new(o, "swap",
			    entry(sum(swap, limit),
				  sum(usage, value_of(files, "memory.swap.current")),
				  value_of(files, "memory.swap.peak")));
	json_object_set_new(o, "kernel", entry(0, counter_of(files, "memory.stat", "kernel"), 0));
	json_object_set_new(o, "kernelTCP", entry(0, counter_of(files, "memory.stat", "sock"), 0));
	json_object_set_new(o, "raw", raw_memory(files));
	add_psi(o, files, "memory.pressure");
	return o;
}

static json_t *pids(const json_t *files)
{
	uint64_t limit = value_of(files, "pids.max");
	json_t *o = json_object();

	set_if(o, "current", value_of(files, "pids.current"));
	set_if(o, "limit", limit == UINT64_MAX ? 0 : limit);
	return o;
}

static void add_io(json_t *to, uint32_t major, uint32_t minor, const char *op, uint64_t value)
{
	if (json_array_size(to) < LIST_MAX)
		json_array_append_new(to, json_pack("{s:I, s:I, s:s, s:o}", "major",
						    (json_int_t)major, "minor", (json_int_t)minor,
						    "op", op, "value", js_new_u64(value)));
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void io_line(char *line, json_t *bytes, json_t *operations)
{
	static const struct {
		const char *key, *op;
		bool bytes;
	} keys[] = {
		{ "rbytes", "Read", true },    { "wbytes", "Write", true },
		{ "rios", "Read", false },     { "wios", "Write", false },
		{ "dbytes", "Discard", true }, { "dios", "Discard", false },
	};
	char *save = NULL, *word = strtok_r(line, " ", &save), *value;
	uint32_t major, minor;
	uint64_t v;
	size_t i;

	value = word ? strchr(word, ':') : NULL;
	if (!value)
		return;
	*value++ = '\0';
	if (num_u32(word, 0, UINT32_MAX, &major) < 0 || num_u32(value, 0, UINT32_MAX, &minor) < 0)
		return;
	while ((word = strtok_r(NULL, " ", &save))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		for (i = 0; i < ARRAY_SIZE(keys); i++)
			if (strcmp(keys[i].key, word) == 0 && num_u64(value, 0, UINT64_MAX, &v) == 0)
				add_io(keys[i].bytes ? bytes : operations, major, minor, keys[i].op,
				       v);
	}
}

static json_t *block_io(const json_t *files)
{
	const char *text = guest_text(files, "io.stat");
	json_t *o = json_object(), *bytes = json_array(), *operations = json_array();
	char line[512];

	while (guest_text_line(&text, line, sizeof(line)))
		io_line(line, bytes, operations);
	if (json_array_size(bytes))
		json_object_set(o, "ioServiceBytesRecursive", bytes);
	if (json_array_size(operations))
		json_object_set(o, "ioServicedRecursive", operations);
	json_decref(bytes);
	json_decref(operations);
	add_psi(o, files, "io.pressure");
	return o;
}

static json_t *hugetlb(const json_t *files)
{
	static const char *const sizes[] = { "2MB", "1GB" };
	json_t *o = json_object(), *h;
	char current[32], events[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(current, sizeof(current), "hugetlb.%s.current", sizes[i]);
		snprintf(events, sizeof(events), "hugetlb.%s.events", sizes[i]);
		if (!js_get_str(files, current))
			continue;
		h = json_object();
		set_if(h, "usage", value_of(files, current));
		set(h, "failcnt", counter_of(files, events, "max"));
		json_object_set_new(o, sizes[i], h);
	}
	return o;
}

json_t *stats_json(const json_t *files)
{
	/* Names and order of runc's types.Stats. */
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:{}, s:n}", "cpu", cpu(files), "cpuset",
			 cpuset(files), "memory", memory(files), "pids", pids(files), "blkio",
			 block_io(files), "hugetlb", hugetlb(files), "intel_rdt",
			 "network_interfaces");
}
