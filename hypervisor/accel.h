/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which accelerator a VM gets. "auto" takes KVM only where it really runs a
 * stock kernel: the CPU must show vmx or svm (a paravirtual KVM without them
 * opens and creates VMs but dies in an emulation failure), /dev/kvm must open,
 * answer KVM_GET_API_VERSION with 12 and create a VM with the extensions QEMU needs.
 */
#ifndef MOAT_HYPERVISOR_ACCEL_H
#define MOAT_HYPERVISOR_ACCEL_H

#include <stddef.h>

#include "base/err.h"

enum accel { ACCEL_KVM, ACCEL_TCG };

/*
 * wanted: "auto", "kvm" or "tcg" (NULL: auto). *why (size bytes, may be NULL) receives a
 * sentence for the log. "kvm" where it does not work is an error with the reason.
 */
int accel_choose(const char *wanted, enum accel *ret, char *why, size_t size, struct err *err);
const char *accel_name(enum accel a);

/* The same with other files and another ioctl (which returns -errno), for tests. */
struct accel_probe {
	const char *cpuinfo, *kvm; /* paths */
	int (*ioctl)(int fd, unsigned long request, long arg);
};
int accel_choose_with(const struct accel_probe *probe, const char *wanted, enum accel *ret,
		      char *why, size_t size, struct err *err);

#endif
