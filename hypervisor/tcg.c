/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/tcg.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/run.h"

#define VERSION_MS 10000

bool tcg_version_is_safe(const char *line)
{
	unsigned int major, minor;

	if (sscanf(line, "QEMU emulator version %3u.%3u", &major, &minor) != 2)
		return false;
	return major > 8 || (major == 8 && minor >= 1);
}

int tcg_needs_one_thread(const char *path, bool *ret, struct err *err)
{
	char *argv[] = { (char *)path, (char *)"--version", NULL };
	struct run run = { .path = path, .argv = argv, .timeout_ms = VERSION_MS };
	struct run_result result;
	int r = run_program(&run, &result, err);

	if (r < 0)
		return r;
	if (result.timed_out || !WIFEXITED(result.status) || WEXITSTATUS(result.status) != 0)
		return err_set(err, EIO, "'%s --version' failed: %s", path, result.errors);
	*ret = !tcg_version_is_safe(result.out);
	return 0;
}
