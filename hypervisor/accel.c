/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"

/* What QEMU refuses to start without (accel/kvm, target/i386/kvm), and the in-kernel interrupt controller. */
static const struct {
	long cap;
	const char *name;
} required[] = {
	{ KVM_CAP_USER_MEMORY, "user memory" },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "removal of memory regions" },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, "joining of memory regions" },
	{ KVM_CAP_MP_STATE, "vcpu states" },
	{ KVM_CAP_IRQCHIP, "interrupt controller" },
#if defined(__x86_64__)
	{ KVM_CAP_SET_TSS_ADDR, "tss address" },
	{ KVM_CAP_EXT_CPUID, "cpuid" },
#endif
};

static int real_ioctl(int fd, unsigned long request, long arg)
{
	int r = ioctl(fd, request, arg);

	return r < 0 ? -errno : r;
}

static const struct accel_probe host = { "/proc/cpuinfo", "/dev/kvm", real_ioctl };

/* Whole-word search in a "flags : a b c" line. */
static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += n)
		if (p > line && (p[-1] == ' ' || p[-1] == '\t') && strchr(" \t\n", p[n]))
			return true;
	return false;
}

static int check_cpu(const struct accel_probe *p, struct err *err)
{
#if defined(__x86_64__)
	_free_ char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(p->cpuinfo, "re");
	int r = -ENOTSUP;

	if (!f)
		return err_errno(err, errno, "open '%s'", p->cpuinfo);
	while (getline(&line, &size, f) > 0) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		if (has_word(line, "vmx") || has_word(line, "svm"))
			r = 0;
		break;
	}
	fclose(f);
	return r < 0 ? err_set(err, ENOTSUP, "the cpu has neither vmx nor svm") : 0;
#else
	return 0;
#endif
}

static int check_vm(const struct accel_probe *p, int kvm, struct err *err)
{
	int vm, r;

	r = p->ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (r < 0)
		return err_errno(err, -r, "'%s': KVM_GET_API_VERSION", p->kvm);
	if (r != KVM_API_VERSION)
		return err_set(err, ENOTSUP, "'%s' has api version %d instead of %d", p->kvm, r,
			       KVM_API_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(required); i++)
		if (p->ioctl(kvm, KVM_CHECK_EXTENSION, required[i].cap) <= 0)
			return err_set(err, ENOTSUP, "'%s' lacks an extension: %s", p->kvm,
				       required[i].name);
	do {
		vm = p->ioctl(kvm, KVM_CREATE_VM, 0);
	} while (vm == -EINTR);
	if (vm < 0)
		return err_errno(err, -vm, "'%s': KVM_CREATE_VM", p->kvm);
	close(vm);
	return 0;
}

static int check_kvm(const struct accel_probe *p, struct err *err)
{
	_close_ int kvm = -EBADF;
	int r;

	r = check_cpu(p, err);
	if (r < 0)
		return r;
	kvm = open(p->kvm, O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return err_errno(err, errno, "open '%s'", p->kvm);
	return check_vm(p, kvm, err);
}

const char *accel_name(enum accel a)
{
	return a == ACCEL_KVM ? "kvm" : "tcg";
}

int accel_choose_with(const struct accel_probe *probe, const char *wanted, enum accel *ret,
		      char *why, size_t size, struct err *err)
{
	struct err reason = { 0 };
	bool automatic = !wanted || strcmp(wanted, "auto") == 0;

	if (!automatic && strcmp(wanted, "tcg") == 0) {
		*ret = ACCEL_TCG;
		if (why)
			snprintf(why, size, "tcg: as configured");
		return 0;
	}
	if (!automatic && strcmp(wanted, "kvm") != 0)
		return err_set(err, EINVAL, "accelerator '%s' is not one of auto, kvm, tcg", wanted);
	if (check_kvm(probe, &reason) < 0) {
		if (!automatic)
			return err_set(err, reason.code, "kvm does not work here: %s", reason.msg);
		*ret = ACCEL_TCG;
		if (why)
			snprintf(why, size, "tcg: kvm does not work here: %s", reason.msg);
		return 0;
	}
	*ret = ACCEL_KVM;
	if (why)
		snprintf(why, size, automatic ? "kvm: it works here" : "kvm: as configured");
	return 0;
}

int accel_choose(const char *wanted, enum accel *ret, char *why, size_t size, struct err *err)
{
	return accel_choose_with(&host, wanted, ret, why, size, err);
}
