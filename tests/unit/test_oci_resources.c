/* SPDX-License-Identifier: Apache-2.0 */
/* What linux.resources becomes in a cgroup of version 2, and what it cannot be. */
#include <string.h>

#include "base/str.h"
#include "oci/resources.h"
#include "tests/unit/test_oci.h"

/* "file=value" lines in the order of writing; a flag is a sign in front: ? optional, ~ retried, | or the next. */
static char *plan_text(const char *resources, struct err *err)
{
	_cleanup_(oci_resources_freep) struct oci_resources *r = NULL;
	_cleanup_(oci_v2_plan_done) struct oci_v2_plan plan = { 0 };
	_json_ json_t *tree = text_json(resources);
	struct buf b = { 0 };

	if (oci_resources_from_json(tree, "linux.resources", &r, err) < 0 ||
	    oci_v2_plan(r, "linux.resources", &plan, err) < 0)
		return NULL;
	for (size_t i = 0; i < plan.n; i++)
		buf_printf(&b, "%s%s%s%s=%s\n", plan.v[i].flags & OCI_V2_OPTIONAL ? "?" : "",
			   plan.v[i].flags & OCI_V2_RETRIED ? "~" : "",
			   plan.v[i].flags & OCI_V2_OR_NEXT ? "|" : "", plan.v[i].file,
			   plan.v[i].value);
	return buf_steal(&b);
}

static const struct {
	const char *resources, *want;
} plans[] = {
	{ "{}", "" },
	/* docker writes zeros for what is not set */
	{ "{\"memory\":{\"limit\":0,\"reservation\":0,\"swap\":0,\"kernel\":0},"
	  "\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0,\"cpus\":\"\",\"mems\":\"\"},"
	  "\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0}}",
	  "" },
	{ "{\"memory\":null,\"cpu\":{\"shares\":null,\"burst\":null,\"idle\":null},\"pids\":{\"limit\":null},"
	  "\"hugepageLimits\":null,\"rdma\":null,\"unified\":null}",
	  "" },

	/* shares: 2 to 262144 onto 1 to 10000 */
	{ "{\"cpu\":{\"shares\":1}}", "cpu.weight=1\n" },
	{ "{\"cpu\":{\"shares\":2}}", "cpu.weight=1\n" },
	{ "{\"cpu\":{\"shares\":1024}}", "cpu.weight=39\n" },
	{ "{\"cpu\":{\"shares\":262144}}", "cpu.weight=10000\n" },
	{ "{\"cpu\":{\"shares\":18446744073709551615}}", "cpu.weight=10000\n" },

	{ "{\"cpu\":{\"quota\":50000,\"period\":200000}}", "cpu.max=50000 200000\n" },
	{ "{\"cpu\":{\"quota\":50000}}", "cpu.max=50000 100000\n" },
	{ "{\"cpu\":{\"quota\":-1}}", "cpu.max=max 100000\n" },
	{ "{\"cpu\":{\"period\":200000}}", "cpu.max=max 200000\n" },
	{ "{\"cpu\":{\"burst\":5}}", "cpu.max.burst=5\n" },
	{ "{\"cpu\":{\"burst\":0}}", "cpu.max.burst=0\n" },
	/* whether the old or the new quota allows the burst is the kernel's to know */
	{ "{\"cpu\":{\"burst\":5,\"quota\":50000}}",
	  "~cpu.max.burst=5\ncpu.max=50000 100000\ncpu.max.burst=5\n" },
	{ "{\"cpu\":{\"idle\":1}}", "cpu.idle=1\n" },
	{ "{\"cpu\":{\"idle\":1,\"shares\":1024}}", "cpu.idle=1\n" },
	{ "{\"cpu\":{\"idle\":0,\"shares\":1024}}", "cpu.idle=0\ncpu.weight=39\n" },
	{ "{\"cpu\":{\"cpus\":\"0-3,7\",\"mems\":\"0\"}}", "cpuset.cpus=0-3,7\ncpuset.mems=0\n" },

	{ "{\"memory\":{\"limit\":1000}}", "memory.max=1000\n" },
	{ "{\"memory\":{\"reservation\":500}}", "memory.low=500\n" },
	{ "{\"memory\":{\"limit\":1000,\"swap\":3000}}", "memory.swap.max=2000\nmemory.max=1000\n" },
	{ "{\"memory\":{\"limit\":1000,\"swap\":1000}}", "?memory.swap.max=0\nmemory.max=1000\n" },
	{ "{\"memory\":{\"limit\":1000,\"swap\":-1}}", "?memory.swap.max=max\nmemory.max=1000\n" },
	{ "{\"memory\":{\"swap\":-1}}", "?memory.swap.max=max\n" },
	{ "{\"memory\":{\"limit\":-1}}", "?memory.swap.max=max\nmemory.max=max\n" },
	{ "{\"memory\":{\"limit\":-1,\"swap\":-1}}", "?memory.swap.max=max\nmemory.max=max\n" },
	/* of version 1 only */
	{ "{\"memory\":{\"kernel\":5,\"kernelTCP\":5,\"swappiness\":1,\"disableOOMKiller\":true},"
	  "\"cpu\":{\"realtimeRuntime\":5,\"realtimePeriod\":10}}",
	  "" },

	{ "{\"pids\":{\"limit\":50}}", "pids.max=50\n" },
	{ "{\"pids\":{\"limit\":-1}}", "pids.max=max\n" },

	{ "{\"blockIO\":{\"weight\":10}}", "|io.bfq.weight=10\nio.weight=1\n" },
	{ "{\"blockIO\":{\"weight\":1000}}", "|io.bfq.weight=1000\nio.weight=10000\n" },
	{ "{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":1,\"weight\":500},"
	  "{\"major\":8,\"minor\":2,\"leafWeight\":500}]}}",
	  "|io.bfq.weight=8:1 500\nio.weight=8:1 4950\n" },
	{ "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":5}],"
	  "\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":16,\"rate\":0}],"
	  "\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":6},{\"major\":9,\"minor\":1,\"rate\":7}],"
	  "\"throttleWriteIOPSDevice\":[{\"major\":253,\"minor\":0,\"rate\":18446744073709551615}]}}",
	  "io.max=8:0 rbps=5\nio.max=8:16 wbps=max\nio.max=8:0 riops=6\nio.max=9:1 riops=7\n"
	  "io.max=253:0 wiops=18446744073709551615\n" },

	{ "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9223372036854772000},{\"pageSize\":\"1GB\",\"limit\":0}]}",
	  "hugetlb.2MB.max=9223372036854772000\n?hugetlb.2MB.rsvd.max=9223372036854772000\n"
	  "hugetlb.1GB.max=0\n?hugetlb.1GB.rsvd.max=0\n" },
	{ "{\"rdma\":{\"mlx5_0\":{\"hcaHandles\":3,\"hcaObjects\":10000},\"rxe\":{\"hcaObjects\":0},\"none\":{}}}",
	  "rdma.max=mlx5_0 hca_handle=3 hca_object=10000\nrdma.max=rxe hca_object=0\n" },
	{ "{\"unified\":{\"memory.high\":\"5\",\"io.max\":\"8:0 rbps=1\\n8:16 rbps=2\"}}",
	  "memory.high=5\nio.max=8:0 rbps=1\nio.max=8:16 rbps=2\n" },
	/* what names a file comes last */
	{ "{\"unified\":{\"pids.max\":\"7\"},\"pids\":{\"limit\":5},\"cpu\":{\"shares\":2},\"memory\":{\"limit\":9}}",
	  "pids.max=5\nmemory.max=9\ncpu.weight=1\npids.max=7\n" },
};

START_TEST(becomes_version_2)
{
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
		struct err err = { 0 };
		_free_ char *text = plan_text(plans[i].resources, &err);

		ck_assert_msg(text != NULL, "%s: %s", plans[i].resources, err.msg);
		ck_assert_msg(!strcmp(text, plans[i].want), "%s:\n%s", plans[i].resources, text);
	}
}
END_TEST

START_TEST(refuses)
{
	static const struct {
		const char *resources, *message;
	} bad[] = {
		{ "[]", "linux.resources must be an object" },
		{ "{\"cpu\":5}", "linux.resources.cpu must be an object" },
		{ "{\"cpu\":{\"shares\":-1}}", "linux.resources.cpu.shares must be from 0 to " },
		{ "{\"cpu\":{\"shares\":1.5}}", "linux.resources.cpu.shares must be an integer" },
		{ "{\"cpu\":{\"quota\":-2}}", "linux.resources.cpu.quota must be -1" },
		{ "{\"cpu\":{\"quota\":\"5\"}}", "linux.resources.cpu.quota must be an integer" },
		{ "{\"cpu\":{\"idle\":2}}", "linux.resources.cpu.idle must be 0 or 1" },
		{ "{\"cpu\":{\"idle\":false}}", "linux.resources.cpu.idle must be an integer" },
		{ "{\"cpu\":{\"cpus\":\"0;1\"}}", "linux.resources.cpu.cpus: \"0;1\" is not a list" },
		{ "{\"cpu\":{\"mems\":\"0\\n1\"}}", "linux.resources.cpu.mems: " },
		{ "{\"memory\":{\"limit\":-2}}", "linux.resources.memory.limit must be -1" },
		{ "{\"memory\":{\"limit\":18446744073709551615}}",
		  "linux.resources.memory.limit must be from" },
		{ "{\"memory\":{\"swap\":1000}}",
		  "linux.resources.memory.swap: unable to set swap limit without memory limit" },
		{ "{\"memory\":{\"limit\":-1,\"swap\":1000}}",
		  "linux.resources.memory.swap: unable to set swap limit while memory is unlimited" },
		{ "{\"memory\":{\"limit\":1000,\"swap\":999}}",
		  "linux.resources.memory.swap: memory+swap limit should be >= memory limit" },
		{ "{\"memory\":{\"disableOOMKiller\":1}}",
		  "linux.resources.memory.disableOOMKiller must be a boolean" },
		{ "{\"pids\":{\"limit\":-2}}", "linux.resources.pids.limit must be -1" },
		{ "{\"blockIO\":{\"weight\":9}}", "linux.resources.blockIO.weight must be from 10" },
		{ "{\"blockIO\":{\"weight\":1001}}",
		  "linux.resources.blockIO.weight must be from 10" },
		{ "{\"blockIO\":{\"weight\":65536}}",
		  "linux.resources.blockIO.weight must be from 0" },
		{ "{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"rate\":1}]}}",
		  "linux.resources.blockIO.throttleReadBpsDevice[0].minor is required" },
		{ "{\"blockIO\":{\"throttleWriteIOPSDevice\":[{\"major\":-1,\"minor\":0,\"rate\":1}]}}",
		  "linux.resources.blockIO.throttleWriteIOPSDevice[0].major is out of range" },
		{ "{\"hugepageLimits\":[{\"limit\":1}]}",
		  "linux.resources.hugepageLimits[0].pageSize is required" },
		{ "{\"hugepageLimits\":[{\"pageSize\":\"2MB\"}]}",
		  "linux.resources.hugepageLimits[0].limit is required" },
		{ "{\"hugepageLimits\":[{\"pageSize\":\"2M\",\"limit\":1}]}",
		  "linux.resources.hugepageLimits[0].pageSize: \"2M\"" },
		{ "{\"hugepageLimits\":[{\"pageSize\":\"02MB\",\"limit\":1}]}", "\"02MB\" is not" },
		{ "{\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":1}]}", "is not a size" },
		{ "{\"hugepageLimits\":[{\"pageSize\":\"2\",\"limit\":1}]}", "is not a size" },
		{ "{\"rdma\":[]}", "linux.resources.rdma must be an object" },
		{ "{\"rdma\":{\"a b\":{}}}", "linux.resources.rdma: \"a b\" is not a device's name" },
		{ "{\"rdma\":{\"a\":5}}", "linux.resources.rdma.a must be an object" },
		{ "{\"rdma\":{\"a\":{\"hcaHandles\":4294967296}}}",
		  "linux.resources.rdma.a.hcaHandles must be from 0" },
		{ "{\"unified\":{\"memory.max\":5}}",
		  "linux.resources.unified.memory.max must be a string" },
		{ "{\"unified\":{\"../memory.max\":\"5\"}}", "must be a file name (no slashes)" },
		{ "{\"unified\":{\"memory\":\"5\"}}", "must be in the form CONTROLLER.PARAMETER" },
		{ "{\"unified\":{\".\":\"5\"}}", "must be in the form CONTROLLER.PARAMETER" },
		{ "{\"unified\":{\"..\":\"5\"}}", "must be in the form CONTROLLER.PARAMETER" },
		{ "{\"unified\":{\"\":\"5\"}}", "must be in the form CONTROLLER.PARAMETER" },
		{ "{\"unified\":{\"cgroup.procs\":\"1\"}}", "\"cgroup.procs\" is the runtime's own" },
		{ "{\"unified\":{\"cgroup.kill\":\"1\"}}", "\"cgroup.kill\" is the runtime's own" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };
		_free_ char *text = plan_text(bad[i].resources, &err);

		ck_assert_msg(!text && strstr(err.msg, bad[i].message), "%s: %s", bad[i].resources,
			      text ? text : err.msg);
	}
}
END_TEST

/* An error of the guest names what asked for the value. */
START_TEST(names_its_fields)
{
	_cleanup_(oci_resources_freep) struct oci_resources *r = NULL;
	_cleanup_(oci_v2_plan_done) struct oci_v2_plan plan = { 0 };
	_json_ json_t *tree = text_json(
		"{\"pids\":{\"limit\":1},\"memory\":{\"limit\":1,\"swap\":3,\"reservation\":1},"
		"\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":1,\"minor\":1,\"rate\":1}]},"
		"\"cpu\":{\"period\":5},\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}],"
		"\"rdma\":{\"x\":{\"hcaHandles\":1}},\"unified\":{\"a.b\":\"c\"}}");
	static const char *const want[] = { "pids.limit",
					    "memory.swap",
					    "memory.limit",
					    "memory.reservation",
					    "blockIO.throttleReadBpsDevice[0]",
					    "cpu.period",
					    "hugepageLimits[0]",
					    "hugepageLimits[0]",
					    "rdma.x",
					    "unified.a.b" };
	struct err err = { 0 };

	unit_ok(oci_resources_from_json(tree, "p", &r, &err), &err);
	unit_ok(oci_v2_plan(r, "p", &plan, &err), &err);
	ck_assert_uint_eq(plan.n, ARRAY_SIZE(want));
	for (size_t i = 0; i < plan.n; i++) {
		ck_assert_msg(!strncmp(plan.v[i].field, "p.", 2), "%s", plan.v[i].field);
		ck_assert_str_eq(plan.v[i].field + 2, want[i]);
	}
}
END_TEST

START_TEST(of_a_document)
{
	_cleanup_(oci_config_freep) struct oci_config *c = NULL;
	_json_ json_t *bad = minimal("{\"linux\":{\"resources\":{\"memory\":{\"swap\":5}}}}"),
		      *good = data_json("cri-container.json");
	struct err err = { 0 };

	unit_fails(oci_config_from_json(bad, NULL, NULL, &c, &err), EINVAL, &err,
		   "linux.resources.memory.swap: unable");
	unit_ok(oci_config_from_json(good, NULL, NULL, &c, &err), &err);
	ck_assert_int_eq(c->linux_->limits->memory->limit, 134217728);
	ck_assert_uint_eq(c->linux_->limits->cpu->shares, 512);
	ck_assert_ptr_nonnull(json_object_get(c->linux_->resources, "devices"));
}
END_TEST

UNIT_MAIN("oci_resources", becomes_version_2, refuses, names_its_fields, of_a_document)
