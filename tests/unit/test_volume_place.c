/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations and options of volumes that come while a container runs. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "libruntime/volume_place.h"

START_TEST(destinations)
{
	static const char *const bad[] = { "",      "/",       "data", "data/x", "/data/",
					   "/a//b", "/a/../b", "/./a", "/a\xff" };
	struct err err = { 0 };

	unit_ok(volume_place_check("/data", &err), &err);
	unit_ok(volume_place_check("/devices/a b", &err), &err);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		unit_fails(volume_place_check(bad[i], &err), EINVAL, &err, "no absolute path");
	unit_fails(volume_place_check(NULL, &err), EINVAL, &err, "destination ''");
	unit_fails(volume_place_check("/dev", &err), ENOTSUP, &err, "moat_container_add_device()");
	unit_fails(volume_place_check("/dev/x", &err), ENOTSUP, &err, "'/dev/x'");
}
END_TEST

START_TEST(options)
{
	_strv_ char **some = NULL, **none = NULL;
	struct err err = { 0 };

	unit_ok(volume_place_options("ro,noatime,,rshared", &some, &err), &err);
	ck_assert_uint_eq(strv_len(some), 3);
	ck_assert_str_eq(some[0], "ro");
	ck_assert_str_eq(some[1], "noatime");
	ck_assert_str_eq(some[2], "rshared");
	unit_ok(volume_place_options(NULL, &none, &err), &err);
	ck_assert_uint_eq(strv_len(none), 0);
}
END_TEST

static void refused(const char *text, const char *part)
{
	char **v = NULL;
	struct err err = { 0 };

	unit_fails(volume_place_options(text, &v, &err), EINVAL, &err, part);
	ck_assert_ptr_null(v);
}

START_TEST(wrong_options)
{
	refused("ro,data=journal,discard", "\"data=journal,discard\" is for file systems");
	refused("sync", "sync and its like");
	refused("async", "sync and its like");
	refused("rw,remount", "\"remount\" is not for volumes");
	refused("tmpcopyup", "\"tmpcopyup\" is not for volumes");
}
END_TEST

UNIT_MAIN("volume_place", destinations, options, wrong_options)
