/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest says, which is not to be trusted: numbers are taken, names cleaned, lines limited, everything else left out. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/num.h"
#include "base/proc.h"
#include "libruntime/guest_text.h"
#include "libruntime/metrics.h"
#include "libruntime/stats.h"

#define DEVICES_MAX 64 /* interfaces, disks */
#define SECTOR 512
#define MICRO 1000000u
#define LIMITLESS ((uint64_t)1 << 62) /* bytes: what is above is no limit */

static uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t v;

	return __builtin_mul_overflow(a, b, &v) ? UINT64_MAX : v;
}

static const char *file(const json_t *result, const char *name)
{
	return guest_text(json_object_get(result, "files"), name);
}

/* Up to n numbers; how many there are. */
static size_t numbers(char *text, uint64_t *ret, size_t n)
{
	char *save = NULL, *word = strtok_r(text, " ", &save);
	size_t i;

	for (i = 0; i < n && word && num_u64(word, 0, UINT64_MAX, &ret[i]) == 0; i++)
		word = strtok_r(NULL, " ", &save);
	return i;
}

/* "12.34" and a blank or the end, in millionths; not strtod(), which the program's locale changes. */
static bool decimal(const char *text, uint64_t *ret)
{
	char word[24];
	uint64_t whole;
	uint32_t part;
	char *dot;

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, " "), text);
	dot = strchr(word, '.');
	if (!dot || strlen(dot) != strlen(".34"))
		return false;
	*dot++ = '\0';
	if (num_u64(word, 0, 1000000000000, &whole) < 0 || num_u32(dot, 0, 99, &part) < 0)
		return false;
	*ret = whole * MICRO + part * (MICRO / 100);
	return true;
}

/* ---- the guest's kernel ---- */

static void memory(struct metrics *m, const char *sandbox, const char *text)
{
	static const struct {
		const char *key;
		enum metric f;
	} keys[] = {
		{ "MemTotal", METRIC_GUEST_MEMORY_TOTAL },
		{ "MemFree", METRIC_GUEST_MEMORY_FREE },
		{ "MemAvailable", METRIC_GUEST_MEMORY_AVAILABLE },
		{ "Cached", METRIC_GUEST_MEMORY_CACHED },
		{ "Buffers", METRIC_GUEST_MEMORY_BUFFERS },
		{ "Slab", METRIC_GUEST_MEMORY_SLAB },
		{ "SwapTotal", METRIC_GUEST_SWAP_TOTAL },
		{ "SwapFree", METRIC_GUEST_SWAP_FREE },
	};
	bool seen[ARRAY_SIZE(keys)] = {};
	char line[128];
	uint64_t kib;

	while (guest_text_line(&text, line, sizeof(line))) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		if (numbers(colon + 1, &kib, 1) != 1)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (!seen[i] && strcmp(keys[i].key, line) == 0) {
				seen[i] = true;
				metrics_add(m, keys[i].f, times(kib, 1024), "sandbox=\"%s\"",
					    sandbox);
			}
	}
}

/* "cpu  user nice system idle iowait irq softirq steal ..." */
static void cpu(struct metrics *m, const char *sandbox, const char *text, uint64_t ticks)
{
	static const char *const modes[] = { "user",   "nice", "system",  "idle",
					     "iowait", "irq",  "softirq", "steal" };
	uint64_t v[ARRAY_SIZE(modes)];
	char line[256];

	if (!guest_text_line(&text, line, sizeof(line)) || strncmp(line, "cpu ", 4) != 0 ||
	    numbers(line + 4, v, ARRAY_SIZE(v)) < ARRAY_SIZE(v))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		metrics_add(m, METRIC_GUEST_CPU, times(v[i], MICRO) / ticks,
			    "sandbox=\"%s\",mode=\"%s\"", sandbox, modes[i]);
}

static void agent(struct metrics *m, const char *sandbox, const json_t *result, uint64_t ticks,
		  uint64_t page)
{
	int64_t fds = js_get_int(result, "fds", -1);
	struct proc_stat s;

	if (proc_stat_parse(file(result, "self/stat"), &s) >= 0) {
		metrics_add(m, METRIC_AGENT_RSS, times(s.rss, page), "sandbox=\"%s\"", sandbox);
		metrics_add(m, METRIC_AGENT_CPU,
			    times(s.utime, MICRO) / ticks + times(s.stime, MICRO) / ticks,
			    "sandbox=\"%s\"", sandbox);
	}
	if (fds >= 0)
		metrics_add(m, METRIC_AGENT_FDS, (uint64_t)fds, "sandbox=\"%s\"", sandbox);
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop ..." */
static void network(struct metrics *m, const char *sandbox, const char *text)
{
	static const struct {
		enum metric f;
		size_t column;
	} columns[] = {
		{ METRIC_NETWORK_RX_BYTES, 0 },   { METRIC_NETWORK_RX_PACKETS, 1 },
		{ METRIC_NETWORK_RX_ERRORS, 2 },  { METRIC_NETWORK_RX_DROPPED, 3 },
		{ METRIC_NETWORK_TX_BYTES, 8 },   { METRIC_NETWORK_TX_PACKETS, 9 },
		{ METRIC_NETWORK_TX_ERRORS, 10 }, { METRIC_NETWORK_TX_DROPPED, 11 },
	};
	char line[512], name[33], seen[DEVICES_MAX][33];
	uint64_t v[12];
	size_t n = 0;

	while (n < DEVICES_MAX && guest_text_line(&text, line, sizeof(line))) {
		char *colon = strrchr(line, ':'), *start = line + strspn(line, " ");
		bool again = false;

		if (!colon || colon <= start || strchr(line, '|'))
			continue;
		*colon = '\0';
		metrics_clean(name, sizeof(name), start);
		for (size_t i = 0; i < n; i++)
			again = again || strcmp(seen[i], name) == 0;
		if (again || numbers(colon + 1, v, ARRAY_SIZE(v)) < ARRAY_SIZE(v))
			continue;
		memcpy(seen[n++], name, sizeof(name));
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
			metrics_add(m, columns[i].f, v[columns[i].column],
				    "sandbox=\"%s\",interface=\"%s\"", sandbox, name);
	}
}

/* "major minor name reads merged sectors ms writes merged sectors ms in_flight io_ms weighted ..." */
static void disks(struct metrics *m, const char *sandbox, const char *text)
{
	char line[512], name[33], seen[DEVICES_MAX][33];
	size_t n = 0;

	while (n < DEVICES_MAX && guest_text_line(&text, line, sizeof(line))) {
		char *save = NULL, *word = strtok_r(line, " ", &save);
		uint64_t v[10];
		bool again = false;

		for (int i = 0; word && i < 2; i++)
			word = strtok_r(NULL, " ", &save);
		if (!word)
			continue;
		metrics_clean(name, sizeof(name), word);
		for (size_t i = 0; i < n; i++)
			again = again || strcmp(seen[i], name) == 0;
		if (again || numbers(save, v, ARRAY_SIZE(v)) < ARRAY_SIZE(v))
			continue;
		memcpy(seen[n++], name, sizeof(name));
		const struct {
			enum metric f;
			uint64_t value;
		} all[] = {
			{ METRIC_DISK_READS, v[0] },
			{ METRIC_DISK_READ_BYTES, times(v[2], SECTOR) },
			{ METRIC_DISK_WRITES, v[4] },
			{ METRIC_DISK_WRITTEN_BYTES, times(v[6], SECTOR) },
			{ METRIC_DISK_IO_TIME, times(v[9], 1000) },
		};

		for (size_t i = 0; i < ARRAY_SIZE(all); i++)
			metrics_add(m, all[i].f, all[i].value, "sandbox=\"%s\",device=\"%s\"",
				    sandbox, name);
	}
}

void metrics_guest(struct metrics *m, const char *sandbox, const json_t *result)
{
	int64_t ticks = js_get_int(result, "ticks", 0), page = js_get_int(result, "page", 0);
	uint64_t v;

	if (ticks < 1 || ticks > 1000000 || page < 1 || page > (1 << 20))
		return;
	memory(m, sandbox, file(result, "meminfo"));
	cpu(m, sandbox, file(result, "stat"), (uint64_t)ticks);
	if (decimal(file(result, "loadavg"), &v))
		metrics_add(m, METRIC_GUEST_LOAD1, v, "sandbox=\"%s\"", sandbox);
	if (decimal(file(result, "uptime"), &v))
		metrics_add(m, METRIC_GUEST_UPTIME, v, "sandbox=\"%s\"", sandbox);
	agent(m, sandbox, result, (uint64_t)ticks, (uint64_t)page);
	network(m, sandbox, file(result, "net/dev"));
	disks(m, sandbox, file(result, "diskstats"));
}

/* ---- a container: the numbers of `events --stats` ---- */

#define CONTAINER "sandbox=\"%s\",container=\"%s\""

struct who {
	const char *sandbox, *container;
};

/* A member by its path of two or three names. */
static bool number(const json_t *stats, const char *const path[3], uint64_t *ret)
{
	const json_t *v = stats;

	for (size_t i = 0; i < 3 && path[i]; i++)
		v = json_object_get(v, path[i]);
	return js_u64(v, ret) == 0;
}

static void values(struct metrics *m, const struct who *w, const json_t *stats)
{
	static const struct {
		enum metric f;
		const char *path[3];
		bool nanoseconds, limit;
	} rows[] = {
		{ METRIC_CONTAINER_CPU, { "cpu", "usage", "total" }, true, false },
		{ METRIC_CONTAINER_CPU_USER, { "cpu", "usage", "user" }, true, false },
		{ METRIC_CONTAINER_CPU_SYSTEM, { "cpu", "usage", "kernel" }, true, false },
		{ METRIC_CONTAINER_PERIODS, { "cpu", "throttling", "periods" }, false, false },
		{ METRIC_CONTAINER_THROTTLED_PERIODS,
		  { "cpu", "throttling", "throttledPeriods" },
		  false,
		  false },
		{ METRIC_CONTAINER_THROTTLED, { "cpu", "throttling", "throttledTime" }, true, false },
		{ METRIC_CONTAINER_MEMORY, { "memory", "usage", "usage" }, false, false },
		{ METRIC_CONTAINER_MEMORY_MAX, { "memory", "usage", "max" }, false, false },
		{ METRIC_CONTAINER_MEMORY_LIMIT, { "memory", "usage", "limit" }, false, true },
		{ METRIC_CONTAINER_MEMORY_CACHE, { "memory", "cache" }, false, false },
		{ METRIC_CONTAINER_MEMORY_KERNEL, { "memory", "kernel", "usage" }, false, false },
		{ METRIC_CONTAINER_PIDS, { "pids", "current" }, false, false },
		{ METRIC_CONTAINER_PIDS_LIMIT, { "pids", "limit" }, false, true },
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (number(stats, rows[i].path, &v) && !(rows[i].limit && v >= LIMITLESS))
			metrics_add(m, rows[i].f, rows[i].nanoseconds ? v / 1000 : v, CONTAINER,
				    w->sandbox, w->container);
}

/* A guest may name a device twice, which would spoil all that is told. */
static bool is_repeated(const json_t *list, size_t index)
{
	const json_t *o = json_array_get(list, index), *before;
	size_t i;

	json_array_foreach(list, i, before) {
		if (i == index)
			return false;
		if (js_get_int(o, "major", 0) == js_get_int(before, "major", 0) &&
		    js_get_int(o, "minor", 0) == js_get_int(before, "minor", 0) &&
		    json_equal(json_object_get(o, "op"), json_object_get(before, "op")))
			return true;
	}
	return false;
}

static void io(struct metrics *m, const struct who *w, const json_t *list, enum metric f)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o) {
		const char *op = js_get_str(o, "op");
		uint64_t v;

		if (!op || js_u64(json_object_get(o, "value"), &v) < 0 || is_repeated(list, i))
			continue;
		metrics_add(m, f, v,
			    CONTAINER ",device=\"%" PRIu32 ":%" PRIu32 "\",operation=\"%s\"",
			    w->sandbox, w->container, (uint32_t)js_get_int(o, "major", 0),
			    (uint32_t)js_get_int(o, "minor", 0), op);
	}
}

static void pressure(struct metrics *m, const struct who *w, const json_t *stats,
		     const char *section, const char *resource)
{
	static const char *const kinds[] = { "some", "full" };
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const json_t *psi = json_object_get(json_object_get(stats, section), "psi");

		if (js_u64(json_object_get(json_object_get(psi, kinds[i]), "total"), &v) == 0)
			metrics_add(m, METRIC_CONTAINER_PRESSURE, v,
				    CONTAINER ",resource=\"%s\",stalled=\"%s\"", w->sandbox,
				    w->container, resource, kinds[i]);
	}
}

static void swap(struct metrics *m, const struct who *w, const char *text)
{
	uint64_t v;
	char line[32];

	if (guest_text_line(&text, line, sizeof(line)) && num_u64(line, 0, UINT64_MAX, &v) == 0)
		metrics_add(m, METRIC_CONTAINER_SWAP, v, CONTAINER, w->sandbox, w->container);
}

void metrics_container(struct metrics *m, const char *sandbox, const char *container,
		       const json_t *result)
{
	const struct who w = { sandbox, container };
	_json_ json_t *stats = stats_json(json_object_get(result, "files"));
	const json_t *blkio = json_object_get(stats, "blkio"), *pages;
	const char *size;
	uint64_t v;

	if (!stats)
		return;
	values(m, &w, stats);
	swap(m, &w, file(result, "memory.swap.current"));
	io(m, &w, json_object_get(blkio, "ioServiceBytesRecursive"), METRIC_CONTAINER_IO_BYTES);
	io(m, &w, json_object_get(blkio, "ioServicedRecursive"), METRIC_CONTAINER_IO_OPERATIONS);
	json_object_foreach(json_object_get(stats, "hugetlb"), size, pages)
		if (number(pages, (const char *const[3]){ "usage" }, &v))
			metrics_add(m, METRIC_CONTAINER_HUGETLB, v, CONTAINER ",pagesize=\"%s\"",
				    sandbox, container, size);
	pressure(m, &w, stats, "cpu", "cpu");
	pressure(m, &w, stats, "memory", "memory");
	pressure(m, &w, stats, "blkio", "io");
}
