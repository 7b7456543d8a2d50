/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.seccomp: from config.json to what seccomp(2) takes. The host compiles
 * (seccomp_compile.c, the one user of libseccomp here), the guest's agent only
 * installs; both know the program as JSON:
 *
 *	{"flags": 4, "program": "<sixteen hex digits for each struct sock_filter>"}
 *
 * flags are SECCOMP_FILTER_FLAG_* of the kernel. Host and guest have one architecture.
 */
#ifndef MOAT_OCI_SECCOMP_H
#define MOAT_OCI_SECCOMP_H

#include <linux/filter.h>

#include "oci/config.h"

#define OCI_SECCOMP_MAX 4096 /* instructions: BPF_MAXINSNS of the kernel */

struct oci_seccomp_program {
	unsigned int flags;
	struct sock_filter *code; /* owned */
	size_t n;
};

void oci_seccomp_program_done(struct oci_seccomp_program *p);

/* Everything of linux.seccomp but the names of system calls, which differ from kernel to kernel. */
int oci_seccomp_validate(const struct oci_config *c, struct err *err);
/*
 * Compiles a validated section. System calls that libseccomp does not know are left out, as runc does; one
 * warning names them. Like runc, a profile that denies by default answers ENOSYS to
 * calls that are newer than any it names, so that programs try the older way.
 */
int oci_seccomp_compile(const struct oci_seccomp *s, oci_warn_fn warn, void *data,
			struct oci_seccomp_program *ret, struct err *err);

json_t *oci_seccomp_program_to_json(const struct oci_seccomp_program *p);
int oci_seccomp_program_from_json(const json_t *tree, struct oci_seccomp_program *ret,
				  struct err *err);

/* Names that the specification has, in its order, NULL-terminated; what a listener would be needed for is left out. */
extern const char *const oci_seccomp_actions[], *const oci_seccomp_operators[],
							*const oci_seccomp_flags[];
/* "SCMP_ARCH_X86_64": what follows the prefix is, in small letters, libseccomp's name. */
extern const char *const oci_seccomp_architectures[];
/* Index of a name in one of these, or -1. */
int oci_seccomp_index(const char *const *names, const char *name);

/* ---- private to the compiler ---- */

/* The highest number that a profile names on an architecture: what is above is new to it. */
struct oci_seccomp_last {
	uint32_t arch; /* AUDIT_ARCH_*, as in struct seccomp_data */
	int64_t last; /* -1: none */
	int64_t last_x32; /* of the calls with __X32_SYSCALL_BIT, where they are a table of their own; else -1 */
};

/* seccomp_enosys.c: instructions that come before the filter; at most 7 for each element and one more. Returns their number. */
size_t oci_seccomp_enosys(const struct oci_seccomp_last *v, size_t n, struct sock_filter *code);

#endif
