#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# The size of a VM: what its containers' limits ask for, from the start or while it runs, and what no host has.

load helpers

setup()
{
	SUITE_TEMPLATES=$TEMPLATES
	begin
	make_bundle
}

# sees ID: sets MIB, what the guest's kernel manages, and CPUS
sees()
{
	local kib
	ok exec "$1" sh -c 'echo $(sed -n "s/^MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo) $(nproc)'
	read -r kib CPUS <<<"$output"
	MIB=$((kib / 1024))
}

# from_template [ID]
from_template()
{
	grep -q "memory of the template copied" "$ROOT/${1:-$CT}/monitor.log"
}

refuses()
{
	make_bundle "$T/$RANDOM$RANDOM"
	edit "$2"
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: $1"
	ko 1 state "$CT"
}

@test "sizing: a VM from the template grows by the limits, as much as they ask for" {
	local base
	args sleep 1000
	ok run --detach --bundle "$B" "$CT-a"
	sees "$CT-a"
	base=$MIB
	ok delete --force "$CT-a"

	limits '{memory: {limit: 220200960, swap: 220200960}, hugepageLimits: [{pageSize: "2MB", limit: 4194304}]}'
	ok run --detach --bundle "$B" "$CT"
	[ -z "$TEMPLATES" ] || from_template
	sees "$CT"
	is "$((MIB - base))" 256
	# All of it is there to be used, beside the guest's own.
	ok exec "$CT" sh -c 'head -c 190000000 /dev/zero | tail -c 190000000 | wc -c'
	is "$output" 190000000

	# More while it runs, and less.
	ok update --memory 600m --memory-swap 600m "$CT"
	sees "$CT"
	is "$((MIB - base))" 640
	ko 1 update --memory 90000g "$CT"
	has "$stderr" "resources.memory.limit: 92160000 MiB are more than the host's"
	is "$(jq .linux.resources.memory.limit "$ROOT/$CT/config.json")" 629145600
	ok update --memory 100m --memory-swap 100m "$CT"
	smaller()
	{
		sees "$CT"
		[ "$((MIB - base))" -lt 640 ]
	}
	within 20 smaller
	ok update --memory 300m --memory-swap 300m "$CT"
	sees "$CT"
	[ "$((MIB - base))" -ge 384 ]
}

@test "sizing: a VM that boots has it from the start" {
	settings 'default_maxvcpus = 2' 'default_maxmemory = 700'
	limits '{memory: {limit: 104857600}, cpu: {quota: 150000, period: 100000, cpus: "0-1"}}'
	args sleep 1000
	ok create --dry-run --bundle "$B" "$CT"
	is "$(jq -r '.vm.argv as $a | $a[($a | index("-m")) + 1]' <<<"$output")" "384M,maxmem=640M"
	ok run --detach --bundle "$B" "$CT"
	sees "$CT"
	[ "$MIB" -gt 256 ]
	[ "$MIB" -lt 384 ]
	is "$CPUS" 2
	ok exec "$CT" cat /sys/fs/cgroup/cpuset.cpus /sys/fs/cgroup/cpu.max
	is "$output" "0-1
150000 100000"
	# As far as the administrator permits it, for whatever is asked
	ok update --memory 1g --memory-swap 1g "$CT"
	sees "$CT"
	[ "$MIB" -gt 512 ]
	[ "$MIB" -lt 640 ]
}

@test "sizing: what a pod is going to need, in annotations" {
	settings 'default_maxvcpus = 2'
	edit '.annotations = {"io.kubernetes.cri.sandbox-cpu-quota": "200000", "io.kubernetes.cri.sandbox-cpu-period": "100000",
		"io.kubernetes.cri.sandbox-memory": "268435456"}'
	args sleep 1000
	ok create --dry-run --bundle "$B" "$CT"
	is "$(jq -r '.vm.argv as $a | [$a[($a | index("-m", "-smp")) + 1]] | map(split(",")[0]) | join(" ")' <<<"$output")" "512M 2"
	refuses 'annotations["io.kubernetes.cri.sandbox-memory"]: '"'1g' is not a number" \
		'.annotations = {"io.kubernetes.cri.sandbox-memory": "1g"}'
}

@test "sizing: a container that joins a pod brings room with it, and takes it away" {
	local base
	args sleep 1000
	edit '.annotations = {"io.kubernetes.cri-o.ContainerType": "sandbox"}'
	ok run --detach --bundle "$B" "$CT"
	sees "$CT"
	base=$MIB
	make_bundle "$T/bundle-a"
	args sleep 1000
	joins "$CT"
	limits '{memory: {limit: 134217728}}'
	ok run --detach --bundle "$B" "$CT-a"
	make_bundle "$T/bundle-b"
	args sleep 1000
	joins "$CT"
	limits '{memory: {limit: 134217729}}'
	ok run --detach --bundle "$B" "$CT-b"
	sees "$CT"
	is "$((MIB - base))" 384
	# One that does not come to life leaves no demand behind.
	make_bundle "$T/bundle-c"
	args /nonexistent
	joins "$CT"
	limits '{memory: {limit: 536870912}}'
	ko 1 create --bundle "$B" "$CT-c"
	fewer()
	{
		sees "$CT"
		[ "$((MIB - base))" -le "$1" ]
	}
	within 20 fewer 400
	ok delete --force "$CT-b"
	within 20 fewer 260
	ok delete --force "$CT-a"
	within 20 fewer 120
	has_status running
	ok delete --force "$CT"
}

@test "sizing: processors that a guest cannot be given later are in a template of their own" {
	[ -n "$SUITE_TEMPLATES" ] || skip "only q35 has templates"
	! grep -qE '^flags.*\b(vmx|svm)\b' /proc/cpuinfo || skip "with KVM they are added"
	[ "$(nproc --all)" -ge 2 ] || skip "one processor"
	rm -rf "$ROOT/@templates"
	TEMPLATES=''
	ok template create --vcpus 2
	limits '{cpu: {quota: 200000, period: 100000}}'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	from_template
	sees "$CT"
	is "$CPUS" 2
	# The default serves it, and a set of the host's processors is one of the guest's.
	make_bundle "$T/bundle2"
	limits '{cpu: {cpus: "1"}}'
	ok create --dry-run --bundle "$B" "$CT-2"
	is "$(jq -r '.vm.argv as $a | $a[($a | index("-smp")) + 1]' <<<"$output")" 1
	ko 1 template create --vcpus 1000
	has "$stderr" "1000 processors are not default_vcpus = 1 to default_maxvcpus = "
	ko 1 template create --vcpus x
	message "--vcpus: 'x' is not a number of processors"
	ok delete --force "$CT"
	ok template remove
}

@test "sizing: a set of processors is the guest's" {
	[ "$(nproc --all)" -ge 2 ] || skip "one processor"
	limits '{cpu: {cpus: "1"}}'
	args sh -c 'cat /sys/fs/cgroup/cpuset.cpus; grep Cpus_allowed_list /proc/self/status'
	ok run --bundle "$B" "$CT"
	is "$output" "0
Cpus_allowed_list:	0"
}

@test "sizing: a guest that does not take its memory is an error, and goes on" {
	settings 'kernel_params = "memhp_default_state=offline"'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok update --pids-limit 50 "$CT"
	ko 1 update --memory 300m --pids-limit 60 "$CT"
	message "resize the virtual machine: the guest has taken 0 of 384 MiB of additional memory"
	ok exec "$CT" cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max
	is "$output" "max
50"
	is "$(jq .linux.resources.memory.limit "$ROOT/$CT/config.json")" null
	has_status running
}

@test "sizing: what no host has" {
	local mib cpus
	mib=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
	cpus=$(nproc --all)
	refuses "linux.resources.memory.limit: 95367432 MiB are more than the host's $mib MiB" '.linux.resources.memory = {limit: 100000000000000}'
	refuses "linux.resources.hugepageLimits[0]: 95367432 MiB are more than the host's $mib MiB" \
		'.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 100000000000000}]'
	refuses "linux.resources.cpu.cpus: there is no processor 4000: the host's are 0 to $((cpus - 1))" '.linux.resources.cpu = {cpus: "0,4000"}'
	settings 'default_memory = 16000000'
	[ "$mib" -ge 16000000 ] ||
		refuses "default_memory in [hypervisor.qemu]: 16000000 MiB are more than the host's $mib MiB" .
	within 10 nothing_new "$T/host.before"
}
