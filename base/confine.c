/* SPDX-License-Identifier: Apache-2.0 */
#include "base/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "confine.c: name the AUDIT_ARCH_ of this architecture"
#endif

/* The low word of an argument; the high one follows (both architectures are little-endian). */
#define ARG_OFFSET(i) ((uint32_t)(offsetof(struct seccomp_data, args) + (i) * sizeof(uint64_t)))
#define X32_BIT 0x40000000u
#define RULE_SIZE 7 /* instructions of the longest rule */

/* ---- capabilities ---- */

/* The kernel's list may be longer than that of our headers: it is walked to its end. */
static int drop_bounding(uint64_t keep, struct err *err)
{
	for (unsigned long cap = 0;; cap++) {
		int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (r < 0)
			return errno == EINVAL && cap > 0 ?
				       0 :
				       err_errno(err, errno, "read capability bounding set");
		if (cap < 64 && keep & UINT64_C(1) << cap)
			continue;
		if (r == 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_errno(err, errno, "drop capability %lu from the bounding set",
					 cap);
	}
}

int confine_drop_bounding(struct err *err)
{
	return drop_bounding(0, err);
}

/* With the permitted and inheritable sets empty it is empty already; old kernels lack the call. */
static int clear_ambient(struct err *err)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return err_errno(err, errno, "clear ambient capabilities");
	return 0;
}

int confine_keep_caps(uint64_t keep, struct err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	int r = drop_bounding(keep, err);

	if (r >= 0)
		r = clear_ambient(err);
	if (r < 0)
		return r;
	if (syscall(SYS_capget, &header, data) < 0)
		return err_errno(err, errno, "read capabilities");
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? err_errno(err, errno, "limit capabilities") :
							0;
}

static int check_caps(struct err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return err_errno(err, errno, "read capabilities");
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (data[i].effective | data[i].permitted | data[i].inheritable)
			return err_set(err, EPERM, "capabilities are left after all were dropped");
	return 0;
}

int confine_drop_caps(struct err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int r;

	r = confine_drop_bounding(err);
	if (r >= 0)
		r = clear_ambient(err);
	if (r < 0)
		return r;
	if (syscall(SYS_capset, &header, none) < 0)
		return err_errno(err, errno, "drop capabilities");
	return check_caps(err);
}

/* ---- flags and limits ---- */

int confine_no_new_privs(struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "set no_new_privs");
	return 0;
}

int confine_undumpable(struct err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(err, errno, "make undumpable");
	return 0;
}

int confine_rlimit(int resource, uint64_t value, struct err *err)
{
	struct rlimit now, want;

	if (getrlimit((unsigned int)resource, &now) < 0)
		return err_errno(err, errno, "read resource limit %d", resource);
	want.rlim_max = now.rlim_max < value ? now.rlim_max : (rlim_t)value;
	want.rlim_cur = want.rlim_max;
	if (setrlimit((unsigned int)resource, &want) < 0)
		return err_errno(err, errno, "set resource limit %d", resource);
	return 0;
}

/* ---- system calls ---- */

struct program {
	struct sock_filter *code;
	unsigned short len;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	p->code[p->len++] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
}

static void load(struct program *p, uint32_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static void give(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Returns if the word loaded equals k (inverted: if it does not), else goes on. */
static void give_if(struct program *p, uint32_t k, bool equal, uint32_t action)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, k, equal ? 0 : 1, equal ? 1 : 0);
	give(p, action);
}

/* Several rules that must all fit, as a rule one. */
static void emit_rules(struct program *p, const struct confine_rule *r, size_t n)
{
	unsigned short start = p->len;

	if (r->arg < 0) {
		give_if(p, (uint32_t)r->nr, true, SECCOMP_RET_ALLOW);
		return;
	}
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r->nr, 0, 0);
	/* The kernel checks the whole 64 bits of an argument register, so do we. */
	for (size_t i = 0; i < n; i++) {
		load(p, ARG_OFFSET((uint32_t)r[i].arg));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)r[i].value, 0, 0);
		load(p, ARG_OFFSET((uint32_t)r[i].arg) + 4);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(r[i].value >> 32), 0, 0);
	}
	give(p, SECCOMP_RET_ALLOW);
	/* What does not fit comes here: another call over, another argument to the load for the rules that follow. */
	for (unsigned short at = start; at < p->len; at++)
		if (BPF_CLASS(p->code[at].code) == BPF_JMP)
			p->code[at].jf = (uint8_t)(p->len - at - (at == start ? 0 : 1));
	load(p, offsetof(struct seccomp_data, nr));
}

/* How many rules belong together from the first on; 0: they do not fit each other. */
static size_t count_rules(const struct confine_rule *r, size_t n)
{
	size_t k = 1;

	while (r[k - 1].also) {
		if (k == n || k > 5 || r[k].nr != r[0].nr || r[k].arg < 0)
			return 0;
		k++;
	}
	return k > 1 && r[0].arg < 0 ? 0 : k;
}

int confine_syscalls(const struct confine_rule *rules, size_t n, int deny, struct err *err)
{
	uint32_t other = deny == CONFINE_KILL ?
				 SECCOMP_RET_KILL_PROCESS :
				 SECCOMP_RET_ERRNO | ((uint32_t)deny & SECCOMP_RET_DATA);
	struct program p = { 0 };

	if (n > CONFINE_MAX_RULES)
		return err_set(err, E2BIG, "system call filter of %zu rules", n);
	/* On the stack: free() may need calls that are forbidden by then. At most 15 KiB. */
	struct sock_filter code[n * RULE_SIZE + 8];
	p.code = code;
	load(&p, offsetof(struct seccomp_data, arch));
	give_if(&p, OUR_ARCH, false, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
	emit(&p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	give(&p, SECCOMP_RET_KILL_PROCESS);
#endif
	for (size_t i = 0, k; i < n; i += k) {
		k = count_rules(rules + i, n - i);
		if (k == 0)
			return err_set(err, EINVAL, "system call filter: rule %zu", i);
		for (size_t j = i; j < i + k; j++)
			if (rules[j].arg > 5)
				return err_set(err, EINVAL, "system call filter: argument %d",
					       rules[j].arg);
		if (rules[i].nr >= 0)
			emit_rules(&p, &rules[i], k);
	}
	give(&p, other);
	struct sock_fprog prog = { .len = p.len, .filter = p.code };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return err_errno(err, errno, "install system call filter");
	return 0;
}
