/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/tcg.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/run.h"
#include "base/str.h"

#define VERSION_MS 10000

bool tcg_version_is_safe(const char *line)
{
	static const char before[] = "QEMU emulator version ";
	unsigned long major, minor;
	char *end;

	if (!str_has_prefix(line, before))
		return false;
	major = strtoul(line + sizeof(before) - 1, &end, 10);
	if (*end != '.')
		return false;
	minor = strtoul(end + 1, NULL, 10);
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
