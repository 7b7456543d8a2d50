/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "hypervisor/tcg.h"
#include "tests/unit/unit.h"

START_TEST(versions)
{
	ck_assert(!tcg_version_is_safe(
		"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\n"));
	ck_assert(!tcg_version_is_safe("QEMU emulator version 8.0.5"));
	ck_assert(tcg_version_is_safe("QEMU emulator version 8.1.0"));
	ck_assert(tcg_version_is_safe("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)"));
	ck_assert(!tcg_version_is_safe(""));
	ck_assert(!tcg_version_is_safe("QEMU emulator version 9"));
	ck_assert(!tcg_version_is_safe("another emulator version 9.1"));
}
END_TEST

static void program(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n%s\n", text);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

START_TEST(programs)
{
	char *dir = unit_mkdtemp(), path[256];
	struct err err = { 0 };
	bool one = false;

	snprintf(path, sizeof(path), "%s/qemu", dir);
	unit_fails(tcg_needs_one_thread(path, &one, &err), ENOENT, &err, path);
	ck_assert(!one);
	program(path, "echo QEMU emulator version 7.2.22");
	unit_ok(tcg_needs_one_thread(path, &one, &err), &err);
	ck_assert(one);
	program(path, "[ \"$*\" = --version ] && echo QEMU emulator version 9.2.0");
	unit_ok(tcg_needs_one_thread(path, &one, &err), &err);
	ck_assert(!one);
	program(path, "echo no library >&2; exit 127");
	unit_fails(tcg_needs_one_thread(path, &one, &err), EIO, &err,
		   "qemu --version' failed: no library");
	ck_assert(!one);
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("tcg", versions, programs)
