/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>

#include "hypervisor/accel.h"

/* What the fake /dev/kvm says. */
static int api_version = 12;
static long missing_cap = -1;
static int create_error;
static int created;

static int fake_ioctl(int fd, unsigned long request, long arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return api_version;
	case KVM_CHECK_EXTENSION:
		return arg == missing_cap ? 0 : 1;
	case KVM_CREATE_VM:
		if (create_error)
			return -create_error;
		created++;
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return -ENOTTY;
	}
}

static char *dir;
static char cpuinfo[200];

static const char *with_flags(const char *flags)
{
	FILE *f;

	dir = unit_mkdtemp();
	snprintf(cpuinfo, sizeof(cpuinfo), "%s/cpuinfo", dir);
	f = fopen(cpuinfo, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f,
		"processor\t: 0\nmodel name\t: not svm, nor vmx\nflags\t\t: %s\nbugs\t\t: vmx svm\n",
		flags);
	fclose(f);
	return cpuinfo;
}

static int choose(const char *wanted, const char *flags, const char *kvm, enum accel *ret,
		  char why[256], struct err *err)
{
	struct accel_probe p = { with_flags(flags), kvm, fake_ioctl };
	int before = unit_count_fds(), r;

	why[0] = '\0';
	r = accel_choose_with(&p, wanted, ret, why, 256, err);
	ck_assert_int_eq(unit_count_fds(), before);
	unit_rmdir(dir);
	return r;
}

static void gives(const char *wanted, const char *flags, const char *kvm, enum accel want,
		  const char *text)
{
	enum accel a = (enum accel)9;
	char why[256];
	struct err err = { 0 };

	unit_ok(choose(wanted, flags, kvm, &a, why, &err), &err);
	ck_assert_int_eq(a, want);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\" lacks \"%s\"", why, text);
}

static void fails(const char *wanted, const char *flags, const char *kvm, int code, const char *text)
{
	enum accel a = (enum accel)9;
	char why[256];
	struct err err = { 0 };

	unit_fails(choose(wanted, flags, kvm, &a, why, &err), code, &err, text);
	ck_assert_int_eq(a, (enum accel)9);
}

START_TEST(names)
{
	ck_assert_str_eq(accel_name(ACCEL_KVM), "kvm");
	ck_assert_str_eq(accel_name(ACCEL_TCG), "tcg");
	gives("tcg", "fpu vmx", "/dev/null", ACCEL_TCG, "configured");
	ck_assert_int_eq(created, 0);
	fails("hvf", "fpu vmx", "/dev/null", EINVAL, "'hvf' is not one of");
	fails("", "fpu vmx", "/dev/null", EINVAL, "'' is not one of");
	fails("KVM", "fpu vmx", "/dev/null", EINVAL, "'KVM'");
}
END_TEST

START_TEST(works)
{
	gives("auto", "fpu vmx lm", "/dev/null", ACCEL_KVM, "it works");
	gives(NULL, "fpu lm svm", "/dev/null", ACCEL_KVM, "it works");
	gives("kvm", "svm", "/dev/null", ACCEL_KVM, "configured");
	ck_assert_int_eq(created, 3);
}
END_TEST

#if defined(__x86_64__)
START_TEST(no_flag)
{
	/* A paravirtual KVM: opens, creates VMs, and cannot run one. Flags that only look alike do not count. */
	gives("auto", "fpu lm", "/dev/null", ACCEL_TCG, "neither vmx nor svm");
	gives("auto", "vmxx svm_lock xvmx avx", "/dev/null", ACCEL_TCG, "neither vmx nor svm");
	fails("kvm", "fpu lm", "/dev/null", ENOTSUP,
	      "kvm does not work here: the cpu has neither vmx nor svm");
	ck_assert_int_eq(created, 0);
}
END_TEST
#endif

START_TEST(no_device)
{
	gives("auto", "vmx svm", "/nonexistent/kvm", ACCEL_TCG,
	      "open '/nonexistent/kvm': no such file");
	fails("kvm", "vmx svm", "/nonexistent/kvm", ENOENT, "open '/nonexistent/kvm'");
}
END_TEST

START_TEST(bad_device)
{
	api_version = 11;
	fails("kvm", "vmx svm", "/dev/null", ENOTSUP, "api version 11");
	api_version = -ENOTTY;
	gives("auto", "vmx svm", "/dev/null", ACCEL_TCG, "KVM_GET_API_VERSION");
	api_version = 12;
	missing_cap = KVM_CAP_USER_MEMORY;
	fails("kvm", "vmx svm", "/dev/null", ENOTSUP, "lacks an extension: user memory");
	missing_cap = -1;
	create_error = EBUSY;
	fails("kvm", "vmx svm", "/dev/null", EBUSY, "KVM_CREATE_VM");
	gives("auto", "vmx svm", "/dev/null", ACCEL_TCG, "KVM_CREATE_VM");
}
END_TEST

/* Whatever this host has, the answer agrees with itself. */
START_TEST(this_host)
{
	enum accel a, b;
	char why[256];
	struct err err = { 0 };

	unit_ok(accel_choose("auto", &a, why, sizeof(why), &err), &err);
	ck_assert_int_ne(why[0], '\0');
	if (a == ACCEL_KVM)
		unit_ok(accel_choose("kvm", &b, NULL, 0, &err), &err);
	else
		ck_assert_int_lt(accel_choose("kvm", &b, NULL, 0, &err), 0);
	unit_ok(accel_choose(NULL, &b, NULL, 0, &err), &err);
	ck_assert_int_eq(a, b);
}
END_TEST

#if defined(__x86_64__)
UNIT_MAIN("accel", names, works, no_flag, no_device, bad_device, this_host)
#else
UNIT_MAIN("accel", names, works, no_device, bad_device, this_host)
#endif
