/* SPDX-License-Identifier: Apache-2.0 */
/* The host's processes, from proc(5): stat, smaps_rollup, fd. One that has just ended counts for nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"
#include "base/proc.h"
#include "libruntime/metrics.h"
#include "wire/watch.h"

#define PROGRAMS_MAX 8 /* there are five */
#define MICRO 1000000u

struct program {
	char name[24];
	uint64_t processes, rss, pss, cpu, threads, fds;
};

/* A member of smaps_rollup, "\nRss:     12 kB", in bytes. */
static uint64_t rollup(const char *text, const char *key)
{
	const char *line = strstr(text, key);
	char word[24];
	uint64_t kib;

	if (!line)
		return 0;
	line += strlen(key);
	line += strspn(line, " ");
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(line, " "), line);
	return num_u64(word, 0, UINT64_MAX / 1024, &kib) < 0 ? 0 : kib * 1024;
}

static uint64_t count_fds(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	uint64_t n = 0;

	if (!dir)
		return 0;
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* A watcher is the stand-in's program, under a name of its own. */
static bool is_watcher(pid_t pid)
{
	_free_ char *comm = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	return io_read_file(AT_FDCWD, path, 64, &comm, NULL, NULL) >= 0 &&
	       strcmp(comm, WATCH_NAME "\n") == 0;
}

/* The name is the kernel's: that of the program, which stand-ins change for the container's, so theirs is taken from exe. */
static void name_of(pid_t pid, char *ret, size_t size)
{
	char link[64], path[4096];
	ssize_t n;

	if (is_watcher(pid)) {
		snprintf(ret, size, "%s", WATCH_NAME);
		return;
	}
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	/* It was replaced while it runs. */
	if (str_has_suffix(path, " (deleted)"))
		path[strlen(path) - strlen(" (deleted)")] = '\0';
	metrics_clean(ret, size, strrchr(path, '/') ? strrchr(path, '/') + 1 : "unknown");
}

static struct program *program_of(struct program *v, pid_t pid)
{
	char name[sizeof(v->name)];

	name_of(pid, name, sizeof(name));
	for (size_t i = 0; i < PROGRAMS_MAX; i++) {
		if (!v[i].processes)
			memcpy(v[i].name, name, sizeof(name));
		if (strcmp(v[i].name, name) == 0)
			return &v[i];
	}
	return NULL;
}

static void add_process(struct program *programs, pid_t pid)
{
	uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	_free_ char *stat = NULL, *maps = NULL;
	struct proc_stat t;
	struct program *p;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (io_read_file(AT_FDCWD, path, 4096, &stat, NULL, NULL) < 0 ||
	    proc_stat_parse(stat, &t) < 0)
		return;
	p = program_of(programs, pid);
	if (!p)
		return;
	p->processes++;
	p->cpu += (t.utime + t.stime) * MICRO / ticks;
	p->threads += t.threads;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	if (io_read_file(AT_FDCWD, path, 65536, &maps, NULL, NULL) >= 0) {
		p->rss += rollup(maps, "\nRss:");
		p->pss += rollup(maps, "\nPss:");
	}
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	p->fds += count_fds(path);
}

void metrics_host(struct metrics *m, const char *sandbox, const pid_t *pids, size_t n)
{
	struct program v[PROGRAMS_MAX] = {};

	for (size_t i = 0; i < n; i++)
		add_process(v, pids[i]);
	for (size_t i = 0; i < PROGRAMS_MAX && v[i].processes; i++) {
		const struct {
			enum metric f;
			uint64_t value;
		} all[] = {
			{ METRIC_PROCESSES, v[i].processes },     { METRIC_PROCESS_RSS, v[i].rss },
			{ METRIC_PROCESS_PSS, v[i].pss },         { METRIC_PROCESS_CPU, v[i].cpu },
			{ METRIC_PROCESS_THREADS, v[i].threads }, { METRIC_PROCESS_FDS, v[i].fds },
		};

		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			metrics_add(m, all[k].f, all[k].value, "sandbox=\"%s\",program=\"%s\"",
				    sandbox, v[i].name);
	}
}
