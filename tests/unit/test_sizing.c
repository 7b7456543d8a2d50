/* SPDX-License-Identifier: Apache-2.0 */
/* What limits ask of a VM, and what a host cannot give. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "libruntime/sizing.h"

static const struct sizing_host host = { .memory = 8192, .cpus = 8 };

static int demand_of(const char *json, struct hv_demand *ret, struct err *err)
{
	_cleanup_(oci_resources_freep) struct oci_resources *r = NULL;
	_json_ json_t *tree = NULL;

	*ret = (struct hv_demand){ 77, 77 };
	unit_ok(js_parse(json, strlen(json), NULL, &tree, err), err);
	unit_ok(oci_resources_from_json(tree, "r", &r, err), err);
	return sizing_demand(r, "linux.resources", &host, ret, err);
}

static void asks(const char *json, uint64_t memory, uint64_t cpus)
{
	struct hv_demand d;
	struct err err = {};

	unit_ok(demand_of(json, &d, &err), &err);
	ck_assert_msg(d.memory == memory && d.cpus == cpus, "%s asks for %llu MiB and %llu", json,
		      (unsigned long long)d.memory, (unsigned long long)d.cpus);
}

static void refused(const char *json, int code, const char *text)
{
	struct hv_demand d;
	struct err err = {};

	unit_fails(demand_of(json, &d, &err), code, &err, text);
	ck_assert_uint_eq(d.memory, 77);
}

START_TEST(nothing)
{
	struct hv_demand d = { 1, 1 };
	struct err err = {};

	asks("{}", 0, 0);
	asks("{\"memory\": {\"limit\": 0}, \"cpu\": {\"quota\": 0, \"period\": 0, \"cpus\": \"\", \"shares\": 2048}}",
	     0, 0);
	asks("{\"memory\": {\"limit\": -1, \"reservation\": 1000000}, \"cpu\": {\"quota\": -1, \"period\": 100000}}",
	     0, 0);
	asks("{\"cpu\": {\"period\": 100000}}", 0, 0);
	unit_ok(sizing_demand(NULL, "x", &host, &d, &err), &err);
	ck_assert(d.memory == 0 && d.cpus == 0);
}
END_TEST

START_TEST(memory)
{
	asks("{\"memory\": {\"limit\": 134217728}}", 128, 0);
	asks("{\"memory\": {\"limit\": 1}}", 1, 0);
	asks("{\"memory\": {\"limit\": 1048577}}", 2, 0);
	asks("{\"memory\": {\"limit\": 8589934592}}", 8192, 0);
	/* What callers write for "no limit" */
	asks("{\"memory\": {\"limit\": 9223372036854771712}}", 0, 0);
	asks("{\"memory\": {\"limit\": 9223372036854775807}}", 0, 0);
	asks("{\"memory\": {\"limit\": 1048576}, \"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 4194304}, "
	     "{\"pageSize\": \"1GB\", \"limit\": 0}, {\"pageSize\": \"64KB\", \"limit\": 18446744073709551615}]}",
	     5, 0);
	refused("{\"memory\": {\"limit\": 8589934593}}", ERANGE,
		"linux.resources.memory.limit: 8193 MiB are more than the host's 8192 MiB");
	refused("{\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 0}, {\"pageSize\": \"1GB\", \"limit\": 10737418240}]}",
		ERANGE, "linux.resources.hugepageLimits[1]: 10240 MiB are more than the host's");
}
END_TEST

START_TEST(quotas)
{
	asks("{\"cpu\": {\"quota\": 50000, \"period\": 100000}}", 0, 500);
	asks("{\"cpu\": {\"quota\": 150000}}", 0, 1500);
	asks("{\"cpu\": {\"quota\": 100001, \"period\": 100000}}", 0, 1001);
	asks("{\"cpu\": {\"quota\": 1000000, \"period\": 1000}}", 0, 1000000);
	/* More than the host has is no fault: it is never reached. */
	asks("{\"cpu\": {\"quota\": 9223372036854775807, \"period\": 1}}", 0, 8192000);
	asks("{\"cpu\": {\"quota\": 9223372036854775807, \"period\": 18446744073709551615}}", 0,
	     1000);
}
END_TEST

START_TEST(cpusets)
{
	asks("{\"cpu\": {\"cpus\": \"0\"}}", 0, 1000);
	asks("{\"cpu\": {\"cpus\": \"0-2,5\"}}", 0, 4000);
	asks("{\"cpu\": {\"cpus\": \"7\"}}", 0, 1000);
	asks("{\"cpu\": {\"cpus\": \"1-3,2-4,1\"}}", 0, 4000);
	/* Whichever is less is what the container can use. */
	asks("{\"cpu\": {\"cpus\": \"0-3\", \"quota\": 250000, \"period\": 100000}}", 0, 2500);
	asks("{\"cpu\": {\"cpus\": \"0-1\", \"quota\": 400000, \"period\": 100000}}", 0, 2000);
	refused("{\"cpu\": {\"cpus\": \"0,8\"}}", ERANGE,
		"linux.resources.cpu.cpus: there is no processor 8: the host's are 0 to 7");
	refused("{\"cpu\": {\"cpus\": \"0-4294967290\"}}", ERANGE, "no processor 4294967290");
	refused("{\"cpu\": {\"cpus\": \"3-1\"}}", EINVAL,
		"linux.resources.cpu.cpus: '3-1' is no list of processors");
	refused("{\"cpu\": {\"cpus\": \"99999999999\"}}", EINVAL, "is no list of processors");
}
END_TEST

START_TEST(pods)
{
	_json_ json_t *a = json_pack("{s:s, s:s, s:s}", "io.kubernetes.cri.sandbox-cpu-quota",
				     "250000", "io.kubernetes.cri.sandbox-cpu-period", "100000",
				     "io.kubernetes.cri.sandbox-memory", "268435456");
	struct hv_demand d;
	struct err err = {};

	unit_ok(sizing_pod(NULL, &host, &d, &err), &err);
	ck_assert(d.memory == 0 && d.cpus == 0);
	unit_ok(sizing_pod(a, &host, &d, &err), &err);
	ck_assert(d.memory == 256 && d.cpus == 2500);
	json_object_del(a, "io.kubernetes.cri.sandbox-cpu-period");
	unit_ok(sizing_pod(a, &host, &d, &err), &err);
	ck_assert_uint_eq(d.cpus, 2500);
	/* No limit */
	json_object_set_new(a, "io.kubernetes.cri.sandbox-cpu-quota", json_string("-1"));
	json_object_set_new(a, "io.kubernetes.cri.sandbox-memory", json_string("0"));
	unit_ok(sizing_pod(a, &host, &d, &err), &err);
	ck_assert(d.memory == 0 && d.cpus == 0);

	json_object_set_new(a, "io.kubernetes.cri.sandbox-memory", json_string("99999999999"));
	unit_fails(sizing_pod(a, &host, &d, &err), ERANGE, &err,
		   "annotations[\"io.kubernetes.cri.sandbox-memory\"]: 95368 MiB are more");
	json_object_set_new(a, "io.kubernetes.cri.sandbox-memory", json_string("1g"));
	unit_fails(sizing_pod(a, &host, &d, &err), EINVAL, &err,
		   "annotations[\"io.kubernetes.cri.sandbox-memory\"]: '1g' is not a number");
	json_object_set_new(a, "io.kubernetes.cri.sandbox-cpu-quota", json_string(""));
	unit_fails(sizing_pod(a, &host, &d, &err), EINVAL, &err, "sandbox-cpu-quota");
}
END_TEST

static void becomes(const char *cpus, uint32_t vcpus, const char *want)
{
	_json_ json_t *r = json_pack("{s:{s:s, s:i}, s:{}}", "cpu", "cpus", cpus, "shares", 5,
				     "pids"),
		      *copy = sizing_guest_resources(r, vcpus);
	_free_ char *got = sizing_cpuset(cpus, vcpus);

	ck_assert_str_eq(got, want);
	ck_assert_str_eq(js_get_str(json_object_get(copy, "cpu"), "cpus"), want);
	ck_assert_int_eq(js_get_int(json_object_get(copy, "cpu"), "shares", 0), 5);
	ck_assert_ptr_nonnull(json_object_get(copy, "pids"));
	/* The original is the caller's. */
	ck_assert_str_eq(js_get_str(json_object_get(r, "cpu"), "cpus"), cpus);
}

START_TEST(guests_cpuset)
{
	becomes("0", 1, "0");
	becomes("0-1,3", 4, "0-1,3");
	becomes("7", 1, "0");
	becomes("4-6", 3, "0-2");
	becomes("2,4", 3, "0-1");
	/* There are fewer of them than of these */
	becomes("4-7", 2, "0-1");
	becomes("5", 0, "5");
	becomes("nonsense", 2, "nonsense");
	becomes("", 2, "");
}
END_TEST

START_TEST(verb)
{
	struct hv_demand own = { 128, 500 }, pod = { 256, 1500 };
	_json_ json_t *p = sizing_params("c1", &own, &pod),
		      *good = json_pack("{s:i, s:i}", "memory", 512, "vcpus", 2),
		      *bad = json_pack("{s:i}", "vcpus", 0);
	struct err err = {};
	uint32_t n = 7, mib = 0;

	ck_assert_str_eq(js_get_str(p, "id"), "c1");
	ck_assert_int_eq(js_get_int(p, "memory", 0), 128);
	ck_assert_int_eq(js_get_int(p, "cpus", 0), 500);
	ck_assert_int_eq(js_get_int(p, "pod_memory", 0), 256);
	ck_assert_int_eq(js_get_int(p, "pod_cpus", 0), 1500);
	unit_ok(sizing_result(good, &n, &mib, &err), &err);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(mib, 512);
	unit_fails(sizing_result(bad, &n, &mib, &err), EPROTO, &err, "no number of processors");
	unit_fails(sizing_result(NULL, &n, &mib, &err), EPROTO, &err, "resize");
	ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(this_host)
{
	struct sizing_host h = {};
	struct err err = {};

	unit_ok(sizing_host(&h, &err), &err);
	ck_assert_uint_gt(h.memory, 64);
	ck_assert_uint_ge(h.cpus, 1);
}
END_TEST

UNIT_MAIN("sizing", nothing, memory, quotas, cpusets, pods, guests_cpuset, verb, this_host)
