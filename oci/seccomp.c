/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/seccomp.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "oci/validate.h"

#define MAX_ERRNO 4094 /* libseccomp takes what is below the last one */
#define MAX_TRACE_DATA 65535 /* SECCOMP_RET_DATA */
#define MAX_ARG 5 /* a system call has six arguments */

const char *const oci_seccomp_actions[] = {
	"SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_TRAP",  "SCMP_ACT_ERRNO",        "SCMP_ACT_TRACE",
	"SCMP_ACT_ALLOW", "SCMP_ACT_LOG",          NULL
};

const char *const oci_seccomp_operators[] = { "SCMP_CMP_NE",        "SCMP_CMP_LT", "SCMP_CMP_LE",
					      "SCMP_CMP_EQ",        "SCMP_CMP_GE", "SCMP_CMP_GT",
					      "SCMP_CMP_MASKED_EQ", NULL };

const char *const oci_seccomp_flags[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
					  "SECCOMP_FILTER_FLAG_SPEC_ALLOW", NULL };

const char *const oci_seccomp_architectures[] = {
	"SCMP_ARCH_X86",     "SCMP_ARCH_X86_64",   "SCMP_ARCH_X32",         "SCMP_ARCH_ARM",
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",
	"SCMP_ARCH_MIPSEL",  "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
	"SCMP_ARCH_PPC64",   "SCMP_ARCH_PPC64LE",  "SCMP_ARCH_S390",        "SCMP_ARCH_S390X",
	"SCMP_ARCH_PARISC",  "SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",     "SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_M68K",    "SCMP_ARCH_SH",       "SCMP_ARCH_SHEB",        NULL
};

int oci_seccomp_index(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

static int check_action(const char *action, bool has_errno, uint32_t code, const char *path,
			const char *action_key, const char *errno_key, struct err *err)
{
	uint32_t max = !strcmp(action, "SCMP_ACT_ERRNO") ? MAX_ERRNO :
		       !strcmp(action, "SCMP_ACT_TRACE") ? MAX_TRACE_DATA :
							   0;

	if (!strcmp(action, "SCMP_ACT_NOTIFY"))
		return err_set(err, ENOTSUP,
			       "%s.%s: SCMP_ACT_NOTIFY is not supported: a listener on the host "
			       "cannot look into a VM's processes",
			       path, action_key);
	if (oci_seccomp_index(oci_seccomp_actions, action) < 0)
		return err_set(err, EINVAL, "%s.%s: unknown action \"%s\"", path, action_key,
			       action);
	if (has_errno && !max)
		return err_set(err, EINVAL, "%s.%s: %s has no errno", path, errno_key, action);
	if (has_errno && code > max)
		return err_set(err, EINVAL, "%s.%s must be from 0 to %u", path, errno_key, max);
	return 0;
}

static int check_names(char *const *v, const char *const *names, const char *path, struct err *err)
{
	for (size_t i = 0; v && v[i]; i++) {
		if (!strcmp(v[i], "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
			return err_set(err, ENOTSUP,
				       "%s[%zu]: %s is not supported: it is for a listener", path,
				       i, v[i]);
		if (oci_seccomp_index(names, v[i]) < 0)
			return err_set(err, EINVAL, "%s[%zu]: \"%s\" is unknown", path, i, v[i]);
	}
	return 0;
}

static int check_syscall(const struct oci_syscall *s, size_t index, struct err *err)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "linux.seccomp.syscalls[%zu]", index);
	r = check_action(s->action, s->has_errno_ret, s->errno_ret, path, "action", "errnoRet", err);
	for (size_t i = 0; r >= 0 && s->names[i]; i++)
		if (!*s->names[i])
			r = err_set(err, EINVAL, "%s.names[%zu] must not be empty", path, i);
	for (size_t i = 0; r >= 0 && i < s->n_args; i++) {
		const struct oci_seccomp_arg *a = &s->args[i];

		if (a->index > MAX_ARG)
			r = err_set(err, EINVAL, "%s.args[%zu].index must be from 0 to %d", path, i,
				    MAX_ARG);
		else if (oci_seccomp_index(oci_seccomp_operators, a->op) < 0)
			r = err_set(err, EINVAL, "%s.args[%zu].op: unknown operator \"%s\"", path,
				    i, a->op);
	}
	return r;
}

int oci_seccomp_validate(const struct oci_config *c, struct err *err)
{
	const struct oci_seccomp *s = c->linux_->seccomp;
	int r;

	if (!s)
		return 0;
	r = check_action(s->default_action, s->has_default_errno_ret, s->default_errno_ret,
			 "linux.seccomp", "defaultAction", "defaultErrnoRet", err);
	if (r >= 0)
		r = check_names(s->architectures, oci_seccomp_architectures,
				"linux.seccomp.architectures", err);
	if (r >= 0)
		r = check_names(s->flags, oci_seccomp_flags, "linux.seccomp.flags", err);
	for (size_t i = 0; r >= 0 && i < s->n_syscalls; i++)
		r = check_syscall(&s->syscalls[i], i, err);
	return r;
}
