#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# With KVM: accelerator, templates, vsock, cgroup v2.
# bats file_tags=moat

load ../bats/helpers

# qemu_of [ID]: pid of the container's QEMU, the child of its monitor
qemu_of()
{
	local monitor
	monitor=$(jq .monitor.pid "$ROOT/${1:-$CT}/state.json")
	pgrep -P "$monitor" -f qemu-system
}

# qemu_has [ID] WORD...: on its command line
qemu_has()
{
	local id=$1
	shift
	has "$(tr '\0' ' ' <"/proc/$(qemu_of "$id")/cmdline")" "$@"
}

@test "kvm: auto takes it, from a template; cgroup v2 on both sides" {
	ok check
	has "$output" "accelerator      ok        kvm: it works here" "vhost-vsock      ok" "cgroups          ok        v2:"
	requires kvm cgroup

	script 'echo started; read -r line; echo "$line"; exit 7'
	edit '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 33}} | .linux.cgroupsPath = $ARGS.positional[0]' \
		--args -- "/session/$SUITE/$SUITE-limits"
	mkfifo "$T/stdin"
	background bash -c 'exec "$@" <"$0"' "$T/stdin" "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --bundle "$B" "$CT" >"$T/out"
	exec 9>"$T/stdin"
	within 400 grep -q started "$T/out"
	qemu_has "$CT" "-accel kvm" "-cpu host" "-incoming defer"
	# On the host QEMU is in the container's cgroup, which exists in the one hierarchy; limits are the guest's.
	has "$(cat "/proc/$(qemu_of)/cgroup")" "0::/session/$SUITE/$SUITE-limits"
	ok exec "$CT" cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max
	is "$output" $'33\n67108864'
	ok events --stats "$CT"
	has "$(jq -c .data.pids "$T/stdout")" '"limit":33'
	echo goodbye >&9
	exec 9>&-
	reaped "$PID"
	is "$status $(tail -n 1 "$T/out")" "7 goodbye"
	[ ! -e "/sys/fs/cgroup/session/$SUITE/$SUITE-limits" ]
}

@test "kvm: as configured, with the agent behind vsock, booted" {
	settings 'accelerator = "kvm"'
	sed -i 's/^\[agent.moat\]/&\nchannel = "vsock"/' "$T/configuration.toml"
	args sh -c 'echo here; head -c 3000000 /dev/zero | wc -c'
	ok run --bundle "$B" "$CT"
	is "$output" $'here\n3000000'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	qemu_has "$CT" "-accel kvm"
	lacks "$(tr '\0' ' ' <"/proc/$(qemu_of)/cmdline")" virtserialport
	ok exec "$CT" true
	ok delete --force "$CT"
}
