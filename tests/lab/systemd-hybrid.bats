#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# --systemd-cgroup where systemd is PID 1 and the controllers are of version 1 (run.sh boots the lab so for this file).
# bats file_tags=moat, long

load ../bats/helpers

teardown()
{
	finish
	systemctl stop "$SUITE.slice"
}

# in_all FILE: what it says in those hierarchies that have it
in_all()
{
	find /sys/fs/cgroup -path "*/$SUITE.slice/moat-$CT.scope/$1" -exec cat {} +
}

@test "systemd: the scope is in every hierarchy of version 1, has the limits there, and goes from all" {
	local monitor
	args sleep 1000
	edit '.linux.resources = {cpu: {shares: 512, quota: 50000, period: 100000}, pids: {limit: 50}} | .linux.cgroupsPath = $ARGS.positional[0]' \
		--args -- "$SUITE.slice:moat:$CT"
	ok --systemd-cgroup run --detach --bundle "$B" "$CT"
	is "$(systemctl show "moat-$CT.scope" --property ActiveState --value)" active
	is "$(in_all cpu.shares) $(in_all cpu.cfs_quota_us) $(in_all pids.max)" "512 75000 562"
	monitor=$(jq .monitor.pid "$ROOT/$CT/state.json")
	# Named hierarchies, those of controllers, and version 2 without any
	is "$(in_all cgroup.procs | grep -cx "$monitor")" "$(grep -c ' /sys/fs/cgroup/.* cgroup2\? ' /proc/mounts)"
	ok update --pids-limit 60 "$CT"
	is "$(in_all pids.max)" 572
	ok delete --force "$CT"
	is "$(find /sys/fs/cgroup -name "moat-$CT.scope")" ""
	is "$(systemctl show "moat-$CT.scope" --property LoadState --value)" not-found
}
