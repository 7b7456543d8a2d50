#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# moat metrics: Prometheus' text format of VMs and containers, and what is left of it when a guest does not answer.

load helpers

teardown()
{
	[ -z "${DISK:-}" ] || losetup -d "$DISK" 2>/dev/null || true
	finish
}

# well_formed: the last output, line by line: HELP and TYPE once a family, in front of its samples, units and labels as they should be,
# no sample twice. With promtool its opinion, too.
well_formed()
{
	awk '
	function bad(why) { print why ": " $0; failed = 1 }
	/^# HELP / {
		if (NF < 4 || $3 in help) bad("HELP")
		help[$3] = 1; family = $3; next
	}
	/^# TYPE / {
		if ($3 != family || $3 in type || ($4 != "counter" && $4 != "gauge")) bad("TYPE")
		type[$3] = $4; next
	}
	{
		name = $0; sub(/\{.*/, "", name)
		if (name !~ /^moat_[a-z0-9_]+$/ || name != family || !(name in type)) bad("family")
		if ((type[name] == "counter") != (name ~ /_total$/)) bad("counter")
		if ($0 !~ /^[a-z0-9_]+\{[a-z]+="[A-Za-z0-9._:+-]*"(,[a-z]+="[A-Za-z0-9._:+-]*")*\} [0-9]+(\.[0-9]+)?$/) bad("sample")
		key = $0; sub(/ [^ ]*$/, "", key)
		if (key in seen) bad("twice")
		seen[key] = 1
	}
	END { exit failed }' <<<"$output"
	! command -v promtool >/dev/null || promtool check metrics <<<"$output" 3>&-
}

# value NAME LABELS: of a sample of the last output
value()
{
	sed -n "s/^$1{$2} //p" <<<"$output"
}

# sums NAME: of all samples of a family
sums()
{
	awk -v name="$1" 'index($0, name "{") == 1 { n += $NF } END { print int(n) }' <<<"$output"
}

@test "metrics: a container, its VM, their processes and devices" {
	local me
	head -c 8M /dev/zero >"$T/disk.img"
	DISK=$(losetup -f --show "$T/disk.img")
	edit '.linux.devices = [{path: "/dev/disk", type: "b", major: 7, minor: ($ARGS.positional[0] | tonumber)}]
		| .linux.resources += {memory: {limit: 67108864}, pids: {limit: 40}, cpu: {quota: 50000}}' --args -- "${DISK#/dev/loop}"
	script 'dd if=/dev/disk of=/dev/null bs=64k count=64 2>/dev/null; while :; do :; done'
	rt run --detach --bundle "$B" "$CT"
	is "$status" 0
	me="sandbox=\"$CT\""
	busy()
	{
		ok metrics "$CT"
		[ "$(value moat_container_cpu_periods_total "$me,container=\"$CT\"")" -gt 5 ] &&
			[ "$(value moat_disk_read_bytes_total "$me,device=\"vda\"")" -ge 4194304 ]
	}
	within 60 busy
	well_formed
	is "$(value moat_sandbox_up "$me") $(value moat_agent_up "$me") $(value moat_container_up "$me,container=\"$CT\"")" "1 1 1"
	is "$(value moat_vm_memory_bytes "$me")" 402653184
	is "$(value moat_container_memory_limit_bytes "$me,container=\"$CT\"")" 67108864
	is "$(value moat_container_tasks_limit "$me,container=\"$CT\"")" 40
	[ "$(value moat_container_tasks "$me,container=\"$CT\"")" -ge 1 ]
	is "$(value moat_processes "$me,program=\"moat-standin\"")" 1
	is "$(value moat_processes "$me,program=\"moat-watch\"")" 1
	is "$(value moat_processes "$me,program=\"moat-monitor\"")" 1
	# What cannot be is not said: the parts are less than the whole.
	[ "$(value moat_guest_memory_total_bytes "$me")" -lt 402653184 ]
	[ "$(value moat_guest_memory_available_bytes "$me")" -lt "$(value moat_guest_memory_total_bytes "$me")" ]
	[ "$(sums moat_process_proportional_memory_bytes)" -le "$(sums moat_process_resident_memory_bytes)" ]
	[ "$(sums moat_process_proportional_memory_bytes)" -gt 50000000 ]
	[ "$(value moat_agent_resident_memory_bytes "$me")" -gt 100000 ]
	has "$output" "moat_container_io_bytes_total{$me,container=\"$CT\",device=" "moat_network_receive_bytes_total{$me,interface=\"lo\"}"
	# Counters count.
	local before after
	before=$(value moat_container_cpu_seconds_total "$me,container=\"$CT\"")
	grows()
	{
		ok metrics
		after=$(value moat_container_cpu_seconds_total "$me,container=\"$CT\"")
		[ "${after/./}" -gt "${before/./}" ]
	}
	within 20 grows
}

@test "metrics: a pod in one VM, by the name of either" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	make_bundle "$T/bundle2"
	args sleep 1000
	joins "$CT"
	ok run --detach --bundle "$B" "$CT-joined"
	ok metrics "$CT-joined"
	well_formed
	is "$(grep -c '^moat_sandbox_up' <<<"$output")" 1
	is "$(value moat_container_up "sandbox=\"$CT\",container=\"$CT-joined\"")" 1
	is "$(value moat_processes "sandbox=\"$CT\",program=\"moat-standin\"")" 2
	ok delete --force "$CT-joined"
	ok metrics
	lacks "$output" "$CT-joined"
}

@test "metrics: of all, families together; without any, and of none" {
	ok metrics
	well_formed
	is "$(grep -c -v '^#' <<<"$output")" 1
	has "$output" "moat_build_info{version=\""
	ko 1 metrics "$CT"
	message "container does not exist"
	ko 1 metrics a b
	args sleep 1000
	ok run --detach --bundle "$B" "$CT-1"
	ok run --detach --bundle "$B" "$CT-2"
	ok metrics
	well_formed
	is "$(grep -c '^moat_agent_up' <<<"$output")" 2
	ok kill "$CT-2" KILL
	within 20 has_status stopped "$CT-2"
	within 20 gone "$(jq .monitor.pid "$ROOT/$CT-2/state.json")"
	ok metrics
	well_formed
	is "$(value moat_sandbox_up "sandbox=\"$CT-2\"") $(value moat_container_up "sandbox=\"$CT-2\",container=\"$CT-2\"")" "0 0"
	is "$(value moat_agent_up "sandbox=\"$CT-1\"")" 1
}

@test "metrics: a guest that hangs is left out, a monitor that hangs too, and neither holds it up" {
	local qemu monitor me="sandbox=\"$CT\""
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	monitor=$(jq .monitor.pid "$ROOT/$CT/state.json")
	qemu=$(pgrep -P "$monitor" qemu)
	kill -STOP "$qemu"
	LIMIT=20 ok metrics "$CT"
	kill -CONT "$qemu"
	well_formed
	is "$(value moat_sandbox_up "$me") $(value moat_agent_up "$me")" "1 0"
	has "$output" "moat_vm_memory_bytes{$me}" "moat_process_resident_memory_bytes{$me,program=\"virtiofsd\"}"
	lacks "$output" moat_guest_
	lacks "$output" moat_container_memory
	kill -STOP "$monitor"
	LIMIT=20 ok metrics "$CT"
	kill -CONT "$monitor"
	well_formed
	is "$(value moat_sandbox_up "$me") $(value moat_agent_up "$me")" "0 0"
	has "$output" "moat_process_threads{$me,program=\"moat-monitor\"}"
}
