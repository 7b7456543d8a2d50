#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The host's cgroups where there is version 2 alone: controllers on the way down, limits, update.
# bats file_tags=moat

load ../bats/helpers

@test "cgroup v2: the host's limits, with room for the VM, two directories below the root" {
	local dir=/sys/fs/cgroup/$SUITE-parent/inner/$CT
	args sleep 1000
	edit '.linux.resources = {cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0"}, memory: {limit: 67108864, swap: 67108864},
		pids: {limit: 50}} | .linux.cgroupsPath = $ARGS.positional[0]' --args -- "/$SUITE-parent/inner/$CT"
	ok run --detach --bundle "$B" "$CT"
	is "$stderr" ""
	is "$(cd "$dir" && cat memory.max cpu.max cpu.weight cpuset.cpus pids.max)" $'671088640\n75000 100000\n20\n0\n562'
	has "$(cat "$dir/cgroup.procs")" "$(pgrep -P "$(jq .monitor.pid "$ROOT/$CT/state.json")" qemu)"
	ok update --memory 300m --memory-swap 300m --pids-limit -1 "$CT"
	is "$(cd "$dir" && cat memory.max pids.max)" $'939524096\nmax'
	is "$(sed -n 's/^oom_kill //p' "$dir/memory.events")" 0
	ok delete --force "$CT"
	[ ! -e "/sys/fs/cgroup/$SUITE-parent" ]
}

@test "cgroup v2: a caller whose own cgroup has controllers, without a path and with one below itself" {
	local slice=/sys/fs/cgroup/$SUITE.slice
	# As from a login: systemd's scope in a slice
	local run=(bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$slice/login.scope" "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --detach)
	mkdir -p "$slice/login.scope"
	echo "+memory +pids +cpu +cpuset" >"$slice/cgroup.subtree_control"
	args sleep 1000
	edit '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 50}} | del(.linux.cgroupsPath)'
	try "${run[@]}" --bundle "$B" "$CT"
	is "$status" 0
	is "$(cat "$slice/$CT/memory.max" "$slice/$CT/pids.max")" $'671088640\n562'
	is "$(cat "$slice/login.scope/cgroup.type" "$slice/$CT/cgroup.type" | sort -u)" domain
	ok delete --force "$CT"
	[ ! -e "$slice/$CT" ]
	# There nobody can have controllers.
	edit '.linux.cgroupsPath = $ARGS.positional[0]' --args -- "/$SUITE.slice/login.scope/inside"
	try "${run[@]}" --bundle "$B" "$CT"
	is "$status" 0
	has "$(cat "$slice/login.scope/inside/cgroup.procs")" "$(pgrep -P "$(jq .monitor.pid "$ROOT/$CT/state.json")" qemu)"
	ok delete --force "$CT"
	rmdir "$slice/login.scope" "$slice"
}
