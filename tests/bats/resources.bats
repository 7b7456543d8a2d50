#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# linux.resources: in the guest's cgroup of the container, read from inside. A guest has cgroup v2 whatever the host has.

load helpers

# resources FILTER: linux.resources gets the object that jq makes of it, and the container can see its cgroup
resources()
{
	edit ".linux.resources += $1"' | .linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}])'
}

# shows FILE...: the container prints "FILE VALUE" of its cgroup
shows()
{
	script "cd /sys/fs/cgroup && for f in $*; do echo \"\$f \$(cat \$f)\"; done"
}

@test "resources: a container that runs out of memory ends with 137, and says so" {
	edit '.linux.resources.memory = {limit: 33554432}'
	args dd if=/dev/zero of=/dev/null bs=100M count=1
	ok create --bundle "$B" "$CT"
	background cli events --interval 1h "$CT" >"$T/events" 2>"$T/err"
	sleep 0.5
	ok start "$CT"
	within 60 has_status stopped
	within 10 eval '! kill -0 $PID'
	is "$(cat "$T/events")" "{\"type\":\"oom\",\"id\":\"$CT\"}"
	ok delete "$CT"
	ko 137 run --bundle "$B" "$CT"
}

@test "resources: cpu, memory, pids and block devices are set" {
	resources '{cpu: {shares: 1024, quota: 50000, period: 200000, burst: 20000, cpus: "0", mems: "0"},
		memory: {limit: 67108864, reservation: 33554432, swap: 134217728}, pids: {limit: 50}, blockIO: {weight: 500}}'
	shows cpu.weight cpu.max cpu.max.burst cpuset.cpus cpuset.mems memory.max memory.low memory.swap.max pids.max io.weight
	ok run --bundle "$B" "$CT"
	is "$output" "cpu.weight 39
cpu.max 50000 200000
cpu.max.burst 20000
cpuset.cpus 0
cpuset.mems 0
memory.max 67108864
memory.low 33554432
memory.swap.max 67108864
pids.max 50
io.weight default 4950"
	is "$stderr" ""
}

@test "resources: idle, unlimited, huge pages and files by name" {
	resources '{cpu: {idle: 1, shares: 1024, quota: -1}, memory: {limit: -1}, pids: {limit: -1},
		hugepageLimits: [{pageSize: "2MB", limit: 4194304}], unified: {"memory.high": "60000000\n", "cgroup.max.descendants": "7"}}'
	shows cpu.idle cpu.max memory.max memory.swap.max pids.max hugetlb.2MB.max hugetlb.2MB.rsvd.max memory.high cgroup.max.descendants
	ok run --bundle "$B" "$CT"
	is "$output" "cpu.idle 1
cpu.max max 100000
memory.max max
memory.swap.max max
pids.max max
hugetlb.2MB.max 4194304
hugetlb.2MB.rsvd.max 4194304
memory.high 59998208
cgroup.max.descendants 7"
}

@test "resources: zeros of docker are unset" {
	resources '{cpu: {shares: 0, quota: 0, period: 0, cpus: "", mems: ""}, memory: {limit: 0, reservation: 0, swap: 0, kernel: 0,
		disableOOMKiller: false}, pids: {limit: 0}, blockIO: {weight: 0}}'
	shows cpu.weight cpu.max memory.max memory.low pids.max io.weight
	ok run --bundle "$B" "$CT"
	is "$output" "cpu.weight 100
cpu.max max 100000
memory.max max
memory.low 0
pids.max max
io.weight default 100"
	is "$stderr" ""
}

@test "resources: a limit of processes is a limit" {
	resources '{pids: {limit: 5}}'
	script 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done 2>&1; echo unreachable'
	rt run --bundle "$B" "$CT"
	has "$output" "can't fork"
}

@test "resources: too much memory ends with the kernel's SIGKILL" {
	resources '{memory: {limit: 20000000, swap: 20000000}}'
	script 'x=$(head -c 100000000 /dev/zero | tr "\0" x); echo alive'
	ko 137 run --bundle "$B" "$CT"
	lacks "$output" alive
}

@test "resources: processors, huge pages, block devices and devices are limited" {
	local loop
	settings 'default_vcpus = 2' 'kernel_params = "hugepages=8"'
	head -c 4M /dev/zero >"$T/disk.img"
	loop=$(losetup -f --show "$T/disk.img")
	# The host's number, which is another one in the guest
	resources '{cpu: {quota: 20000, period: 100000, cpus: "1"}, hugepageLimits: [{pageSize: "2MB", limit: 4194304}], blockIO:
		{throttleReadBpsDevice: [{major: 7, minor: '"${loop#/dev/loop}"', rate: 1048576}]}}'
	edit '.linux.devices = [{path: "/dev/disk", type: "b", major: 7, minor: ($ARGS.positional[0] | tonumber)}]
		| .mounts += [{destination: "/huge", type: "hugetlbfs", source: "hugetlbfs"}]' --args -- "${loop#/dev/loop}"
	script 'grep Cpus_allowed_list /proc/self/status
		i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done
		[ $(sed -n "s/^nr_throttled //p" /sys/fs/cgroup/cpu.stat) -gt 0 ] && echo throttled
		fallocate -l 4m /huge/two && rm /huge/two && echo two huge pages
		fallocate -l 8m /huge/four 2>/dev/null || echo not four
		from=$(cut -d. -f1 /proc/uptime)
		dd if=/dev/disk of=/dev/null bs=64k count=48 iflag=direct 2>/dev/null || echo no disk
		[ $(($(cut -d. -f1 /proc/uptime) - from)) -ge 1 ] && echo slow disk
		mknod /dev/tape c 9 0 && : </dev/tape'
	edit '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	rt run --bundle "$B" "$CT"
	losetup -d "$loop"
	is "$output" "Cpus_allowed_list:	1
throttled
two huge pages
not four
slow disk"
	has "$stderr" "/dev/tape: Operation not permitted"
}

# says FIELD FILTER: create fails with a message that names the field, and leaves nothing
says()
{
	make_bundle "$T/$RANDOM$RANDOM"
	resources "$2"
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "$1"
	ko 1 state "$CT"
}

@test "resources: what the guest refuses is an error that names the field" {
	says 'linux.resources.cpu.quota: failed to write \"5 100000\" to cpu.max of the guest: invalid argument' '{cpu: {quota: 5}}'
	says 'linux.resources.blockIO.throttleReadBpsDevice[0]: failed to write \"8:0 rbps=1000\" to io.max of the guest: no such device' \
		'{blockIO: {throttleReadBpsDevice: [{major: 8, minor: 0, rate: 1000}]}}'
	says 'linux.resources.unified.no.such: failed to write \"1\" to no.such of the guest: no such file or directory' '{unified: {"no.such": "1"}}'
	says 'linux.resources.hugepageLimits[0]: failed to write \"65536\" to hugetlb.64KB.max of the guest' '{hugepageLimits: [{pageSize: "64KB", limit: 65536}]}'
	says 'linux.resources.rdma.mlx5_1: failed to write' '{rdma: {mlx5_1: {hcaHandles: 3}}}'
	within 10 nothing_new "$T/host.before"
}

@test "resources: what no guest could take is refused before there is one" {
	local before
	before=$(date +%s%N)
	says 'linux.resources.memory.swap: unable to set swap limit without memory limit' '{memory: {swap: 1000000}}'
	says 'linux.resources.memory.swap: memory+swap limit should be >= memory limit' '{memory: {limit: 1000000, swap: 1}}'
	says 'linux.resources.blockIO.weight must be from 10 to 1000' '{blockIO: {weight: 5}}'
	says 'linux.resources.unified: unified resource \"cgroup.procs\" is the runtime' '{unified: {"cgroup.procs": "1"}}'
	says 'linux.resources.cpu.cpus: there is no processor 900' '{cpu: {cpus: "900"}}'
	says 'linux.resources.cpu.shares must be an integer' '{cpu: {shares: "1024"}}'
	[ $((($(date +%s%N) - before) / 1000000)) -lt 2000 ]
}

@test "resources: what has no effect is said" {
	resources '{memory: {swappiness: 0, disableOOMKiller: true, kernel: 1000000}, cpu: {realtimeRuntime: 1000}, network: {classID: 5}}'
	ok run --bundle "$B" "$CT"
	has "$stderr" "linux.resources.memory.swappiness has no effect" "linux.resources.memory.disableOOMKiller has no effect" \
		"linux.resources.memory.kernel has no effect" "linux.resources.cpu.realtimeRuntime has no effect" "linux.resources.network has no effect"
}
