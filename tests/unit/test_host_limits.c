/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's cgroups are told, with room for the machine. */
#include "tests/unit/unit.h"

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/path.h"
#include "base/str.h"
#include "libruntime/host_limits.h"

static const struct host_room vm = { .vm = true, .vm_memory = 384, .overhead = 256 };
static const struct host_room standin = { .overhead = 256 };

/* "FILE=VALUE" a line, of one version, late ones with a "*" in front. */
static char *plan(const char *json, const struct host_room *room, bool v2)
{
	_cleanup_(oci_resources_freep) struct oci_resources *r = NULL;
	_cleanup_(host_limits_done) struct host_limits l = {};
	_json_ json_t *tree = NULL;
	struct buf out = {};
	struct err err = {};

	unit_ok(js_parse(json, strlen(json), NULL, &tree, &err), &err);
	unit_ok(oci_resources_from_json(tree, "r", &r, &err), &err);
	unit_ok(host_limits_plan(r, "linux.resources", room, &l, &err), &err);
	for (size_t i = 0; i < l.n; i++) {
		const char *file = v2 ? l.v[i].v2 : l.v[i].v1;

		ck_assert_int_eq(strncmp(l.v[i].field, "linux.resources.", 16), 0);
		if (file)
			buf_printf(&out, "%s%s=%s\n", l.v[i].flags & HOST_LIMIT_LATE ? "*" : "",
				   file, v2 ? l.v[i].v2_value : l.v[i].v1_value);
	}
	return buf_steal(&out);
}

static void says(const char *json, const struct host_room *room, const char *v1, const char *v2)
{
	_free_ char *one = plan(json, room, false), *two = plan(json, room, true);

	ck_assert_str_eq(one, v1);
	ck_assert_str_eq(two, v2);
}

START_TEST(memory)
{
	/* 64 MiB: the VM's 384 and 256 beside it */
	says("{\"memory\":{\"limit\":67108864}}", &vm, "*memory.limit_in_bytes=671088640\n",
	     "*memory.max=671088640\n");
	says("{\"memory\":{\"limit\":67108864,\"swap\":134217728,\"reservation\":33554432}}", &vm,
	     "*memory.memsw.limit_in_bytes=738197504\n*memory.limit_in_bytes=671088640\n"
	     "*memory.memsw.limit_in_bytes=738197504\n*memory.soft_limit_in_bytes=671088640\n",
	     "*memory.max=671088640\n*memory.swap.max=67108864\n*memory.low=33554432\n");
	/* no swap at all */
	says("{\"memory\":{\"limit\":67108864,\"swap\":67108864}}", &vm,
	     "*memory.memsw.limit_in_bytes=671088640\n*memory.limit_in_bytes=671088640\n"
	     "*memory.memsw.limit_in_bytes=671088640\n",
	     "*memory.max=671088640\n*memory.swap.max=0\n");
	says("{\"memory\":{\"limit\":-1}}", &vm,
	     "*memory.memsw.limit_in_bytes=-1\n*memory.limit_in_bytes=-1\n*memory.memsw.limit_in_bytes=-1\n",
	     "*memory.max=max\n*memory.swap.max=max\n");
	/* A stand-in's alone, and what nobody has. */
	says("{\"memory\":{\"limit\":67108864}}", &standin, "*memory.limit_in_bytes=83886080\n",
	     "*memory.max=83886080\n");
	says("{\"memory\":{\"limit\":9223372036854775807}}", &vm,
	     "*memory.limit_in_bytes=9223372036854771712\n", "*memory.max=9223372036854771712\n");
}
END_TEST

START_TEST(processors)
{
	says("{\"cpu\":{\"shares\":1024,\"quota\":50000,\"period\":200000,\"cpus\":\"0-1\",\"mems\":\"0\"}}",
	     &vm,
	     "cpuset.cpus=0-1\ncpuset.mems=0\ncpu.shares=1024\n*cpu.cfs_quota_us=-1\n"
	     "*cpu.cfs_period_us=200000\n*cpu.cfs_quota_us=100000\n",
	     "cpuset.cpus=0-1\ncpuset.mems=0\ncpu.weight=39\n*cpu.max=100000 200000\n");
	says("{\"cpu\":{\"quota\":50000}}", &standin,
	     "*cpu.cfs_quota_us=-1\n*cpu.cfs_period_us=100000\n*cpu.cfs_quota_us=50000\n",
	     "*cpu.max=50000 100000\n");
	says("{\"cpu\":{\"quota\":-1}}", &vm,
	     "*cpu.cfs_quota_us=-1\n*cpu.cfs_period_us=100000\n*cpu.cfs_quota_us=-1\n",
	     "*cpu.max=max 100000\n");
}
END_TEST

START_TEST(the_rest)
{
	says("{\"pids\":{\"limit\":50},\"blockIO\":{\"weight\":500,\"throttleReadBpsDevice\":"
	     "[{\"major\":7,\"minor\":1,\"rate\":1000}],\"throttleWriteIOPSDevice\":[{\"major\":7,\"minor\":1,\"rate\":0}]}}",
	     &vm,
	     "pids.max=562\nblkio.bfq.weight=500\nblkio.weight=500\nblkio.throttle.read_bps_device=7:1 1000\n"
	     "blkio.throttle.write_iops_device=7:1 0\n",
	     "pids.max=562\nio.bfq.weight=500\nio.weight=4950\nio.max=7:1 rbps=1000\nio.max=7:1 wiops=max\n");
	says("{\"pids\":{\"limit\":50}}", &standin, "pids.max=58\n", "pids.max=58\n");
	says("{\"pids\":{\"limit\":-1}}", &vm, "pids.max=max\n", "pids.max=max\n");
	/* Docker's zeros, and what a host's cgroup is not told. */
	says("{\"cpu\":{\"shares\":0,\"quota\":0,\"period\":0,\"cpus\":\"\"},\"memory\":{\"limit\":0,\"swap\":0},"
	     "\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0},\"unified\":{\"memory.high\":\"5\"}}",
	     &vm, "", "");
}
END_TEST

START_TEST(directories)
{
	_cleanup_(host_limits_done) struct host_limits l = {};
	char where[] = "/tmp", *none[] = { NULL }, *strange[] = { where, NULL };
	struct err err = {};

	/* Nothing is written outside of a hierarchy that is mounted. */
	unit_ok(host_limits_plan_lift(&l, &err), &err);
	ck_assert_uint_ge(l.n, 7);
	unit_ok(host_limits_apply(&l, none, false, &err), &err);
	unit_ok(host_limits_apply(&l, strange, false, &err), &err);
}
END_TEST

/* Of each device that a file names, here files of ours, which begin with what was written last. */
START_TEST(throttles)
{
	static const struct {
		const char *file, *before, *after;
	} cases[] = {
		{ "io.max", "254:16 rbps=1048576 wbps=max riops=max wiops=max\n",
		  "254:16 rbps=max wbps=max riops=max wiops=max" },
		{ "blkio.throttle.read_bps_device", "8:0 1048576\n", "8:0 0" },
		{ "blkio.throttle.write_iops_device", "7:1 100\n7:2 100\n", "7:2 0" },
	};
	char *dir = unit_mkdtemp(), *dirs[] = { dir, NULL };
	struct err err = {};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = path_join(dir, cases[i].file);

		unit_ok(io_write_file(AT_FDCWD, path, cases[i].before, strlen(cases[i].before),
				      0644, false, &err),
			&err);
	}
	host_limits_lift_throttles(dirs);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_free_ char *path = path_join(dir, cases[i].file), *text = NULL;

		unit_ok(io_read_file(AT_FDCWD, path, 4096, &text, NULL, &err), &err);
		ck_assert_int_eq(strncmp(text, cases[i].after, strlen(cases[i].after)), 0);
	}
	unit_rmdir(dir);
}
END_TEST

UNIT_MAIN("host_limits", memory, processors, the_rest, directories, throttles)
