/* SPDX-License-Identifier: Apache-2.0 */
/* Request sandbox.stats: counters of the guest's kernel and of the agent, as texts, of which the host makes numbers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/server.h"
#include "agent/stats.h"
#include "agent/trim.h"
#include "base/cleanup.h"
#include "base/json.h"

#define TEXT_MAX 8192

static const struct {
	const char *file; /* below /proc */
	bool line; /* only the first */
} files[] = {
	{ "meminfo", false }, { "loadavg", true },    { "uptime", true },    { "stat", true },
	{ "net/dev", false }, { "diskstats", false }, { "self/stat", true },
};

static int count_fds(int proc)
{
	int fd = openat(proc, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	closedir(dir);
	/* That one is gone again. */
	return n - 1;
}

int sandbox_stats(struct agent *a, const struct pending *asked, const json_t *params,
		  json_t **ret_result, struct err *err)
{
	_close_ int own = a->proc_fd >= 0 ? -EBADF : open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int proc = a->proc_fd >= 0 ? a->proc_fd : own;
	struct pending to = *asked;
	json_t *texts = json_object();
	char buf[TEXT_MAX];

	(void)params;
	(void)ret_result;
	if (proc < 0 || !texts) {
		json_decref(texts);
		return err_errno(err, proc < 0 ? errno : ENOMEM, "stats");
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		stats_read_text(proc, files[i].file, buf, sizeof(buf));
		if (files[i].line)
			buf[strcspn(buf, "\n")] = '\0';
		if (*buf)
			json_object_set_new(texts, files[i].file, json_string(buf));
	}
	server_result(a, &to,
		      json_pack("{s:o, s:i, s:i, s:i}", "files", texts, "fds", count_fds(proc),
				"ticks", (int)sysconf(_SC_CLK_TCK), "page",
				(int)sysconf(_SC_PAGESIZE)));
	trim_memory();
	return SERVER_LATER;
}
