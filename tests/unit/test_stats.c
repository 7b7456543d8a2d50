/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of a guest as runc's JSON, and the durations between them. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "cmd/duration.h"
#include "libruntime/stats.h"
#include "tests/unit/unit.h"

static json_t *stats(const char *name, const char *text)
{
	_json_ json_t *files = json_object();

	if (name)
		json_object_set_new(files, name, json_string(text));
	return stats_json(files);
}

/* The member at path ("memory.usage.limit") as text; "" if it is not there. */
static char *at(const json_t *v, const char *path)
{
	_free_ char *copy = strdup(path);
	char *save = NULL;

	for (char *key = strtok_r(copy, ".", &save); key; key = strtok_r(NULL, ".", &save))
		v = json_object_get(v, key);
	return v ? js_dump(v) : strdup("");
}

START_TEST(numbers)
{
	static const struct {
		const char *file, *text, *path, *want;
	} cases[] = {
		{ "cpu.stat", "usage_usec 5\nuser_usec 2\nsystem_usec 3\n", "cpu.usage",
		  "{\"total\":5000,\"kernel\":3000,\"user\":2000}" },
		{ "cpu.stat", "nr_periods 7\nnr_throttled 1\nthrottled_usec 9", "cpu.throttling",
		  "{\"periods\":7,\"throttledPeriods\":1,\"throttledTime\":9000}" },
		{ "cpu.stat", "usage_usec 18446744073709551615\n", "cpu.usage.total",
		  "18446744073709551615" },
		{ "cpu.pressure",
		  "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
		  "cpu.psi.some", "{\"avg10\":1.5,\"avg60\":0.25,\"avg300\":0.0,\"total\":77}" },
		{ "cpuset.cpus.effective", "0-2,5\n", "cpuset.cpus", "[0,1,2,5]" },
		{ "cpuset.mems.effective", "\n", "cpuset.mems", "[]" },
		{ "memory.max", "max\n", "memory.usage",
		  "{\"limit\":18446744073709551615,\"failcnt\":0}" },
		{ "memory.max", "1000\n", "memory.usage.limit", "1000" },
		{ "memory.current", "55\n", "memory.usage.usage", "55" },
		{ "memory.peak", "66\n", "memory.usage.max", "66" },
		/* swap and memory together */
		{ "memory.current", "55\n", "memory.swap.usage", "55" },
		{ "memory.stat", "anon 5\nfile 7\n", "memory.cache", "7" },
		{ "memory.stat", "anon 5\nfile 7\n", "memory.raw", "{\"anon\":5,\"file\":7}" },
		{ "memory.stat", "kernel 9\n", "memory.kernel.usage", "9" },
		{ "pids.current", "3\n", "pids", "{\"current\":3}" },
		{ "pids.max", "max\n", "pids", "{}" },
		{ "pids.max", "40\n", "pids", "{\"limit\":40}" },
		{ "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
		  "blkio.ioServicedRecursive",
		  "[{\"major\":8,\"minor\":0,\"op\":\"Read\",\"value\":3},"
		  "{\"major\":8,\"minor\":0,\"op\":\"Write\",\"value\":4},"
		  "{\"major\":8,\"minor\":0,\"op\":\"Discard\",\"value\":0}]" },
		{ "io.stat", "259:1 rbytes=18446744073709551615\n", "blkio.ioServiceBytesRecursive",
		  "[{\"major\":259,\"minor\":1,\"op\":\"Read\",\"value\":18446744073709551615}]" },
		{ "hugetlb.2MB.current", "4096\n", "hugetlb",
		  "{\"2MB\":{\"usage\":4096,\"failcnt\":0}}" },
		{ NULL, NULL, "intel_rdt", "{}" },
		{ NULL, NULL, "network_interfaces", "null" },
		{ NULL, NULL, "pids", "{}" },
		{ NULL, NULL, "blkio", "{}" },
		{ NULL, NULL, "hugetlb", "{}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ json_t *s = stats(cases[i].file, cases[i].text);
		_free_ char *got = at(s, cases[i].path);

		ck_assert_msg(!strcmp(got, cases[i].want), "%s \"%s\": %s", cases[i].path,
			      cases[i].text ? cases[i].text : "", got);
	}
}
END_TEST

START_TEST(together)
{
	_json_ json_t *files = json_pack("{s:s, s:s, s:s, s:s}", "memory.max", "1000\n",
					 "memory.swap.max", "500\n", "memory.current", "55\n",
					 "memory.swap.current", "5\n");
	_json_ json_t *s = stats_json(files);
	_free_ char *swap = at(s, "memory.swap");

	ck_assert_str_eq(swap, "{\"limit\":1500,\"usage\":60,\"failcnt\":0}");
}
END_TEST

/* What a hostile guest may say: nothing of it gets further than a number or a name of the kernel's kind. */
START_TEST(nonsense)
{
	static const struct {
		const char *file, *text, *path, *want;
	} cases[] = {
		{ "cpu.stat", "usage_usec -5\nuser_usec NaN\nsystem_usec 1e9\n", "cpu.usage",
		  "{\"kernel\":0,\"user\":0}" },
		{ "cpu.stat", "usage_usec 18446744073709551616\n", "cpu.usage",
		  "{\"kernel\":0,\"user\":0}" },
		{ "cpu.stat", "usage_usec\n", "cpu.usage", "{\"kernel\":0,\"user\":0}" },
		{ "memory.stat", "a\x1b[31m 5\nUPPER 5\n 5\nok 6\nno_number x\n", "memory.raw",
		  "{\"ok\":6}" },
		{ "memory.current", "55 66\n", "memory.usage.usage", "" },
		{ "memory.current", "", "memory.usage.usage", "" },
		{ "cpu.pressure", "some avg10=nan avg60=-1 avg300=1e9 total=-3 x=1\n",
		  "cpu.psi.some", "{}" },
		{ "cpu.pressure", "other avg10=1.00\n", "cpu.psi", "" },
		{ "cpuset.cpus.effective", "5-2,x,-,3,99999999\n", "cpuset.cpus", "[3]" },
		{ "io.stat", "8 rbytes=1\nx:y rbytes=1\n8:-1 rbytes=1\n8:0 rbytes=x other=5\n8:0\n",
		  "blkio", "{}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ json_t *s = stats(cases[i].file, cases[i].text);
		_free_ char *got = at(s, cases[i].path);

		ck_assert_msg(!strcmp(got, cases[i].want), "%s \"%s\": %s", cases[i].path,
			      cases[i].text, got);
	}
}
END_TEST

START_TEST(too_much)
{
	_buf_ struct buf lines = { 0 }, devices = { 0 };

	for (int i = 0; i < 5000; i++) {
		buf_printf(&lines, "key%d %d\n", i, i);
		buf_printf(&devices, "8:%d rbytes=1\n", i);
	}
	_json_ json_t *raw = stats("memory.stat", lines.data), *io = stats("io.stat", devices.data),
		      *cpus = stats("cpuset.cpus.effective", "0-65535");

	ck_assert_uint_eq(json_object_size(json_object_get(json_object_get(raw, "memory"), "raw")),
			  256);
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(io, "blkio"),
							  "ioServiceBytesRecursive")),
			  1024);
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(cpus, "cpuset"), "cpus")),
			  1024);
	/* nor is a document of another shape any trouble */
	_json_ json_t *empty = stats_json(NULL), *wrong = json_pack("{s:i}", "cpu.stat", 5),
		      *of_wrong = stats_json(wrong);
	ck_assert_ptr_nonnull(empty);
	ck_assert_ptr_nonnull(of_wrong);
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		int64_t want; /* milliseconds, or -errno with bad */
		bool bad;
	} cases[] = {
		{ "5s", 5000, false },
		{ "100ms", 100, false },
		{ "1m30s", 90000, false },
		{ "1.5h", 5400000, false },
		{ ".5s", 500, false },
		{ "1.s", 1000, false },
		{ "1us", 1, false },
		{ "1ns", 1, false },
		{ "1001us", 2, false },
		{ "\xc2\xb5s", -EINVAL, true },
		{ "2000\xc2\xb5s", 2, false },
		{ "2000\xce\xbcs", 2, false },
		{ "0", 0, false },
		{ "0s", 0, false },
		{ "-5s", -5000, false },
		{ "+5s", 5000, false },
		{ "5", -EINVAL, true },
		{ "", -EINVAL, true },
		{ "-", -EINVAL, true },
		{ "s", -EINVAL, true },
		{ ".s", -EINVAL, true },
		{ "5 s", -EINVAL, true },
		{ "5s ", -EINVAL, true },
		{ "5sm", -EINVAL, true },
		{ "1d", -EINVAL, true },
		{ "99999999h", -ERANGE, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t ms = -7;
		int r = duration_parse(cases[i].text, &ms);

		ck_assert_msg(cases[i].bad ? r == cases[i].want && ms == -7 :
					     r == 0 && ms == cases[i].want,
			      "\"%s\": %d, %lld", cases[i].text, r, (long long)ms);
	}
}
END_TEST

UNIT_MAIN("stats", numbers, together, nonsense, too_much, durations)
