/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile is written for the system calls of its day. What a later kernel
 * adds it denies, mostly with EPERM, where the C library expects ENOSYS to try
 * the older call. These instructions come first and give that answer.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "oci/seccomp.h"

#define X32_BIT 0x40000000u /* __X32_SYSCALL_BIT, which only x86 has a name for */

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define JUMP(op, value, yes, no) BPF_JUMP(BPF_JMP | BPF_K | (op), (uint32_t)(value), yes, no)
#define NO_SUCH_CALL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)
#define GO_ON BPF_STMT(BPF_JMP | BPF_JA, 0) /* to the end; how far is filled in last */

#define PUT(...)                                                          \
	do {                                                              \
		const struct sock_filter put[] = { __VA_ARGS__ };         \
                                                                          \
		for (size_t k = 0; k < sizeof(put) / sizeof(put[0]); k++) \
			code[at++] = put[k];                              \
	} while (0)

size_t oci_seccomp_enosys(const struct oci_seccomp_last *v, size_t n, struct sock_filter *code)
{
	size_t at = 0;

	PUT(LOAD(arch));
	for (size_t i = 0; i < n; i++) {
		if (v[i].last >= 0 && v[i].last_x32 >= 0)
			PUT(JUMP(BPF_JEQ, v[i].arch, 0, 6), LOAD(nr), JUMP(BPF_JGE, X32_BIT, 0, 1),
			    JUMP(BPF_JGT, v[i].last_x32, 1, 2), JUMP(BPF_JGT, v[i].last, 0, 1),
			    NO_SUCH_CALL, GO_ON);
		else if (v[i].last >= 0)
			PUT(JUMP(BPF_JEQ, v[i].arch, 0, 4), LOAD(nr),
			    JUMP(BPF_JGT, v[i].last, 0, 1), NO_SUCH_CALL, GO_ON);
	}
	for (size_t i = 0; i < at; i++)
		if (code[i].code == (BPF_JMP | BPF_JA))
			code[i].k = (uint32_t)(at - i - 1);
	return at;
}
