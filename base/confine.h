/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a long-lived process gives up after its set-up. Everything acts on the
 * calling thread (the process is single-threaded) and cannot be undone.
 * Order: rlimits, confine_no_new_privs(), confine_drop_caps(), confine_undumpable(), confine_syscalls().
 */
#ifndef MOAT_BASE_CONFINE_H
#define MOAT_BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "base/err.h"

/*
 * Empties the bounding, ambient, inheritable, permitted and effective sets
 * and checks that they are empty. Needs CAP_SETPCAP while the bounding set is not empty.
 */
int confine_drop_caps(struct err *err);
/* The bounding set alone, for who is going to change its uid and would lose CAP_SETPCAP by that. */
int confine_drop_bounding(struct err *err);
/*
 * Leaves nothing in any set but the capabilities whose bits (1 << CAP_...) are in keep, and these in none but the bounding,
 * permitted and effective ones: a program that root executes then has no more than these (capabilities(7)).
 */
int confine_keep_caps(uint64_t keep, struct err *err);
/* No program started from now on gains anything by set-uid bits or file capabilities. */
int confine_no_new_privs(struct err *err);
/* No core dump (also none through a core_pattern with a pipe), no ptrace(2) by others without CAP_SYS_PTRACE. */
int confine_undumpable(struct err *err);
/* Sets the soft limit, and the hard one where it is higher, to value (RLIMIT_*); a lower hard limit stays. */
int confine_rlimit(int resource, uint64_t value, struct err *err);

/* A permitted system call; with arg >= 0 only when that argument (0-5) has exactly this value. */
struct confine_rule {
	int nr; /* SYS_*; < 0: none on this architecture, skipped */
	int arg;
	uint64_t value;
	bool also; /* and so must what the rule after this one, of the same call, says of another argument */
};
#define CONFINE_ALLOW(call)       \
	{                         \
		SYS_##call, -1, 0 \
	}
#define CONFINE_ALLOW_ARG(call, arg, value) \
	{                                   \
		SYS_##call, arg, value      \
	}
#define CONFINE_ALLOW_ARG_ALSO(call, arg, value) \
	{                                        \
		SYS_##call, arg, value, true     \
	}

#define CONFINE_KILL 0
#define CONFINE_MAX_RULES 256

/*
 * Installs a filter: what no rule permits ends the process (deny CONFINE_KILL)
 * or fails with the errno `deny`. System calls of another architecture or ABI (i386,
 * x32) always end it. No library: classic BPF, so that static programs stay small.
 */
int confine_syscalls(const struct confine_rule *rules, size_t n, int deny, struct err *err);

#endif
