/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/settle.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define STEP ((size_t)2 << 20)
#define KEEP_FREE ((size_t)6 << 20) /* bytes, so that nobody else runs out of memory meanwhile */
#define LOOK_MS 20 /* nothing reports a change of the clock source */

/* "tsc-early" and "refined-jiffies" are there until the kernel has measured for a second. */
static bool clock_is_final(void)
{
	_free_ char *name = NULL;

	if (io_read_file(AT_FDCWD, CLOCKSOURCE, 64, &name, NULL, NULL) < 0)
		return true;
	return strcmp(name, "tsc-early\n") != 0 && strcmp(name, "refined-jiffies\n") != 0;
}

/*
 * Free memory still has what was last in it. Every page that is taken is zeroed first, and pages of zeros are
 * not copied: taking nearly all of it once makes the template as small as what the guest really uses.
 */
static void zero_free_memory(void)
{
	struct sysinfo si;
	char *all;
	size_t n = 0;

	if (sysinfo(&si) < 0)
		return;
	size_t size = (size_t)si.totalram * si.mem_unit;
	all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (all == MAP_FAILED)
		return;
	while (n + STEP <= size && sysinfo(&si) == 0 &&
	       (size_t)si.freeram * si.mem_unit > STEP + KEEP_FREE &&
	       madvise(all + n, STEP, MADV_POPULATE_WRITE) == 0)
		n += STEP;
	munmap(all, size);
}

void settle(int timeout_ms)
{
	struct err err;

	while (timeout_ms > 0 && !clock_is_final()) {
		poll(NULL, 0, LOOK_MS);
		timeout_ms -= LOOK_MS;
	}
	/* 3: page cache, dentries and inodes (Documentation/admin-guide/sysctl/vm.rst). */
	if (io_write_string(AT_FDCWD, "/proc/sys/vm/drop_caches", "3", &err) < 0)
		log_warn("%s", err.msg);
	zero_free_memory();
}
