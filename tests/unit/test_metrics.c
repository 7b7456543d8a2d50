/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest says becomes samples, and nothing else of it does. */
#include "tests/unit/unit.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "libruntime/metrics.h"

static char *guest(json_t *result)
{
	_cleanup_(metrics_done) struct metrics m = {};
	char *text;

	metrics_guest(&m, "s", result);
	text = metrics_text(&m);
	json_decref(result);
	ck_assert_ptr_nonnull(text);
	return text;
}

static json_t *answer(const char *name, const char *text)
{
	return json_pack("{s:{s:s}, s:i, s:i}", "files", name, text, "ticks", 100, "page", 4096);
}

static void says(const char *file, const char *text, const char *want)
{
	_free_ char *got = guest(answer(file, text));

	if (*want)
		ck_assert_msg(strstr(got, want) != NULL, "%s\nis not in\n%s", want, got);
	else
		ck_assert_str_eq(got, "");
}

START_TEST(the_guest)
{
	says("meminfo", "MemTotal:        1024 kB\nMemFree: 5 kB\nCached: 1 kB\n",
	     "# HELP moat_guest_memory_total_bytes Memory that the guest's kernel manages.\n"
	     "# TYPE moat_guest_memory_total_bytes gauge\n"
	     "moat_guest_memory_total_bytes{sandbox=\"s\"} 1048576\n"
	     "# HELP moat_guest_memory_free_bytes ");
	says("stat", "cpu  100 1 250 3 4 5 6 7 0 0",
	     "moat_guest_cpu_seconds_total{sandbox=\"s\",mode=\"system\"} 2.500000\n");
	says("loadavg", "0.25 0.10 0.05 1/60 99", "moat_guest_load1{sandbox=\"s\"} 0.250000\n");
	says("uptime", "12.34 10.00", "moat_guest_uptime_seconds{sandbox=\"s\"} 12.340000\n");
	says("self/stat",
	     "1 (a) b) S 0 0 0 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 2 1000 10 18446744073709551615",
	     "moat_agent_cpu_seconds_total{sandbox=\"s\"} 2.000000\n");
	says("net/dev",
	     "Inter-|   Receive  |  Transmit\n face |bytes    packets\n  eth0: 10 1 2 3 4 5 6 7 20 9 8 7 6 5 4 3\n",
	     "moat_network_transmit_dropped_total{sandbox=\"s\",interface=\"eth0\"} 7\n");
	says("diskstats", " 254       0 vda 10 0 16 3 4 0 8 5 0 2500 6\n",
	     "moat_disk_read_bytes_total{sandbox=\"s\",device=\"vda\"} 8192\n");
	says("diskstats", " 254       0 vda 10 0 16 3 4 0 8 5 0 2500 6\n",
	     "moat_disk_io_time_seconds_total{sandbox=\"s\",device=\"vda\"} 2.500000\n");
}
END_TEST

START_TEST(a_hostile_guest)
{
	static const char *const texts[] = { "",
					     "\n\n",
					     ":",
					     "cpu",
					     "cpu  ",
					     "cpu  1 2 3",
					     "nan nan",
					     "-1 -1",
					     "1e999",
					     "9999999999999999999999",
					     "MemTotal: -5 kB",
					     "eth0 10 1 2",
					     "1 (x S 1" };
	static const char *const files[] = { "meminfo",   "stat",    "loadavg",  "uptime",
					     "self/stat", "net/dev", "diskstats" };
	_buf_ struct buf many = {};

	for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++)
		for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++)
			if (!((f == 2 || f == 3) && t == 12))
				says(files[f], texts[t], "");
	/* A name is no way out of its label, and one that is there twice is one sample. */
	says("net/dev", "  a\"} 1 x{\\: 10 1 2 3 4 5 6 7 20 9 8 7\n",
	     "moat_network_receive_bytes_total{sandbox=\"s\",interface=\"a___1_x__\"} 10\n");
	_free_ char *twice = guest(
		answer("net/dev", " a/: 1 1 1 1 1 1 1 1 1 1 1 1\n a*: 2 2 2 2 2 2 2 2 2 2 2 2\n"));
	ck_assert_ptr_nonnull(strstr(twice, "interface=\"a_\"} 1\n"));
	ck_assert_ptr_null(strstr(twice, "} 2\n"));
	/* Numbers that are too large end at the largest. */
	says("meminfo", "MemTotal: 18446744073709551615 kB",
	     "moat_guest_memory_total_bytes{sandbox=\"s\"} 18446744073709551615\n");
	/* So many and no more. */
	for (int i = 0; i < 1000; i++)
		buf_printf(&many, "d%d: 1 1 1 1 1 1 1 1 1 1 1 1\n", i);
	_free_ char *bounded = guest(answer("net/dev", many.data));
	ck_assert_ptr_nonnull(strstr(bounded, "interface=\"d63\""));
	ck_assert_ptr_null(strstr(bounded, "interface=\"d64\""));
	/* Units that divide. */
	_free_ char *ticks = guest(json_pack("{s:{s:s}, s:i, s:i}", "files", "loadavg", "1 1 1",
					     "ticks", 0, "page", 4096));
	ck_assert_str_eq(ticks, "");
	_free_ char *none = guest(json_null());
	ck_assert_str_eq(none, "");
}
END_TEST

START_TEST(a_container)
{
	_cleanup_(metrics_done) struct metrics m = {};
	_json_ json_t *result = json_pack(
		"{s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "files", "cpu.stat",
		"usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_throttled 3\nthrottled_usec 7\n",
		"memory.current", "4096\n", "memory.max", "max\n", "memory.swap.current", "5\n",
		"pids.current", "2\n", "pids.max", "9\n", "io.stat",
		"254:0 rbytes=512 wios=3\n254:0 rbytes=7\n", "memory.pressure",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n");
	_free_ char *text = NULL;

	metrics_container(&m, "s", "c", result);
	text = metrics_text(&m);
	const char *const want[] = {
		"moat_container_cpu_seconds_total{sandbox=\"s\",container=\"c\"} 1.500000\n",
		"moat_container_cpu_throttled_seconds_total{sandbox=\"s\",container=\"c\"} 0.000007\n",
		"moat_container_memory_usage_bytes{sandbox=\"s\",container=\"c\"} 4096\n",
		"moat_container_swap_usage_bytes{sandbox=\"s\",container=\"c\"} 5\n",
		"moat_container_tasks_limit{sandbox=\"s\",container=\"c\"} 9\n",
		"moat_container_io_bytes_total{sandbox=\"s\",container=\"c\",device=\"254:0\",operation=\"Read\"} 512\n",
		"moat_container_pressure_seconds_total{sandbox=\"s\",container=\"c\",resource=\"memory\",stalled=\"some\"} 2.500000\n",
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++)
		ck_assert_msg(strstr(text, want[i]) != NULL, "%s\nis not in\n%s", want[i], text);
	/* Twice is once. */
	ck_assert_ptr_null(strstr(text, "operation=\"Read\"} 7\n"));
	/* max is no number */
	ck_assert_ptr_null(strstr(text, "memory_limit"));
}
END_TEST

START_TEST(this_host)
{
	_cleanup_(metrics_done) struct metrics m = {};
	const pid_t pids[] = { getpid(), getpid(), 0x7ffffff0 };
	_free_ char *text = NULL;

	metrics_host(&m, "s", pids, 3);
	text = metrics_text(&m);
	ck_assert_ptr_nonnull(
		strstr(text, "moat_processes{sandbox=\"s\",program=\"test_metrics\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "moat_process_resident_memory_bytes{sandbox=\"s\""));
	ck_assert_ptr_null(strstr(
		text,
		"moat_process_resident_memory_bytes{sandbox=\"s\",program=\"test_metrics\"} 0\n"));
}
END_TEST

UNIT_MAIN("metrics", the_guest, a_hostile_guest, a_container, this_host)
