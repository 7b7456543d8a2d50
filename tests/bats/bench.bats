#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# The benchmarks themselves, without VMs: their report, and that nothing is left behind.

load helpers

# An executable, so that a signal meets it and not a shell before it
bench=$TOP/tests/bench/bench.sh

setup()
{
	begin
	make_bundle
	export BENCH_OUT=$T BENCH_RUNS=1
}

# What runs of bench.sh have on this host, others' runs left out
traces()
{
	find /tmp /dev/shm -maxdepth 1 -name 'moat-bench.*' -newer "$T/start" 2>/dev/null
	find /sys/fs/cgroup -type d -name 'moat-bench.*' -newer "$T/start" 2>/dev/null || true
}

@test "bench: report, with goals met and missed" {
	printf 'run\tmoat\tms\t%s\n' 10 30 20 >"$T/samples"
	printf 'run\tbare\tms\t%s\n' 10 >>"$T/samples"
	printf 'timeline cold\t%s\tms\t%s\n' first 1 second 3 >>"$T/samples"
	printf 'run\trun\tmoat\t%s\t%s\n' bare 1.5 bare 2 - 20 nobody - >"$T/rows"
	printf 'run\trun\tunknown\t-\t1\n' >>"$T/rows"
	jq -n --rawfile samples "$T/samples" --rawfile rows "$T/rows" --argjson host '{"cpus":2,"cpu":"c","load":"0","load_at_end":"1","qemu":"Q"}' \
		--arg moat m --arg date d --argjson runs 3 --arg machine q35 --arg accelerator tcg --arg memory 256M --arg kernel k \
		--arg tuned "" -f "$TOP/tests/bench/report.jq" >"$T/json"
	is "$(jq -c '[.results[] | [.median, .ratio, .goal, .met]]' "$T/json")" \
		'[[20,2,1.5,false],[20,2,2,true],[20,null,20,true],[20,null,null,null]]'
	is "$(jq -c '.timelines' "$T/json")" \
		'[{"case":"cold","steps":[{"step":"first","at_ms":1,"took_ms":1},{"step":"second","at_ms":3,"took_ms":2}]}]'
	jq -r -f "$TOP/tests/bench/table.jq" "$T/json" >"$T/table"
	is "$(grep -c MISSED "$T/table") $(grep -c ' met$' "$T/table")" "1 2"
}

@test "bench: a run, and one that is interrupted, clean up" {
	local pid before status=0
	touch "$T/start"
	BENCH_COUNTS=1 "$bench" state >"$T/out" 2>"$T/err"
	has "$(cat "$T/out")" "state of 1"
	jq -e '.results | length > 0' "$T/bench.json"
	is "$(traces)" ""
	BENCH_COUNTS=100 "$bench" state >"$T/out" 2>&1 3>&- &
	pid=$!
	sleep 2
	before=$(traces)
	kill "$pid"
	wait "$pid" || status=$?
	[ -n "$before" ]
	is "$status" 143
	is "$(traces)" ""
}

@test "bench: what is wrong is said" {
	run ! "$bench" nothing
	has "$output" "no such section: nothing"
	BENCH_RUNS=x run ! "$bench" state
	has "$output" BENCH_RUNS=x
}
