#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# How the kernel runs a process: scheduler, I/O priority, CPUs, personality, clocks

load helpers

# Fields 41 (policy), 40 (real-time priority) and 19 (nice) of /proc/PID/stat
readonly STAT='set -- $(sed "s/.*) //" /proc/self/stat); shift 16; echo nice $1; shift 21; echo priority $1 policy $2'

# bats test_tags=moat
@test "process: scheduler, for init and for an exec of its own" {
	edit '.process.scheduler = {policy: "SCHED_BATCH", nice: 5}'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" sh -c "$STAT"
	is "$output" $'nice 5\npriority 0 policy 3'
	jq '.process | .scheduler = {policy: "SCHED_FIFO", priority: 7, flags: ["SCHED_FLAG_RESET_ON_FORK"]}' "$B/config.json" |
		jq --arg s "$STAT" '.args = ["sh", "-c", $s]' >"$T/process.json"
	ok exec --process "$T/process.json" "$CT"
	# Reset for what sed was forked from; the shell itself has read its own line
	has "$output" "nice 0"
	ok exec "$CT" cat /proc/1/stat
	set -- ${output##*) }
	is "${17} ${39}" "5 3"
}

# bats test_tags=moat
@test "process: scheduler without the right to it" {
	# The right is needed by who sets it up, not by the program
	edit '.process.scheduler = {policy: "SCHED_RR", priority: 3} | .process.user = {uid: 1000, gid: 1000}
		| .process.capabilities = {}'
	args cat /proc/self/stat
	ok run --bundle "$B" "$CT"
	set -- ${output##*) }
	is "${38} ${39}" "3 2"
	edit '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1, deadline: 2, period: 3}'
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "error setting scheduler: "
}

# bats test_tags=moat
@test "process: I/O priority" {
	edit '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 4}'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" ionice -p 1
	has "$output" idle
	jq '.process | .ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6} | .args = ["ionice"]' "$B/config.json" >"$T/process.json"
	ok exec --process "$T/process.json" "$CT"
	is "$output" "best-effort: prio 6"
}

# bats test_tags=moat
@test "process: CPU affinity of an exec" {
	settings 'default_vcpus = 2'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" grep Cpus_allowed_list /proc/self/status
	is "$output" $'Cpus_allowed_list:\t0-1'
	jq '.process | .execCPUAffinity = {initial: "0", final: "1"} | .args = ["grep", "Cpus_allowed_list", "/proc/self/status"]' \
		"$B/config.json" >"$T/process.json"
	ok exec --process "$T/process.json" "$CT"
	is "$output" $'Cpus_allowed_list:\t1'
	jq '.execCPUAffinity = {initial: "0"}' "$T/process.json" >"$T/initial.json"
	ok exec --process "$T/initial.json" "$CT"
	is "$output" $'Cpus_allowed_list:\t0'
	jq '.execCPUAffinity = {final: "7"}' "$T/process.json" >"$T/none.json"
	ko 255 exec --process "$T/none.json" "$CT"
	has "$stderr" 'execCPUAffinity \"7\": invalid argument'
}

# bats test_tags=moat
@test "process: personality, for init and exec" {
	edit '.linux.personality = {domain: "LINUX32"}'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" uname -m
	is "$output" i686
	ok delete --force "$CT"
	edit '.linux.personality = {domain: "LINUX"}'
	args uname -m
	ok run --bundle "$B" "$CT"
	is "$output" "$(uname -m)"
}

# bats test_tags=moat
@test "process: time namespace with offsets, for init and exec" {
	edit '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {monotonic: {secs: 1000000}, boottime: {secs: 2000000, nanosecs: 5}}'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" sh -c 'cut -d. -f1 /proc/uptime; tr -s " " </proc/self/timens_offsets; for p in self 1; do readlink /proc/$p/ns/time; done | uniq | wc -l'
	set -- $output
	((${1} >= 2000000 && ${1} < 2000300))
	is "${*:2}" "monotonic 1000000 0 boottime 2000000 5 1"
	ok delete --force "$CT"
	edit 'del(.linux.timeOffsets)'
	script 'cut -d. -f1 /proc/uptime'
	ok run --bundle "$B" "$CT"
	((output < 300))
}
