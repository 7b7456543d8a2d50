/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/resize.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "agent/modules.h"
#include "agent/server.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/num.h"

#define CPU_DIR "/sys/devices/system/cpu"
#define MEMORY_MS \
	8000 /* without any more of it: a block takes 10 to 50 ms, of thousands there is no telling */
#define VCPU_MS 5000
#define MORE_MAX ((uint32_t)1 << 28) /* MiB */
#define VCPUS_MAX 8192

static uint64_t total_memory(void)
{
	struct sysinfo si;

	return sysinfo(&si) < 0 ? 0 : (uint64_t)si.totalram * si.mem_unit;
}

void resize_begin(struct agent *a)
{
	a->first_memory = total_memory();
}

void resize_prepare(void)
{
	modules_load("mem");
}

/* ---- memory: the kernel puts it to use by itself (memhp_default_state=online) ---- */

struct memory {
	uint64_t first, wanted; /* bytes: at the start; beyond that */
};

static uint64_t beyond(const struct memory *m)
{
	uint64_t now = total_memory();

	return now > m->first ? now - m->first : 0;
}

static int look_for_memory(void *data, struct err *err)
{
	const struct memory *m = data;

	(void)err;
	return beyond(m) >= m->wanted ? 0 : -ENOENT;
}

static int wait_for_memory(const struct agent *a, uint32_t more, struct err *err)
{
	struct memory m = { .first = a->first_memory, .wanted = (uint64_t)more << 20 };
	uint64_t before;
	int r;

	if (more == 0)
		return 0;
	resize_prepare();
	do {
		before = beyond(&m);
		r = uevent_until("/memory/", look_for_memory, &m, MEMORY_MS, err);
	} while (r == -ETIMEDOUT && beyond(&m) > before);
	if (r == -ETIMEDOUT)
		return err_set(err, ENOMEM,
			       "the guest has taken %llu of %u MiB of additional memory",
			       (unsigned long long)(beyond(&m) >> 20), more);
	return r;
}

/* ---- processors ---- */

/* "cpu12", and nothing else that lies beside them */
static bool is_cpu(const char *name)
{
	uint64_t n;

	return strncmp(name, "cpu", 3) == 0 && num_u64(name + 3, 0, VCPUS_MAX, &n) == 0;
}

/* 1 if it is in use, then or by now; a processor without the file cannot be switched off. */
static int online_cpu(int dirfd, const char *name, struct err *err)
{
	_free_ char *text = NULL;
	char path[300];
	int r;

	snprintf(path, sizeof(path), "%s/online", name);
	r = io_read_file(dirfd, path, 16, &text, NULL, NULL);
	if (r == -ENOENT || (r >= 0 && text[0] == '1'))
		return 1;
	r = r < 0 ? err_errno(err, -r, "%s", name) : io_write_string(dirfd, path, "1", err);
	return r < 0 ? r : 1;
}

int resize_online_cpus(const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	int r = 0, n = 0;

	if (!dir)
		return err_errno(err, errno, "open %s", path);
	for (struct dirent *d; r >= 0 && (d = readdir(dir));) {
		if (!is_cpu(d->d_name))
			continue;
		r = online_cpu(dirfd(dir), d->d_name, err);
		n += r > 0;
	}
	closedir(dir);
	return r < 0 ? r : n;
}

static int look_for_cpus(void *data, struct err *err)
{
	int n = resize_online_cpus(CPU_DIR, err);

	return n < 0 ? n : n >= *(const int *)data ? 0 : -ENOENT;
}

static int wait_for_cpus(uint32_t vcpus, struct err *err)
{
	int wanted = (int)vcpus, r;

	r = uevent_until("/cpu/", look_for_cpus, &wanted, VCPU_MS, err);
	if (r == -ETIMEDOUT)
		return err_set(err, ENODEV, "the guest has not found its %d processors after %d s",
			       wanted, VCPU_MS / 1000);
	return r;
}

int resize_to(struct agent *a, const json_t *params, struct err *err)
{
	uint32_t more = 0, vcpus = 0;
	int r;

	r = server_u32(params, "more_memory", MORE_MAX, &more, err);
	if (r >= 0)
		r = server_u32(params, "vcpus", VCPUS_MAX, &vcpus, err);
	if (r >= 0)
		r = wait_for_memory(a, more, err);
	return r < 0 ? r : wait_for_cpus(vcpus, err);
}
