/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"
#include "oci/seccomp.h"

#define MAX_ARCHS 32
#define API_LEVEL 4 /* what the guest's kernel has; libseccomp would ask the host's */

struct compiler {
	const struct oci_seccomp *profile;
	scmp_filter_ctx ctx;
	uint32_t archs[MAX_ARCHS];
	size_t n_archs;
	struct buf unknown; /* names of system calls */
};

static void compiler_done(struct compiler *c)
{
	seccomp_release(c->ctx);
	buf_done(&c->unknown);
}

/* In the order of oci_seccomp_actions and oci_seccomp_operators. */
static const uint32_t actions[] = {
	SCMP_ACT_KILL,     SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP,
	SCMP_ACT_ERRNO(0), SCMP_ACT_TRACE(0),     SCMP_ACT_ALLOW,       SCMP_ACT_LOG,
};
static const enum scmp_compare operators[] = {
	SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE,        SCMP_CMP_EQ,
	SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ,
};

static uint32_t action_of(const char *name, bool has_errno, uint32_t code)
{
	uint32_t action = actions[oci_seccomp_index(oci_seccomp_actions, name)];

	if (action == SCMP_ACT_ERRNO(0) || action == SCMP_ACT_TRACE(0))
		action |= has_errno ? code : EPERM;
	return action;
}

/* ---- architectures ---- */

static int add_arch(struct compiler *c, uint32_t arch, const char *name, struct err *err)
{
	int r;

	for (size_t i = 0; i < c->n_archs; i++)
		if (c->archs[i] == arch)
			return 0;
	r = seccomp_arch_add(c->ctx, arch);
	if (r < 0 && r != -EEXIST)
		return err_errno(err, -r, "linux.seccomp.architectures: %s", name);
	c->archs[c->n_archs++] = arch;
	return 0;
}

/* The native one is always there, as with runc. */
static int add_archs(struct compiler *c, struct err *err)
{
	int r = add_arch(c, seccomp_arch_native(), "native", err);

	for (char *const *v = c->profile->architectures; r >= 0 && v && *v; v++) {
		char name[32];
		size_t n = 0;
		uint32_t arch;

		for (const char *p = *v + strlen("SCMP_ARCH_"); *p && n + 1 < sizeof(name); p++)
			name[n++] = (char)tolower((unsigned char)*p);
		name[n] = '\0';
		arch = seccomp_arch_resolve_name(name);
		r = arch ? add_arch(c, arch, *v, err) :
			   err_set(err, EINVAL,
				   "linux.seccomp.architectures: libseccomp does not know %s", *v);
	}
	return r;
}

/* ---- rules ---- */

static int add_rule(struct compiler *c, uint32_t action, int nr, const char *name,
		    const struct scmp_arg_cmp *args, size_t n, struct err *err)
{
	int r = seccomp_rule_add_array(c->ctx, action, nr, (unsigned int)n, args);

	return r < 0 ? err_errno(err, -r, "linux.seccomp: rule for system call %s", name) : 0;
}

static void add_unknown(struct compiler *c, const char *name)
{
	buf_printf(&c->unknown, "%s%s", c->unknown.len ? ", " : "", name);
}

/* Two conditions on one argument are more than a rule can have: as with runc, each is then a rule of its own. */
static bool is_one_rule(const struct oci_syscall *s)
{
	unsigned int seen = 0;

	for (size_t i = 0; i < s->n_args; i++) {
		if (seen & 1u << s->args[i].index)
			return false;
		seen |= 1u << s->args[i].index;
	}
	return true;
}

static int add_syscall(struct compiler *c, const struct oci_syscall *s, uint32_t fallback,
		       struct err *err)
{
	uint32_t action = action_of(s->action, s->has_errno_ret, s->errno_ret);
	_free_ struct scmp_arg_cmp *args = calloc(s->n_args + 1, sizeof(*args));
	bool one = is_one_rule(s);
	int r = args ? 0 : err_errno(err, ENOMEM, "linux.seccomp");

	for (size_t i = 0; r >= 0 && i < s->n_args; i++)
		args[i] = (struct scmp_arg_cmp){
			.arg = s->args[i].index,
			.op = operators[oci_seccomp_index(oci_seccomp_operators, s->args[i].op)],
			.datum_a = s->args[i].value,
			.datum_b = s->args[i].value_two,
		};
	for (size_t k = 0; r >= 0 && s->names[k]; k++) {
		int nr = seccomp_syscall_resolve_name(s->names[k]);

		if (nr == __NR_SCMP_ERROR) {
			add_unknown(c, s->names[k]);
			continue;
		}
		/* What happens anyhow needs no rule, and libseccomp refuses one. */
		if (action == fallback)
			continue;
		if (one)
			r = add_rule(c, action, nr, s->names[k], args, s->n_args, err);
		for (size_t i = 0; r >= 0 && !one && i < s->n_args; i++)
			r = add_rule(c, action, nr, s->names[k], &args[i], 1, err);
	}
	return r;
}

static int add_rules(struct compiler *c, uint32_t fallback, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->profile->n_syscalls; i++)
		r = add_syscall(c, &c->profile->syscalls[i], fallback, err);
	return r;
}

/* ---- system calls that are newer than the profile ---- */

static int64_t last_named(const struct oci_seccomp *s, uint32_t arch)
{
	int64_t last = -1;

	for (size_t i = 0; i < s->n_syscalls; i++)
		for (char *const *name = s->syscalls[i].names; *name; name++) {
			int nr = seccomp_syscall_resolve_name_arch(arch, *name);

			if (nr > last)
				last = nr;
		}
	return last;
}

static bool denies(uint32_t action)
{
	/* A tracer, like a log, is there to let things happen. */
	return action != SCMP_ACT_ALLOW && action != SCMP_ACT_LOG &&
	       (action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_TRACE;
}

static size_t make_enosys(const struct compiler *c, uint32_t fallback, struct sock_filter *code)
{
	struct oci_seccomp_last v[MAX_ARCHS];
	int64_t x32 = -1;
	size_t n = 0;

	if (!denies(fallback))
		return 0;
	for (size_t i = 0; i < c->n_archs; i++) {
		int64_t last = last_named(c->profile, c->archs[i]);

		/* Not an architecture to the kernel: numbers of x86_64 with a bit set. */
		if (c->archs[i] == SCMP_ARCH_X32)
			x32 = last;
		else
			v[n++] = (struct oci_seccomp_last){ c->archs[i], last, -1 };
	}
	for (size_t i = 0; i < n; i++)
		if (v[i].arch == SCMP_ARCH_X86_64)
			v[i].last_x32 = x32;
	return oci_seccomp_enosys(v, n, code);
}

/* ---- the program ---- */

static int export(struct compiler *c, uint32_t fallback, struct oci_seccomp_program *ret,
		  struct err *err)
{
	_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	struct sock_filter before[1 + 7 * MAX_ARCHS];
	struct stat st;
	size_t n = make_enosys(c, fallback, before), size;
	int r = fd < 0 ? -errno : seccomp_export_bpf(c->ctx, fd);

	if (r >= 0 && (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		r = -errno;
	if (r < 0)
		return err_errno(err, -r, "linux.seccomp: compile");
	size = (size_t)st.st_size;
	if (n + size / sizeof(*before) > OCI_SECCOMP_MAX)
		return err_set(err, E2BIG, "linux.seccomp: more than %d instructions",
			       OCI_SECCOMP_MAX);
	_free_ struct sock_filter *code = malloc(n * sizeof(*code) + size);
	if (!code)
		return err_errno(err, ENOMEM, "linux.seccomp");
	memcpy(code, before, n * sizeof(*code));
	r = io_read_all(fd, code + n, size);
	if (r < 0)
		return err_errno(err, -r, "linux.seccomp: compile");
	ret->n = n + size / sizeof(*code);
	ret->code = take_ptr(code);
	return 0;
}

/*
 * TSYNC is about threads, of which a process that becomes the program has one.
 * Without a list of flags runc permits speculation: its mitigation costs much and protects little.
 */
static unsigned int kernel_flags(char *const *flags)
{
	unsigned int f = flags ? 0 : SECCOMP_FILTER_FLAG_SPEC_ALLOW;

	for (; flags && *flags; flags++) {
		if (!strcmp(*flags, "SECCOMP_FILTER_FLAG_LOG"))
			f |= SECCOMP_FILTER_FLAG_LOG;
		else if (!strcmp(*flags, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
			f |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	}
	return f;
}

static void warn_unknown(struct compiler *c, oci_warn_fn warn, void *data)
{
	_free_ char *msg = NULL;

	if (!warn || !c->unknown.len)
		return;
	msg = buf_ok(&c->unknown) ? str_printf("linux.seccomp: unknown system calls are ignored: %s",
					       c->unknown.data) :
				    NULL;
	warn(data, msg ? msg : "out of memory");
}

int oci_seccomp_compile(const struct oci_seccomp *s, oci_warn_fn warn, void *data,
			struct oci_seccomp_program *ret, struct err *err)
{
	_cleanup_(compiler_done) struct compiler c = { .profile = s };
	uint32_t fallback = action_of(s->default_action, s->has_default_errno_ret,
				      s->default_errno_ret);
	struct oci_seccomp_program program = { .flags = kernel_flags(s->flags) };
	int r;

	seccomp_api_set(API_LEVEL);
	c.ctx = seccomp_init(fallback);
	if (!c.ctx)
		return err_set(err, ENOMEM, "linux.seccomp: libseccomp cannot start a filter");
	/* A tree of comparisons instead of a list of hundreds. */
	(void)seccomp_attr_set(c.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_archs(&c, err);
	if (r >= 0)
		r = add_rules(&c, fallback, err);
	if (r >= 0)
		r = export(&c, fallback, &program, err);
	if (r < 0)
		return r;
	warn_unknown(&c, warn, data);
	*ret = program;
	return 0;
}
