/* SPDX-License-Identifier: Apache-2.0 */
/* The device filter's program, run by a small interpreter: no kernel and no privilege is needed. */
#include <errno.h>

#include "agent/device_filter.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "tests/unit/unit.h"

static bool run(const struct bpf_insn *insns, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t r[11] = { 0 };

	for (size_t pc = 0; pc < n; pc++) {
		const struct bpf_insn *i = &insns[pc];
		bool equal = (uint32_t)r[i->dst_reg] == (uint32_t)i->imm;

		switch (i->code) {
		case BPF_LDX | BPF_W | BPF_MEM:
			ck_assert_int_eq(i->src_reg, BPF_REG_1);
			r[i->dst_reg] = *(const uint32_t *)((const char *)ctx + i->off);
			break;
		case BPF_ALU | BPF_MOV | BPF_X:
			r[i->dst_reg] = (uint32_t)r[i->src_reg];
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			r[i->dst_reg] = (uint32_t)r[i->dst_reg] & (uint32_t)i->imm;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			r[i->dst_reg] = (uint32_t)r[i->dst_reg] >> i->imm;
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[i->dst_reg] = (uint64_t)i->imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += equal ? 0 : (size_t)i->off;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += equal ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return r[0];
		default:
			ck_abort_msg("instruction %zu: code 0x%x", pc, i->code);
		}
	}
	ck_abort_msg("the program has no end");
	return false;
}

struct wish {
	char type;
	uint32_t major, minor;
	const char *access;
	bool allowed;
};

static uint32_t access_bits(const char *s)
{
	return (strchr(s, 'm') ? BPF_DEVCG_ACC_MKNOD : 0) |
	       (strchr(s, 'r') ? BPF_DEVCG_ACC_READ : 0) |
	       (strchr(s, 'w') ? BPF_DEVCG_ACC_WRITE : 0);
}

static void check(const char *resources, const struct wish *wishes, size_t n_wishes)
{
	_free_ struct bpf_insn *insns = NULL;
	_json_ json_t *r = NULL;
	struct err err = { 0 };
	size_t n;

	if (resources)
		unit_ok(js_parse(resources, strlen(resources), NULL, &r, &err), &err);
	unit_ok(device_filter_build(r, &insns, &n, &err), &err);
	for (size_t i = 0; i < n_wishes; i++) {
		const struct wish *w = &wishes[i];
		struct bpf_cgroup_dev_ctx ctx = {
			.access_type = access_bits(w->access) << 16 |
				       (w->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
			.major = w->major,
			.minor = w->minor,
		};

		ck_assert_msg(run(insns, n, &ctx) == w->allowed, "%s: %c %u:%u %s",
			      resources ? resources : "(none)", w->type, w->major, w->minor,
			      w->access);
	}
}

#define CHECK(resources, ...)                             \
	do {                                              \
		const struct wish _w[] = { __VA_ARGS__ }; \
		check(resources, _w, ARRAY_SIZE(_w));     \
	} while (0)

/* clang-format off */
#define DEFAULTS \
	{ 'c', 1, 3, "rw", true }, { 'c', 1, 3, "rwm", true }, { 'c', 1, 9, "r", true }, { 'c', 5, 0, "rw", true }, \
	{ 'c', 5, 2, "rw", true }, { 'c', 136, 77, "rw", true }, { 'c', 99, 1, "m", true }, { 'b', 8, 0, "m", true }
#define DENIED \
	{ 'b', 8, 0, "r", false }, { 'b', 1, 3, "r", false }, { 'b', 8, 0, "rm", false }, { 'c', 1, 1, "r", false }, \
	{ 'c', 1, 4, "w", false }, { 'c', 247, 1, "rw", false }, { 'c', 5, 1, "rw", false }

START_TEST(defaults)
{
	CHECK(NULL, DEFAULTS, DENIED);
	CHECK("{}", DEFAULTS, DENIED);
	CHECK("{\"devices\":null}", DEFAULTS, DENIED);
	CHECK("{\"devices\":[]}", DEFAULTS, DENIED);
	CHECK("{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}", DEFAULTS, DENIED);
	/* Rules behind one that fits everything mean nothing. */
	CHECK("{\"devices\":[{\"allow\":true,\"type\":\"b\",\"major\":8,\"minor\":0,\"access\":\"r\"},{\"allow\":false}]}", DEFAULTS, DENIED);
}
END_TEST

START_TEST(rules)
{
	CHECK("{\"devices\":[{\"allow\":true,\"type\":\"a\",\"access\":\"rwm\"}]}", DEFAULTS,
	      { 'b', 8, 0, "rwm", true }, { 'c', 247, 1, "rw", true });
	CHECK("{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rwm\"},"
	      "{\"allow\":true,\"type\":\"b\",\"major\":8,\"minor\":-1,\"access\":\"r\"}]}", DEFAULTS,
	      { 'c', 10, 229, "rw", true }, { 'c', 10, 230, "rw", false }, { 'b', 10, 229, "rw", false },
	      { 'b', 8, 17, "r", true }, { 'b', 8, 17, "w", false }, { 'b', 8, 17, "rw", false }, { 'b', 9, 0, "r", false });
	/* The last one that fits counts; a denial of a part denies the whole. */
	CHECK("{\"devices\":[{\"allow\":true},{\"allow\":false,\"type\":\"c\",\"major\":10,\"access\":\"w\"}]}",
	      { 'c', 10, 1, "r", true }, { 'c', 10, 1, "rw", false }, { 'c', 11, 1, "rw", true }, { 'b', 10, 1, "w", true });
	/* What every container may use cannot be taken away, as with runc. */
	CHECK("{\"devices\":[{\"allow\":true},{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rwm\"}]}", DEFAULTS);
}
END_TEST
/* clang-format on */

START_TEST(bad)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "{\"devices\":{}}", "linux.resources.devices must be an array" },
		{ "{\"devices\":[7]}", "linux.resources.devices[0].allow is required" },
		{ "{\"devices\":[{\"allow\":true},{}]}",
		  "linux.resources.devices[1].allow is required" },
		{ "{\"devices\":[{\"allow\":true,\"type\":\"x\"}]}",
		  "linux.resources.devices[0].type: \"x\"" },
		{ "{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}", "'x' is none of r, w, m" },
		{ "{\"devices\":[{\"allow\":true,\"major\":-2}]}",
		  "linux.resources.devices[0].major is out of range" },
		{ "{\"devices\":[{\"allow\":true,\"minor\":4294967296}]}",
		  "linux.resources.devices[0].minor is out of range" },
		{ "{\"devices\":[{\"allow\":true,\"minor\":\"1\"}]}",
		  "linux.resources.devices[0].minor is out of range" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ json_t *r = NULL;
		struct bpf_insn *insns = NULL;
		struct err err = { 0 };
		size_t n;

		unit_ok(js_parse(cases[i].text, strlen(cases[i].text), NULL, &r, &err), &err);
		unit_fails(device_filter_build(r, &insns, &n, &err), EINVAL, &err, cases[i].msg);
		ck_assert_ptr_null(insns);
	}
}
END_TEST

UNIT_MAIN("agent_devices", defaults, rules, bad)
