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

void stats_read_text(int dir, const char *file, char *buf, size_t size)
{
	_close_ int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (len == size - 1)
		while (len > 0 && buf[len - 1] != '\n')
			len--;
	buf[len] = '\0';
}

json_t *stats_read(int cgroup)
{
	json_t *all = json_object();
	char buf[FILE_MAX];

	for (size_t i = 0; all && i < ARRAY_SIZE(files); i++) {
		stats_read_text(cgroup, files[i], buf, sizeof(buf));
		/* Numbers and ASCII words: json_string() takes all that the kernel writes there. */
		if (*buf && json_object_set_new(all, files[i], json_string(buf)) < 0) {
			json_decref(all);
			return NULL;
		}
	}
	return all;
}
