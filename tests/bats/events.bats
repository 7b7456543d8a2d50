#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# events: counters now and then, out of memory, and an end with the container.

load helpers

@test "events: the counters once" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok events --stats "$CT"
	is "$(wc -l <"$T/stdout")" 1
	is "$(jq -c '[.type, .id]' <<<"$output")" "[\"stats\",\"$CT\"]"
	# What readers of runc's look for.
	jq -e '.data | .cpu.usage.total > 0 and .pids.current >= 1 and .memory.usage.usage > 0 and .memory.usage.limit > 0
		and (.memory.raw | length) > 10 and (.cpuset.cpus | length) >= 1
		and has("blkio") and has("hugetlb") and has("intel_rdt") and has("network_interfaces")
		and (.cpu | has("throttling")) and (.memory | has("swap") and has("kernel"))' <<<"$output"
}

# bats test_tags=moat
@test "events: the counters are the guest's, and limits are in them" {
	edit '.linux.resources += {memory: {limit: 67108864, swap: 134217728}, pids: {limit: 33}}'
	script 'sleep 1001 & sleep 1002 & exec sleep 1000'
	ok run --detach --bundle "$B" "$CT"
	within 20 counted 3
	is "$(jq -c '.data | [.memory.usage.limit, .memory.swap.limit, .pids.limit]' <<<"$output")" "[67108864,134217728,33]"
	ok update --pids-limit 44 "$CT"
	ok events --stats "$CT"
	is "$(jq .data.pids.limit <<<"$output")" 44
}

# counted N: that many processes
counted()
{
	ok events --stats "$CT"
	is "$(jq .data.pids.current <<<"$output")" "$1"
}

@test "events: an interval, until the container ends" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	background cli events --interval 200ms "$CT" >"$T/events" 2>"$T/err"
	within 30 lines 3
	jq -e '.type == "stats" and .data.pids.current == 1' "$T/events"
	ok kill "$CT" KILL
	# runc notices only that the cgroup goes.
	[ "$RUNTIME" = moat ] || ok delete --force "$CT"
	reaped "$PID"
	is "$status" 0
	is "$(cat "$T/err")" ""
}

# lines N: at least
lines()
{
	[ "$(wc -l <"$T/events")" -ge "$1" ]
}

# bats test_tags=moat
@test "events: out of memory is told at once" {
	edit '.linux.resources.memory = {limit: 33554432}'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	background cli events --interval 1h "$CT" >"$T/events" 2>"$T/err"
	background cli events --interval=1h "$CT" >"$T/events2" 2>&1
	sleep 0.5
	# The one that is killed is not init: the container goes on.
	ko 137 exec "$CT" sh -c 'x=$(head -c 100000000 /dev/zero | tr "\0" x)'
	within 60 grep -q oom "$T/events"
	is "$(head -n 1 "$T/events")" "{\"type\":\"oom\",\"id\":\"$CT\"}"
	within 10 grep -q oom "$T/events2"
	has_status running
	ok exec "$CT" true
}

@test "events: errors" {
	ko 1 events nope
	message "container does not exist"
	ko 1 events --interval 5 nope
	has "$stderr" 'invalid value \"5\" for flag -interval: parse error'
	script 'exit 0'
	ok create --bundle "$B" "$CT"
	ko 1 events --interval 0s "$CT"
	message "duration interval must be greater than 0"
	ok events --stats "$CT"
	ok start "$CT"
	within 60 has_status stopped
	ko 1 events "$CT"
	message "container with id $CT is not running"
	ko 1 events --stats "$CT"
	message "container with id $CT is not running"
}

# bats test_tags=moat
@test "events: a reader that does not read holds up nobody" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	mkfifo "$T/fifo"
	exec {hold}<>"$T/fifo"
	background cli events --interval 1ms "$CT" >"$T/fifo" 2>/dev/null
	sleep 1
	ok exec "$CT" true
	ok kill "$CT" KILL
	within 60 has_status stopped
	exec {hold}<&-
}
