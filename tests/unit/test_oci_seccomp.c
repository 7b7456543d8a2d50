/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp: what is refused, and what compiled programs answer, in a small machine for BPF. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>

#include "oci/seccomp.h"
#include "base/str.h"
#include "tests/unit/test_oci.h"

#define X32 0x40000000

static struct oci_config *config_of(const char *profile)
{
	_json_ json_t *doc = minimal(NULL);
	struct oci_config *c = NULL;
	struct err err = { 0 };

	json_object_set_new(json_object_get(doc, "linux"), "seccomp", text_json(profile));
	unit_ok(oci_config_from_json(doc, NULL, NULL, &c, &err), &err);
	return c;
}

static struct oci_seccomp_program compile(const char *profile, struct warnings *w)
{
	_cleanup_(oci_config_freep) struct oci_config *c = config_of(profile);
	struct oci_seccomp_program p;
	struct err err = { 0 };

	unit_ok(oci_seccomp_compile(c->linux_->seccomp, w ? collect : NULL, w, &p, &err), &err);
	return p;
}

/* What the kernel does with the instructions that libseccomp and we use. */
static uint32_t run(const struct oci_seccomp_program *p, uint32_t arch, uint32_t nr,
		    const uint64_t args[6])
{
	struct seccomp_data d = { .nr = (int)nr, .arch = arch };
	uint32_t a = 0;

	for (int i = 0; args && i < 6; i++)
		d.args[i] = args[i];
	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *f = &p->code[pc];
		bool yes = false;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			ck_assert_uint_le(f->k, sizeof(d) - 4);
			memcpy(&a, (char *)&d + f->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			pc += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		default:
			ck_abort_msg("instruction %#x", f->code);
		}
		pc += yes ? f->jt : f->jf;
	}
	ck_abort_msg("no answer");
}

static uint32_t native(const struct oci_seccomp_program *p, uint32_t nr, uint64_t arg0,
		       uint64_t arg1)
{
	return run(p, AUDIT_ARCH_X86_64, nr, (uint64_t[]){ arg0, arg1, 0, 0, 0, 0 });
}

#define ERRNO(n) (SECCOMP_RET_ERRNO | (uint32_t)(n))

START_TEST(refused)
{
	static const struct {
		const char *profile, *part;
		int code;
	} rows[] = {
		{ "{}", "linux.seccomp.defaultAction is required", EINVAL },
		{ "{\"defaultAction\":\"SCMP_ACT_FOO\"}",
		  "linux.seccomp.defaultAction: unknown action \"SCMP_ACT_FOO\"", EINVAL },
		{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
		  "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY is not supported", ENOTSUP },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
		  "linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW has no errno", EINVAL },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4095}",
		  "linux.seccomp.defaultErrnoRet must be from 0 to 4094", EINVAL },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}",
		  "linux.seccomp.defaultErrnoRet must be", ERANGE },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/run/x\"}",
		  "linux.seccomp.listenerPath: a listener", ENOTSUP },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\"}",
		  "linux.seccomp.listenerMetadata: a listener", ENOTSUP },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\",\"x86\"]}",
		  "linux.seccomp.architectures[1]: \"x86\" is unknown", EINVAL },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_NEW\"]}",
		  "linux.seccomp.flags[0]: \"SECCOMP_FILTER_FLAG_NEW\" is unknown", EINVAL },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
		  "linux.seccomp.flags[0]: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is not supported",
		  ENOTSUP },
	};
	static const struct {
		const char *call, *part;
	} calls[] = {
		{ "{\"action\":\"SCMP_ACT_ERRNO\"}", ".names is required" },
		{ "{\"names\":[],\"action\":\"SCMP_ACT_ERRNO\"}", ".names must not be empty" },
		{ "{\"names\":[\"a\",\"\"],\"action\":\"SCMP_ACT_ERRNO\"}",
		  ".names[1] must not be empty" },
		{ "{\"names\":[\"a\"]}", ".action is required" },
		{ "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_NOTIFY\"}",
		  ".action: SCMP_ACT_NOTIFY is not supported" },
		{ "{\"names\":[\"a\"],\"action\":\"ERRNO\"}", ".action: unknown action \"ERRNO\"" },
		{ "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_KILL\",\"errnoRet\":0}",
		  ".errnoRet: SCMP_ACT_KILL has no errno" },
		{ "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_TRACE\",\"errnoRet\":65536}",
		  ".errnoRet must be from 0 to 65535" },
		{ "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":6,\"value\":0,"
		  "\"op\":\"SCMP_CMP_EQ\"}]}",
		  ".args[0].index must be from 0 to 5" },
		{ "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":1,\"value\":0,"
		  "\"op\":\"EQ\"}]}",
		  ".args[0].op: unknown operator \"EQ\"" },
		{ "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_LOG\",\"args\":[{\"index\":1,"
		  "\"op\":\"SCMP_CMP_EQ\"}]}",
		  ".args[0].value is required" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_json_ json_t *doc = minimal(NULL);
		struct oci_config *c = NULL;
		struct err err = { 0 };

		json_object_set_new(json_object_get(doc, "linux"), "seccomp",
				    text_json(rows[i].profile));
		unit_fails(oci_config_from_json(doc, NULL, NULL, &c, &err), rows[i].code, &err,
			   rows[i].part);
	}
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		_free_ char *text = str_printf("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
					       "{\"names\":[\"x\"],\"action\":\"SCMP_ACT_LOG\"},%s]}",
					       calls[i].call);
		_free_ char *part = str_printf("linux.seccomp.syscalls[1]%s", calls[i].part);
		_json_ json_t *doc = minimal(NULL);
		struct oci_config *c = NULL;
		struct err err = { 0 };

		json_object_set_new(json_object_get(doc, "linux"), "seccomp", text_json(text));
		ck_assert_int_lt(oci_config_from_json(doc, NULL, NULL, &c, &err), 0);
		ck_assert_msg(strstr(err.msg, part) != NULL, "\"%s\" lacks \"%s\"", err.msg, part);
	}
}
END_TEST

START_TEST(actions)
{
	static const struct {
		const char *action;
		uint32_t want;
	} rows[] = {
		{ "\"SCMP_ACT_KILL\"", SECCOMP_RET_KILL_THREAD },
		{ "\"SCMP_ACT_KILL_THREAD\"", SECCOMP_RET_KILL_THREAD },
		{ "\"SCMP_ACT_KILL_PROCESS\"", SECCOMP_RET_KILL_PROCESS },
		{ "\"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP },
		{ "\"SCMP_ACT_ERRNO\"", ERRNO(EPERM) },
		{ "\"SCMP_ACT_ERRNO\",\"errnoRet\":0", ERRNO(0) },
		{ "\"SCMP_ACT_ERRNO\",\"errnoRet\":99", ERRNO(99) },
		{ "\"SCMP_ACT_ERRNO\",\"errnoRet\":4094", ERRNO(4094) },
		{ "\"SCMP_ACT_TRACE\"", SECCOMP_RET_TRACE | EPERM },
		{ "\"SCMP_ACT_TRACE\",\"errnoRet\":65535", SECCOMP_RET_TRACE | 65535 },
		{ "\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_free_ char *text = str_printf("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
					       "{\"names\":[\"getcwd\"],\"action\":%s}]}",
					       rows[i].action);
		_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program p = compile(text,
											   NULL);

		ck_assert_msg(native(&p, SYS_getcwd, 0, 0) == rows[i].want, "%s: %#x",
			      rows[i].action, native(&p, SYS_getcwd, 0, 0));
		ck_assert_uint_eq(native(&p, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(native(&p, 5000, 0, 0), SECCOMP_RET_ALLOW);
		/* Not among the architectures. */
		ck_assert_uint_eq(run(&p, AUDIT_ARCH_I386, 183, NULL), SECCOMP_RET_KILL_THREAD);
	}
}
END_TEST

START_TEST(arguments)
{
	static const struct {
		const char *args;
		uint64_t a0, a1;
		bool match;
	} rows[] = {
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_EQ\"}", 5, 0, true },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_EQ\"}", 6, 0, false },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_NE\"}", 5, 0, false },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_NE\"}", 6, 0, true },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_LT\"}", 4, 0, true },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_LT\"}", 5, 0, false },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_LE\"}", 5, 0, true },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_LE\"}", 6, 0, false },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GE\"}", 5, 0, true },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GE\"}", 4, 0, false },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GT\"}", 6, 0, true },
		{ "{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GT\"}", 5, 0, false },
		/* Both halves of a register count. */
		{ "{\"index\":0,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}", UINT64_MAX,
		  0, true },
		{ "{\"index\":0,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}", UINT32_MAX,
		  0, false },
		{ "{\"index\":0,\"value\":4294967296,\"op\":\"SCMP_CMP_GE\"}", 1ULL << 32, 0, true },
		/* The bits of value, as they are in valueTwo; without it all are to be zero. */
		{ "{\"index\":0,\"value\":6,\"valueTwo\":2,\"op\":\"SCMP_CMP_MASKED_EQ\"}", 0xb, 0,
		  true },
		{ "{\"index\":0,\"value\":6,\"valueTwo\":2,\"op\":\"SCMP_CMP_MASKED_EQ\"}", 0xf, 0,
		  false },
		{ "{\"index\":0,\"value\":2114060288,\"op\":\"SCMP_CMP_MASKED_EQ\"}", 0x11, 0, true },
		{ "{\"index\":0,\"value\":2114060288,\"op\":\"SCMP_CMP_MASKED_EQ\"}", 0x10000000, 0,
		  false },
		/* All arguments of a rule have to match, */
		{ "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
		  "{\"index\":1,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}",
		  1, 2, true },
		{ "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
		  "{\"index\":1,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}",
		  1, 3, false },
		/* but of two conditions on one argument either is enough. */
		{ "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
		  "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}",
		  2, 0, true },
		{ "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
		  "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}",
		  3, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_free_ char *text = str_printf("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
					       "{\"names\":[\"dup2\"],\"action\":\"SCMP_ACT_ERRNO\","
					       "\"errnoRet\":7,\"args\":[%s]}]}",
					       rows[i].args);
		_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program p = compile(text,
											   NULL);

		ck_assert_msg(native(&p, SYS_dup2, rows[i].a0, rows[i].a1) ==
				      (rows[i].match ? ERRNO(7) : SECCOMP_RET_ALLOW),
			      "%s with %#llx", rows[i].args, (unsigned long long)rows[i].a0);
	}
}
END_TEST

START_TEST(unknown_and_pointless)
{
	struct warnings w = { 0 };
	_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program p = compile(
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
		"{\"names\":[\"read\",\"no_such_call\",\"nor_this\"],\"action\":\"SCMP_ACT_ALLOW\"},"
		"{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
		&w);

	ck_assert_int_eq(w.n, 1);
	ck_assert_str_eq(
		w.text, "linux.seccomp: unknown system calls are ignored: no_such_call, nor_this\n");
	ck_assert_uint_eq(native(&p, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
	ck_assert_uint_eq(native(&p, SYS_write, 0, 0), ERRNO(EPERM));
}
END_TEST

START_TEST(newer_than_the_profile)
{
	static const char calls[] = "\"syscalls\":[{\"names\":[\"read\",\"statx\",\"waitpid\"],"
				    "\"action\":\"SCMP_ACT_ALLOW\"}]}";
	static const struct {
		const char *fallback;
		uint32_t known, unknown;
	} rows[] = {
		{ "\"SCMP_ACT_ERRNO\"", ERRNO(EPERM), ERRNO(ENOSYS) },
		{ "\"SCMP_ACT_KILL_PROCESS\"", SECCOMP_RET_KILL_PROCESS, ERRNO(ENOSYS) },
		{ "\"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP, ERRNO(ENOSYS) },
		{ "\"SCMP_ACT_LOG\"", SECCOMP_RET_LOG, SECCOMP_RET_LOG },
		{ "\"SCMP_ACT_TRACE\"", SECCOMP_RET_TRACE | EPERM, SECCOMP_RET_TRACE | EPERM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_free_ char *one = str_printf("{\"defaultAction\":%s,%s", rows[i].fallback, calls);
		_free_ char *all = str_printf(
			"{\"defaultAction\":%s,\"architectures\":["
			"\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],%s",
			rows[i].fallback, calls);
		_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program p = compile(one,
											   NULL);
		_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program q = compile(all,
											   NULL);

		/* Below the last call that is named (statx is 332, on i386 383): as the profile says; above: not there. */
		ck_assert_uint_eq(native(&p, SYS_statx, 0, 0), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(native(&p, SYS_statx - 1, 0, 0), rows[i].known);
		ck_assert_uint_eq(native(&p, SYS_statx + 1, 0, 0), rows[i].unknown);
		ck_assert_uint_eq(native(&q, SYS_statx, 0, 0), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(native(&q, SYS_statx + 1, 0, 0), rows[i].unknown);
		ck_assert_uint_eq(run(&q, AUDIT_ARCH_I386, 383, NULL), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(run(&q, AUDIT_ARCH_I386, 7, NULL), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(run(&q, AUDIT_ARCH_I386, 382, NULL), rows[i].known);
		ck_assert_uint_eq(run(&q, AUDIT_ARCH_I386, 384, NULL), rows[i].unknown);
		ck_assert_uint_eq(native(&q, X32 + SYS_statx, 0, 0), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(native(&q, X32 + SYS_statx - 1, 0, 0), rows[i].known);
		ck_assert_uint_eq(native(&q, X32 + SYS_statx + 1, 0, 0), rows[i].unknown);
		/* An architecture that is not listed is killed, whatever the number. */
		ck_assert_uint_eq(run(&q, AUDIT_ARCH_AARCH64, 4000, NULL), SECCOMP_RET_KILL_THREAD);
	}
}
END_TEST

START_TEST(flags)
{
	static const struct {
		const char *flags;
		unsigned int want;
	} rows[] = {
		{ "null", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "[]", 0 },
		{ "[\"SECCOMP_FILTER_FLAG_TSYNC\"]", 0 },
		{ "[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]",
		  SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_free_ char *text = str_printf("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":%s}",
					       rows[i].flags);
		_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program p = compile(text,
											   NULL);

		ck_assert_uint_eq(p.flags, rows[i].want);
	}
}
END_TEST

START_TEST(every_architecture)
{
	for (size_t i = 0; oci_seccomp_architectures[i]; i++) {
		_free_ char *text = str_printf("{\"defaultAction\":\"SCMP_ACT_ERRNO\","
					       "\"architectures\":[\"%s\"],\"syscalls\":[{\"names\":"
					       "[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
					       oci_seccomp_architectures[i]);
		_cleanup_(oci_config_freep) struct oci_config *c = config_of(text);
		struct oci_seccomp_program p = { 0 };
		struct err err = { 0 };
		int r = oci_seccomp_compile(c->linux_->seccomp, NULL, NULL, &p, &err);

		/* One of the other byte order cannot be in the same filter; some are newer than the library. */
		if (r < 0)
			ck_assert_msg(strstr(err.msg, oci_seccomp_architectures[i]) != NULL, "%s",
				      err.msg);
		else
			ck_assert_uint_eq(native(&p, SYS_read, 0, 0), SECCOMP_RET_ALLOW);
		oci_seccomp_program_done(&p);
	}
}
END_TEST

START_TEST(samples)
{
	static const char *const names[] = { "docker-run.json", "podman-run.json" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_json_ json_t *doc = data_json(names[i]);
		_cleanup_(oci_config_freep) struct oci_config *c = NULL;
		_cleanup_(oci_seccomp_program_done) struct oci_seccomp_program p = { 0 }, q = { 0 };
		_json_ json_t *tree = NULL;
		struct timespec from, to;
		struct err err = { 0 };

		unit_ok(oci_config_from_json(doc, NULL, NULL, &c, &err), &err);
		clock_gettime(CLOCK_MONOTONIC, &from);
		unit_ok(oci_seccomp_compile(c->linux_->seccomp, NULL, NULL, &p, &err), &err);
		clock_gettime(CLOCK_MONOTONIC, &to);
		printf("%s: %zu instructions in %.1f ms\n", names[i], p.n,
		       (double)(to.tv_sec - from.tv_sec) * 1e3 +
			       (double)(to.tv_nsec - from.tv_nsec) / 1e6);
		ck_assert_uint_eq(native(&p, SYS_openat, 0, 0), SECCOMP_RET_ALLOW);
		ck_assert_uint_ne(native(&p, SYS_kexec_load, 0, 0), SECCOMP_RET_ALLOW);
		ck_assert_uint_eq(native(&p, SYS_clone, 0x11, 0), SECCOMP_RET_ALLOW);
		/* Docker permits no clone with CLONE_NEWUSER. */
		if (i == 0)
			ck_assert_uint_eq(native(&p, SYS_clone, 0x10000000, 0), ERRNO(EPERM));
		tree = oci_seccomp_program_to_json(&p);
		unit_ok(oci_seccomp_program_from_json(tree, &q, &err), &err);
		ck_assert_uint_eq(p.n, q.n);
		ck_assert_uint_eq(p.flags, q.flags);
		ck_assert_int_eq(memcmp(p.code, q.code, p.n * sizeof(*p.code)), 0);
	}
}
END_TEST

START_TEST(bad_programs)
{
	static const char *const bad[] = {
		"{}",
		"{\"flags\":0}",
		"{\"flags\":0,\"program\":\"\"}",
		"{\"flags\":0,\"program\":7}",
		"{\"flags\":0,\"program\":\"0600000000000f7\"}",
		"{\"flags\":0,\"program\":\"060000000000ff7f06\"}",
		"{\"flags\":0,\"program\":\"060000000000fF7f\"}",
		"{\"flags\":0,\"program\":\"060000000000 f7f\"}",
		"{\"program\":\"060000000000ff7f\"}",
		"{\"flags\":8,\"program\":\"060000000000ff7f\"}",
		"{\"flags\":-1,\"program\":\"060000000000ff7f\"}",
		"{\"flags\":18446744073709551615,\"program\":\"060000000000ff7f\"}",
	};
	_json_ json_t *good = text_json("{\"flags\":6,\"program\":\"060000000000ff7f\"}");
	_free_ char *digits = malloc((OCI_SECCOMP_MAX + 1) * 16 + 1);
	struct oci_seccomp_program p = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_json_ json_t *tree = text_json(bad[i]);

		unit_fails(oci_seccomp_program_from_json(tree, &p, &err), EINVAL, &err, "seccomp.");
		ck_assert_ptr_null(p.code);
	}
	unit_fails(oci_seccomp_program_from_json(NULL, &p, &err), EINVAL, &err, "seccomp.program");
	unit_ok(oci_seccomp_program_from_json(good, &p, &err), &err);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_uint_eq(native(&p, 0, 0, 0), SECCOMP_RET_ALLOW);
	oci_seccomp_program_done(&p);

	memset(digits, '0', (OCI_SECCOMP_MAX + 1) * 16);
	digits[(OCI_SECCOMP_MAX + 1) * 16] = '\0';
	json_object_set_new(good, "program", json_string(digits));
	unit_fails(oci_seccomp_program_from_json(good, &p, &err), EINVAL, &err, "4096");
	json_object_set_new(good, "program", json_string(digits + 16));
	unit_ok(oci_seccomp_program_from_json(good, &p, &err), &err);
	ck_assert_uint_eq(p.n, OCI_SECCOMP_MAX);
	oci_seccomp_program_done(&p);
}
END_TEST

UNIT_MAIN("oci_seccomp", refused, actions, arguments, unknown_and_pointless, newer_than_the_profile,
	  flags, every_architecture, samples, bad_programs)
