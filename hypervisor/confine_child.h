/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the VM process may still do, laid down between fork and exec: the
 * `prepare` of spawn(). System calls only. When a step fails its name is
 * written to descriptor 2 of the child, which the parent reads.
 */
#ifndef MOAT_HYPERVISOR_CONFINE_CHILD_H
#define MOAT_HYPERVISOR_CONFINE_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the monitor's mount namespace has the trees of the containers: the VM process must not see them. */
#define CONFINE_SHARE "/share"

struct confine_child {
	uid_t uid; /* 0: keep uid and gid and do without what needs privileges (tests) */
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
	uint64_t fsize; /* RLIMIT_FSIZE, bytes: also bounds ftruncate() of a memfd */
	uint64_t locked; /* RLIMIT_MEMLOCK, bytes, which may be more than the caller's; 0: as it is */
	uint32_t files; /* RLIMIT_NOFILE */
	uint32_t processes; /* RLIMIT_NPROC: threads of this uid */
};

int confine_child(void *data);

#endif
