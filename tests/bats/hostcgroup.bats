#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# linux.resources in the host's cgroups, which have room for the VM beside the container; and who lives there.

load helpers

MIB=1048576

setup()
{
	requires cgroup
	begin
	make_bundle
	args sleep 1000
}

# host ID FILE: of the container's cgroup, whichever hierarchy has it; its version 2 name after a slash if it has another
host()
{
	local name dir
	for name in ${2//\// }; do
		dir=$(find /sys/fs/cgroup -path "*/$1/$name" | head -n 1)
		[ -z "$dir" ] || { cat "$dir"; return; }
	done
	echo "no $2"
}

memory()
{
	host "$1" memory.limit_in_bytes/memory.max
}

# its VM's QEMU
qemu_of()
{
	pgrep -P "$(jq .monitor.pid "$ROOT/$1/state.json")" qemu
}

unlimited()
{
	[ "$1" = max ] || [ "$1" -gt 1000000000000 ]
}

quota()
{
	local q
	q=$(host "$1" cpu.cfs_quota_us/cpu.max)
	echo "${q%% *}"
}

@test "host cgroup: the limits are there, with room for the VM" {
	limits '{cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0", mems: "0"}, memory: {limit: 67108864, swap: 100663296},
		pids: {limit: 50}}'
	ok run --detach --bundle "$B" "$CT"
	# The container's 64 MiB are a block of 128 beside the VM's 256, and 256 of the host's programs.
	is "$(memory "$CT")" $((640 * MIB))
	is "$(quota "$CT")" 75000
	is "$(host "$CT" pids.max)" 562
	is "$(host "$CT" cpuset.cpus)" 0
	is "$(host "$CT" cpuset.mems)" 0
	is "$(host "$CT" cpu.shares/cpu.weight)" "$([[ $(host "$CT" cpu.shares) == no* ]] && echo 20 || echo 512)"
	# The guest has the limits as they were asked for.
	ok exec "$CT" cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max
	is "$output" $'67108864\n50000 100000\n50'
	# QEMU's threads run where the container may.
	is "$(sed -n 's/^Cpus_allowed_list:\t//p' "/proc/$(qemu_of "$CT")/task/"*/status | sort -u)" 0
}

@test "host cgroup: update changes both sides, and what is refused changes neither" {
	limits '{memory: {limit: 67108864}, pids: {limit: 50}}'
	ok run --detach --bundle "$B" "$CT"
	is "$(memory "$CT")" $((640 * MIB))
	ok update --memory 300m --memory-swap -1 --pids-limit 60 --cpu-quota 20000 --cpu-period 100000 --cpu-share 300 "$CT"
	is "$(memory "$CT")" $((896 * MIB))
	is "$(host "$CT" pids.max)" 572
	is "$(quota "$CT")" 45000
	ok update --memory 70m --memory-swap -1 "$CT"
	is "$(memory "$CT")" $((640 * MIB))
	ok exec "$CT" cat /sys/fs/cgroup/memory.max
	is "$output" 73400320
	# The host has no such memory node; the guest is not left with the rest.
	ko 1 update --cpuset-mems 900 --pids-limit 70 "$CT"
	has "$stderr" 'resources.cpu.mems: failed to write'
	is "$(host "$CT" pids.max)" 572
	ok exec "$CT" cat /sys/fs/cgroup/pids.max
	is "$output" 60
	ok update --memory -1 --cpu-quota -1 --pids-limit -1 "$CT"
	unlimited "$(memory "$CT")"
	[[ $(quota "$CT") =~ ^(-1|max)$ ]]
	is "$(host "$CT" pids.max)" max
}

@test "host cgroup: a guest out of memory is not the host's business" {
	local qemu failures
	limits '{memory: {limit: 41943040, swap: 41943040}, pids: {limit: 20}}'
	script 'while :; do (x=$(head -c 100000000 /dev/zero | tr "\0" x); echo alive); sleep 0.1; done'
	ok run --detach --bundle "$B" "$CT"
	qemu=$(qemu_of "$CT")
	killed()
	{
		ok exec "$CT" sed -n 's/^oom_kill //p' /sys/fs/cgroup/memory.events
		[ "$output" -ge 3 ]
	}
	within 60 killed
	# Nor is a bomb of processes.
	rt exec "$CT" sh -c 'for i in $(seq 40); do sleep 100 & done'
	has "$stderr" "can't fork"
	is "$(qemu_of "$CT")" "$qemu"
	failures=$(host "$CT" memory.failcnt/memory.events)
	[[ $failures == 0 || $failures == *"oom_kill 0"* ]]
	is "$(host "$CT" pids.events | sed 's/max //')" 0
}

@test "host cgroup: every process of the VM is there, the calls that made it are not" {
	local dirs dir names
	ok run --detach --bundle "$B" "$CT"
	ok exec --detach "$CT" sleep 900
	dirs=$(find /sys/fs/cgroup -type d -name "$CT")
	[ -n "$dirs" ]
	while read -r dir; do
		names=$(while read -r pid; do readlink "/proc/$pid/exe"; done <"$dir/cgroup.procs" | sed 's:.*/::' | sort | uniq -c | sed 's/^ *//')
		# The third is the watcher of the network.
		has "$names" "1 moat-monitor" "3 moat-standin" "1 qemu-system" "virtiofsd"
		is "$(grep -c . <<<"$names")" 4
	done <<<"$dirs"
	ok delete --force "$CT"
	is "$(find /sys/fs/cgroup -name "$CT")" ""
}

@test "host cgroup: none of it with sandbox_cgroup_only = false" {
	{
		cat "$CONFIG"
		printf '[runtime]\nsandbox_cgroup_only = false\n'
	} >"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
	limits '{memory: {limit: 67108864}, pids: {limit: 50}, cpu: {shares: 300}}'
	ok run --detach --bundle "$B" "$CT"
	unlimited "$(memory "$CT")"
	is "$(host "$CT" pids.max)" max
	ok exec "$CT" cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max
	is "$output" $'67108864\n50'
	ok update --pids-limit 60 "$CT"
	is "$(host "$CT" pids.max)" max
	has "$(find /sys/fs/cgroup -path "*/$CT/cgroup.procs" -exec cat {} +)" "$(qemu_of "$CT")"
}

@test "host cgroup: a container that joins has its own, and lifts the limits of the VM's" {
	limits '{memory: {limit: 67108864}, pids: {limit: 50}, cpu: {quota: 50000}}'
	ok run --detach --bundle "$B" "$CT"
	make_bundle "$T/bundle2"
	args sleep 1000
	joins "$CT"
	limits '{memory: {limit: 33554432}, pids: {limit: 40}}'
	ok run --detach --bundle "$B" "$CT-joined"
	unlimited "$(memory "$CT")"
	is "$(host "$CT" pids.max)" max
	[[ $(quota "$CT") =~ ^(-1|max)$ ]]
	is "$(memory "$CT-joined")" $((48 * MIB))
	is "$(host "$CT-joined" pids.max)" 48
	# It has a network of its own, which is watched.
	is "$(host "$CT-joined" cgroup.procs | xargs -I{} cat /proc/{}/comm | sort | tr '\n' ' ')" "moat-standin moat-watch "
	# They stay so: the VM is not the first one's alone.
	ok update --memory 100m --memory-swap -1 "$CT"
	unlimited "$(memory "$CT")"
	ok update --pids-limit 30 "$CT-joined"
	is "$(host "$CT-joined" pids.max)" 38
	ok delete --force "$CT-joined"
}

@test "host cgroup: a pod's sandbox is limited by the parent, not by what its own process may have" {
	edit '.annotations = {"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": "x"}'
	limits '{cpu: {shares: 2}, memory: {limit: 33554432}}'
	ok run --detach --bundle "$B" "$CT"
	unlimited "$(memory "$CT")"
	is "$(host "$CT" cpu.shares/cpu.weight)" "$([[ $(host "$CT" cpu.shares) == no* ]] && echo 100 || echo 1024)"
}

@test "host cgroup: what the host refuses is an error that names the field, and nothing is left" {
	limits '{cpu: {mems: "900"}}'
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" 'linux.resources.cpu.mems: failed to write \"900\" to ' 'cpuset.mems of the host'
	ko 1 state "$CT"
	is "$(find /sys/fs/cgroup -name "$CT")" ""
}

@test "host cgroup: a parent that is smaller than the VM's overhead gets what it permits" {
	local parent=/sys/fs/cgroup/cpu/$SUITE-parent
	[ -e /sys/fs/cgroup/cpu/cpu.cfs_quota_us ] || skip "only version 1 refuses"
	mkdir "$parent"
	echo 50000 >"$parent/cpu.cfs_quota_us"
	edit '.linux.cgroupsPath = $ARGS.positional[0]' --args -- "/$SUITE-parent/$CT"
	limits '{cpu: {quota: 50000, period: 100000}}'
	ok run --detach --bundle "$B" "$CT"
	is "$(quota "$CT")" 50000
	ok delete --force "$CT"
	rmdir "$parent"
	# The parents in the other hierarchies were moat's.
	is "$(find /sys/fs/cgroup -name "$SUITE-parent")" ""
}

# Podman reads the cgroup of the stand-in's pid. The limit that it shows is the one that it asked for (4), or the cgroup's with the room for the VM (5).
@test "host cgroup: podman stats sees the VM's memory, processor time and threads" {
	requires podman
	local number='^([1-9][0-9]*) ([0-9.]+)MB / ([0-9.]+)MB ([0-9.]+)%$'
	printf '#!/bin/sh\nexec %s --config %s "$@"\n' "$BIN" "$CONFIG" >"$T/moat"
	chmod 755 "$T/moat"
	cat >"$T/client" <<-EOF
		set -e
		mount --make-rprivate / && mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/lock
		mount -t tmpfs -o mode=1777 tmpfs /dev/shm
		podman="podman --root $T/storage --runroot /run/pod --storage-driver vfs --cgroup-manager cgroupfs --events-backend file --runtime $T/moat"
		tar -C $B/rootfs -c . | \$podman import - busybox >/dev/null 2>&1
		\$podman run --detach --network none --name one --cgroup-parent /$SUITE-podman --memory 128m --cpus 0.5 --pids-limit 50 busybox \
			/bin/sh -c 'while :; do :; done' >/dev/null
		\$podman stats --no-stream --format '{{.PIDs}} {{.MemUsage}} {{.CPUPerc}}' one
		\$podman rm --time 0 --force one >/dev/null
	EOF
	try unshare --mount --net --pid --mount-proc --fork --kill-child=KILL -- sh "$T/client"
	find /sys/fs/cgroup -depth -type d \( -path "*/$SUITE-podman*" -o -path "*/libpod_parent*" \) -exec rmdir {} \; || true
	is "$status" 0
	[[ $output =~ $number ]]
	[ "${BASH_REMATCH[1]}" -gt 5 ]
	[ "${BASH_REMATCH[2]%.*}" -gt 50 ]
	[ "${BASH_REMATCH[2]%.*}" -lt 671 ]
	[[ ${BASH_REMATCH[3]} == 134.2 || ${BASH_REMATCH[3]} == 671.1 ]]
	[ "${BASH_REMATCH[4]%.*}" -gt 0 ]
}
