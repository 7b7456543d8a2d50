/* SPDX-License-Identifier: Apache-2.0 */
#include "config/paths.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "tests/unit/unit.h"

static void expect(const char *exe, const char *helpers, const char *guest)
{
	_cleanup_(moat_paths_done) struct moat_paths p = { 0 };
	struct err err = { 0 };

	unit_ok(moat_paths_of(exe, &p, &err), &err);
	_free_ char *monitor = str_printf("%s/moat-monitor", helpers),
		    *standin = str_printf("%s/moat-standin", helpers);
	_free_ char *kernel = str_printf("%s/vmlinux", guest),
		    *initrd = str_printf("%s/initramfs.cpio", guest);
	ck_assert_str_eq(p.monitor, monitor);
	ck_assert_str_eq(p.standin, standin);
	ck_assert_str_eq(p.kernel, kernel);
	ck_assert_str_eq(p.initrd, initrd);
}

START_TEST(installed)
{
	expect("/opt/m/bin/moat", "/opt/m/libexec/moat", "/opt/m/share/moat");
	expect("/opt/m/sbin/moat (deleted)", "/opt/m/libexec/moat", "/opt/m/share/moat");
	expect("/opt/m/libexec/moat/moat-monitor", "/opt/m/libexec/moat", "/opt/m/share/moat");
	expect("/bin/moat", "/libexec/moat", "/share/moat");
	expect("/libexec/moat/moat-standin", "/libexec/moat", "/share/moat");
	expect("/moat", "/libexec/moat", "/share/moat");
}
END_TEST

START_TEST(build_tree)
{
	char *top = unit_mkdtemp();
	struct err err = { 0 };
	_free_ char *release = path_join(top, "release"), *guest = path_join(top, "guest");
	_free_ char *moat = path_join(release, "moat"),
		    *monitor = path_join(release, "moat-monitor");

	unit_ok(path_mkdirs(release, 0755, &err), &err);
	_close_ int fd = open(monitor, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	expect(moat, release, guest);
	expect(monitor, release, guest);
	unit_rmdir(top);
}
END_TEST

START_TEST(installed_monitor)
{
	/* The directory of the installed monitor holds a moat-monitor, too. */
	char *top = unit_mkdtemp();
	struct err err = { 0 };
	_free_ char *libexec = path_join(top, "libexec/moat"), *share = path_join(top, "share/moat");
	_free_ char *monitor = path_join(libexec, "moat-monitor");

	unit_ok(path_mkdirs(libexec, 0755, &err), &err);
	_close_ int fd = open(monitor, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	ck_assert_int_ge(fd, 0);
	expect(monitor, libexec, share);
	unit_rmdir(top);
}
END_TEST

START_TEST(installed_library)
{
	char *top = unit_mkdtemp();
	struct err err = { 0 };
	_free_ char *libexec = path_join(top, "libexec/moat"), *share = path_join(top, "share/moat");
	_free_ char *library = path_join(top, "lib/libmoat.so.0.1.0"),
		    *multiarch = path_join(top, "lib/x86_64-linux-gnu/libmoat.so.0");

	unit_ok(path_mkdirs(libexec, 0755, &err), &err);
	expect(library, libexec, share);
	expect(multiarch, libexec, share);
	unit_rmdir(top);
	expect("/opt/m/lib/libmoat.so.0", "/opt/m/libexec/moat", "/opt/m/share/moat");
}
END_TEST

START_TEST(named)
{
	_cleanup_(moat_paths_done) struct moat_paths p = { 0 };
	struct err err = { 0 };

	unit_fails(moat_paths_set("bin/moat", &err), EINVAL, &err, "not an absolute path");
	unit_ok(moat_paths_set("/opt/n/bin/moat", &err), &err);
	unit_ok(moat_paths(&p, &err), &err);
	ck_assert_str_eq(p.standin, "/opt/n/libexec/moat/moat-standin");
	unit_ok(moat_paths_set(NULL, &err), &err);
	moat_paths_done(&p);
	unit_ok(moat_paths(&p, &err), &err);
	ck_assert_str_ne(p.standin, "/opt/n/libexec/moat/moat-standin");
}
END_TEST

START_TEST(self)
{
	_cleanup_(moat_paths_done) struct moat_paths p = { 0 };
	struct err err = { 0 };

	unit_ok(moat_paths(&p, &err), &err);
	ck_assert_int_eq(p.monitor[0], '/');
	ck_assert(str_has_suffix(p.initrd, "/initramfs.cpio"));
	unit_fails(moat_paths_of("moat", &p, &err), EINVAL, &err, "'moat' is not an absolute path");
}
END_TEST

UNIT_MAIN("config_paths", installed, build_tree, installed_monitor, installed_library, named, self)
