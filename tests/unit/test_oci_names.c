/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "oci/names.h"
#include "oci/sysctl.h"
#include "tests/unit/unit.h"

/* libcap knows them too, in lower case. */
START_TEST(capabilities)
{
	for (int i = 0; oci_cap_names[i]; i++) {
		char *name = cap_to_name(i);

		ck_assert_int_eq(strcasecmp(name, oci_cap_names[i]), 0);
		ck_assert_int_eq(oci_cap_number(oci_cap_names[i]), i);
		cap_free(name);
	}
	ck_assert_int_eq(oci_cap_number("CAP_CHOWN"), 0);
	ck_assert_int_eq(oci_cap_number("CAP_CHECKPOINT_RESTORE"), 40);
	ck_assert_int_eq(oci_cap_number("cap_chown"), -1);
	ck_assert_int_eq(oci_cap_number("CHOWN"), -1);
	ck_assert_int_eq(oci_cap_number(""), -1);
}
END_TEST

START_TEST(rlimits)
{
	ck_assert_int_eq(OCI_N_RLIMITS, RLIM_NLIMITS);
	ck_assert_int_eq(oci_rlimit_number("RLIMIT_CPU"), RLIMIT_CPU);
	ck_assert_int_eq(oci_rlimit_number("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	ck_assert_int_eq(oci_rlimit_number("RLIMIT_RTTIME"), RLIMIT_RTTIME);
	ck_assert_int_eq(oci_rlimit_number("RLIMIT_NICE"), RLIMIT_NICE);
	ck_assert_int_eq(oci_rlimit_number("NOFILE"), -1);
	ck_assert_int_eq(oci_rlimit_number(""), -1);
}
END_TEST

START_TEST(namespaces)
{
	unsigned long all = 0;

	for (int i = 0; oci_namespace_types[i]; i++) {
		ck_assert(i == 0 || strcmp(oci_namespace_types[i - 1], oci_namespace_types[i]) < 0);
		ck_assert_uint_ne(oci_namespace_flag(oci_namespace_types[i]), 0);
		ck_assert_uint_eq(all & oci_namespace_flag(oci_namespace_types[i]), 0);
		all |= oci_namespace_flag(oci_namespace_types[i]);
	}
	ck_assert_uint_eq(oci_namespace_flag("network"), CLONE_NEWNET);
	ck_assert_uint_eq(oci_namespace_flag("mount"), CLONE_NEWNS);
	ck_assert_uint_eq(oci_namespace_flag("mnt"), 0);
}
END_TEST

START_TEST(propagations)
{
	ck_assert_uint_eq(oci_propagation_flag("rslave"), MS_SLAVE | MS_REC);
	ck_assert_uint_eq(oci_propagation_flag("private"), MS_PRIVATE);
	ck_assert_uint_eq(oci_propagation_flag("rshared"), MS_SHARED | MS_REC);
	ck_assert_uint_eq(oci_propagation_flag("unbindable"), MS_UNBINDABLE);
	ck_assert_uint_eq(oci_propagation_flag(""), 0);
}
END_TEST

START_TEST(sysctl_paths)
{
	static const char *const good[][2] = {
		{ "net.ipv4.ip_forward", "net/ipv4/ip_forward" },
		{ "net/ipv4/ip_forward", "net/ipv4/ip_forward" },
		{ "net/ipv4/conf/eno2.100/rp_filter", "net/ipv4/conf/eno2.100/rp_filter" },
		{ "net.ipv4.conf.eno2/100.rp_filter", "net/ipv4/conf/eno2.100/rp_filter" },
		{ "kernel", "kernel" },
		{ "net/e./.x/y", "net/e./.x/y" },
	};
	static const char *const bad[] = { "",    ".",      "..",    "/",        "a.",
					   ".a",  "a//b",   "a..b",  "a/b..c/d", "/a",
					   "a/",  "a/../b", "a/./b", "a.//.b",   "a./.b",
					   "a b", "a\n",    "a\t",   "\x7f" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_free_ char *path = NULL;

		ck_assert_int_eq(oci_sysctl_path(good[i][0], &path), 0);
		ck_assert_str_eq(path, good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *path = NULL;

		ck_assert_msg(oci_sysctl_path(bad[i], &path) == -EINVAL, "'%s'", bad[i]);
		ck_assert_ptr_null(path);
	}
}
END_TEST

UNIT_MAIN("oci_names", capabilities, rlimits, namespaces, propagations, sysctl_paths)
