/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FILE_MAX 8192 /* memory.stat is the longest; io.stat has a line a device */

static const char *const files[] = {
	"cpu.stat",
	"cpu.pressure",
	"cpuset.cpus.effective",
	"cpuset.mems.effective",
	"memory.current",
	"memory.max",
	"memory.peak",
	"memory.stat",
	"memory.swap.current",
	"memory.swap.max",
	"memory.swap.peak",
	"memory.pressure",
	"pids.current",
	"pids.max",
	"io.stat",
	"io.pressure",
	"hugetlb.2MB.current",
	"hugetlb.2MB.events",
	"hugetlb.1GB.current",
	"hugetlb.1GB.events",
};

/* What is cut off at FILE_MAX is cut at a line; empty if it cannot be read. */
static void read_text(int cgroup, const char *name, char *buf)
{
	_close_ int fd = openat(cgroup, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, FILE_MAX - 1);

	if (n == FILE_MAX - 1)
		while (n > 0 && buf[n - 1] != '\n')
			n--;
	buf[n > 0 ? n : 0] = '\0';
}

json_t *stats_read(int cgroup)
{
	json_t *all = json_object();
	char buf[FILE_MAX];

	for (size_t i = 0; all && i < ARRAY_SIZE(files); i++) {
		read_text(cgroup, files[i], buf);
		/* Numbers and ASCII words: json_string() takes all that the kernel writes there. */
		if (*buf && json_object_set_new(all, files[i], json_string(buf)) < 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}
