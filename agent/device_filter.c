/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/device_filter.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"

#define RULES_MAX 4096
#define INSNS_PER_RULE 8
#define INSNS_FRAME 8
#define ALL_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

struct rule {
	bool allow;
	int type; /* BPF_DEVCG_DEV_*, 0: both */
	int64_t major, minor; /* -1: all */
	int access;
};

/* runc's: may be made all, may be used these. */
static const struct rule defaults[] = {
	{ true, BPF_DEVCG_DEV_CHAR, -1, -1, BPF_DEVCG_ACC_MKNOD },
	{ true, BPF_DEVCG_DEV_BLOCK, -1, -1, BPF_DEVCG_ACC_MKNOD },
	{ true, BPF_DEVCG_DEV_CHAR, 1, 3, ALL_ACCESS }, /* null */
	{ true, BPF_DEVCG_DEV_CHAR, 1, 5, ALL_ACCESS }, /* zero */
	{ true, BPF_DEVCG_DEV_CHAR, 1, 7, ALL_ACCESS }, /* full */
	{ true, BPF_DEVCG_DEV_CHAR, 1, 8, ALL_ACCESS }, /* random */
	{ true, BPF_DEVCG_DEV_CHAR, 1, 9, ALL_ACCESS }, /* urandom */
	{ true, BPF_DEVCG_DEV_CHAR, 5, 0, ALL_ACCESS }, /* tty */
	{ true, BPF_DEVCG_DEV_CHAR, 5, 2, ALL_ACCESS }, /* ptmx */
	{ true, BPF_DEVCG_DEV_CHAR, 136, -1, ALL_ACCESS }, /* pts */
};

/* ---- configuration ---- */

static int parse_number(const json_t *o, const char *key, size_t i, int64_t *ret, struct err *err)
{
	const json_t *v = json_object_get(o, key);

	*ret = -1;
	if (!v || json_is_null(v))
		return 0;
	if (js_i64(v, ret) < 0 || *ret < -1 || *ret > INT32_MAX)
		return err_set(err, EINVAL, "linux.resources.devices[%zu].%s is out of range", i,
			       key);
	return 0;
}

static int parse_access(const char *s, size_t i, int *ret, struct err *err)
{
	for (*ret = 0; *s; s++) {
		if (*s == 'r')
			*ret |= BPF_DEVCG_ACC_READ;
		else if (*s == 'w')
			*ret |= BPF_DEVCG_ACC_WRITE;
		else if (*s == 'm')
			*ret |= BPF_DEVCG_ACC_MKNOD;
		else
			return err_set(err, EINVAL,
				       "linux.resources.devices[%zu].access: '%c' is none of r, w, m",
				       i, *s);
	}
	return 0;
}

static int parse_rule(const json_t *o, size_t i, struct rule *ret, struct err *err)
{
	const char *type = js_get_str(o, "type"), *access = js_get_str(o, "access");
	int r;

	if (!json_is_object(o) || !json_is_boolean(json_object_get(o, "allow")))
		return err_set(err, EINVAL, "linux.resources.devices[%zu].allow is required", i);
	*ret = (struct rule){ .allow = js_get_bool(o, "allow", false), .access = ALL_ACCESS };
	if (!type || !*type || !strcmp(type, "a"))
		ret->type = 0;
	else if (!strcmp(type, "b"))
		ret->type = BPF_DEVCG_DEV_BLOCK;
	else if (!strcmp(type, "c") || !strcmp(type, "u"))
		ret->type = BPF_DEVCG_DEV_CHAR;
	else
		return err_set(err, EINVAL,
			       "linux.resources.devices[%zu].type: \"%s\" is none of a, b, c, u", i,
			       type);
	if ((r = parse_number(o, "major", i, &ret->major, err)) < 0 ||
	    (r = parse_number(o, "minor", i, &ret->minor, err)) < 0)
		return r;
	return access && *access ? parse_access(access, i, &ret->access, err) : 0;
}

/* ---- program ---- */

struct program {
	struct bpf_insn *insns;
	size_t n;
};

static void emit(struct program *p, int code, int dst, int src, int off, int imm)
{
	p->insns[p->n++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (uint8_t)dst & 0xf,
		.src_reg = (uint8_t)src & 0xf,
		.off = (int16_t)off,
		.imm = imm,
	};
}

#define LOAD(dst, field)                                   \
	emit(p, BPF_LDX | BPF_W | BPF_MEM, dst, BPF_REG_1, \
	     offsetof(struct bpf_cgroup_dev_ctx, field), 0)

/* r2: type, r3: access, r4: major, r5: minor; r1 is free from then on. */
static void emit_head(struct program *p)
{
	LOAD(BPF_REG_2, access_type);
	emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	emit(p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	LOAD(BPF_REG_4, major);
	LOAD(BPF_REG_5, minor);
}

static void emit_return(struct program *p, bool allow)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Decides if it fits; an allowing rule must cover all that is wanted, a denying one any of it. */
static void emit_rule(struct program *p, const struct rule *r)
{
	size_t jumps[4], n = 0;

	if (r->type) {
		jumps[n++] = p->n;
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, r->type);
	}
	if (r->access != ALL_ACCESS) {
		emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0,
		     r->allow ? ALL_ACCESS & ~r->access : r->access);
		jumps[n++] = p->n;
		emit(p, BPF_JMP | (r->allow ? BPF_JNE : BPF_JEQ) | BPF_K, BPF_REG_1, 0, 0, 0);
	}
	if (r->major >= 0) {
		jumps[n++] = p->n;
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int)r->major);
	}
	if (r->minor >= 0) {
		jumps[n++] = p->n;
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int)r->minor);
	}
	emit_return(p, r->allow);
	for (size_t i = 0; i < n; i++)
		p->insns[jumps[i]].off = (int16_t)(p->n - jumps[i] - 1);
}

int device_filter_build(const json_t *resources, struct bpf_insn **ret, size_t *ret_n,
			struct err *err)
{
	const json_t *rules = json_object_get(resources, "devices");
	size_t n = json_array_size(rules);
	struct program p = { 0 };
	bool reachable = true; /* by devices that no rule has fit so far */
	int r;

	if (rules && !json_is_null(rules) && !json_is_array(rules))
		return err_set(err, EINVAL, "linux.resources.devices must be an array");
	if (n > RULES_MAX)
		return err_set(err, E2BIG, "linux.resources.devices has more than %d rules",
			       RULES_MAX);
	_free_ struct bpf_insn *insns = calloc(
		(n + ARRAY_SIZE(defaults)) * INSNS_PER_RULE + INSNS_FRAME, sizeof(*insns));
	if (!insns)
		return err_errno(err, ENOMEM, "device rules");
	p.insns = insns;
	emit_head(&p);
	/* The last rule that fits counts: they are asked from the end. */
	for (size_t i = ARRAY_SIZE(defaults); i-- > 0;)
		emit_rule(&p, &defaults[i]);
	for (size_t i = n; i-- > 0;) {
		struct rule rule;

		r = parse_rule(json_array_get(rules, i), i, &rule, err);
		if (r < 0)
			return r;
		/* What nothing leads to is refused by the kernel. */
		if (reachable)
			emit_rule(&p, &rule);
		reachable &= rule.type || rule.access != ALL_ACCESS || rule.major >= 0 ||
			     rule.minor >= 0;
	}
	if (reachable)
		emit_return(&p, false);
	*ret = take_ptr(insns);
	*ret_n = p.n;
	return 0;
}

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

int device_filter_attach(int cgroup, const json_t *resources, int *program, struct err *err)
{
	_free_ struct bpf_insn *insns = NULL;
	size_t n;
	int r = device_filter_build(resources, &insns, &n, err);

	if (r < 0)
		return r;
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)insns,
		.insn_cnt = (uint32_t)n,
		.license = (uintptr_t) "Apache-2.0",
	};
	_close_ int prog = bpf(BPF_PROG_LOAD, &load);
	if (prog == -ENOSYS || prog == -EPERM || prog == -EINVAL)
		return err_errno(err, ENOTSUP, "device rules");
	if (prog < 0)
		return err_errno(err, -prog, "load device rules");
	union bpf_attr attach = {
		.target_fd = (uint32_t)cgroup,
		.attach_bpf_fd = (uint32_t)prog,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI | (*program >= 0 ? BPF_F_REPLACE : 0),
		.replace_bpf_fd = *program >= 0 ? (uint32_t)*program : 0,
	};
	r = bpf(BPF_PROG_ATTACH, &attach);
	if (r < 0)
		return err_errno(err, -r, "attach device rules");
	fd_close(*program);
	*program = take_fd(prog);
	return 0;
}
