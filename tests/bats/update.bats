#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# update: limits of a running container, read from inside; what it says when it cannot.

load helpers

setup_file()
{
	shared_container 'exec sleep 1000' '.linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}])'
}

setup()
{
	share
}

teardown()
{
	unshare_
}

teardown_file()
{
	shared_delete
}

# limit FILE VALUE: of the container's cgroup, in the guest
limit()
{
	ok exec "$CT" cat "/sys/fs/cgroup/$1"
	is "$output" "$2"
}

# bats test_tags=moat
@test "update: single values are set in the guest" {
	ok update --memory 64m --memory-swap 128m --memory-reservation 32M --pids-limit 50 --cpu-share 1024 --cpu-period 200000 \
		--cpu-quota 50000 --cpu-burst 10000 --cpuset-cpus 0 --cpuset-mems=0 --blkio-weight 500 "$CT"
	is "$output$stderr" ""
	limit memory.max 67108864
	limit memory.swap.max 67108864
	limit memory.low 33554432
	limit pids.max 50
	limit cpu.weight 39
	limit cpu.max "50000 200000"
	limit cpu.max.burst 10000
	limit cpuset.cpus 0
	limit cpuset.mems 0
	limit io.weight "default 4950"
	ok update --cpu-idle 1 "$CT"
	limit cpu.idle 1
	ok update --cpu-idle 0 --cpu-burst 0 --memory -1 --pids-limit -1 --cpu-quota -1 "$CT"
	limit cpu.idle 0
	limit memory.max max
	limit memory.swap.max max
	limit pids.max max
	limit cpu.max "max 200000"
}

# bats test_tags=moat
@test "update: what is not given keeps its value, from the last update too" {
	ok update --cpu-period 100000 --cpu-quota 60000 --memory 100m --memory-swap 200m "$CT"
	ok update --cpu-quota 70000 "$CT"
	limit cpu.max "70000 100000"
	ok update --cpu-period 150000 "$CT"
	limit cpu.max "70000 150000"
	ok update --memory-swap 300m "$CT"
	limit memory.max 104857600
	limit memory.swap.max 209715200
	ok update "$CT"
	limit cpu.max "70000 150000"
	is "$(jq -c '.linux.resources | [.cpu.quota, .cpu.period, .memory.limit, .memory.swap]' "$ROOT/$CT/config.json")" \
		"[70000,150000,104857600,314572800]"
}

# bats test_tags=moat
@test "update: a document from a file and from standard input" {
	# As docker sends it: zeros for what stays.
	ok update --pids-limit 77 "$CT"
	status=0
	echo '{"memory":{"limit":134217728,"reservation":0,"swap":268435456,"kernel":0},"cpu":{"shares":0,"quota":50000,"period":100000},
		"pids":{"limit":0},"blockIO":{"weight":0}}' | cli update --resources - "$CT" || status=$?
	is "$status" 0
	limit memory.max 134217728
	limit memory.swap.max 134217728
	limit cpu.max "50000 100000"
	limit pids.max 77
	# As podman does it; and the whole of what CRI sends, devices too.
	echo '{"devices":[{"allow":false,"access":"rwm"}],"cpu":{"shares":2048,"cpus":"0"},"unified":{"memory.high":"90000000"}}' >"$T/res.json"
	ok update "--resources=$T/res.json" "$CT"
	limit cpu.weight 79
	limit memory.high 89997312
	ok exec "$CT" sh -c 'echo >/dev/null'
	echo '{"pids":{"limit":60}}' >"$T/res.json"
	ok update -r "$T/res.json" "$CT"
	limit pids.max 60
	ok update --resources <(echo '{"pids":{"limit":61}}') "$CT" </dev/null
}

@test "update: documents that are none" {
	ko 1 update --resources "$T/nonexistent" "$CT"
	has "$stderr" "open $T/nonexistent: no such file or directory"
	ko 1 update --resources /dev/null "$CT"
	has "$stderr" EOF
	echo '{"memory":{"limit":"x"}}' >"$T/res.json"
	ko 1 update --resources "$T/res.json" "$CT"
	has "$stderr" memory limit
	echo '{"memory":' >"$T/res.json"
	ko 1 update --resources "$T/res.json" "$CT"
	echo '[]' >"$T/res.json"
	ko 1 update --resources "$T/res.json" "$CT"
}

@test "update: values that are none" {
	ko 1 update --memory 100x "$CT"
	message "invalid value for memory: invalid size: '100x'"
	ko 1 update --cpu-quota abc "$CT"
	has "$stderr" "invalid value for cpu-quota"
	ko 1 update --cpu-period -1 "$CT"
	has "$stderr" "invalid value for cpu-period"
	ko 1 update --blkio-weight 5x "$CT"
	ko 1 update --pids-limit x "$CT"
	has "$stderr" pids-limit
	ko 1 update --cpuset-cpus 900 "$CT"
	[ "$RUNTIME" != moat ] || has "$stderr" "resources.cpu.cpus: there is no processor 900: the host's are 0 to "
	ko 1 update --no-such-option 1 "$CT"
	ko 1 update
}

# bats test_tags=moat
@test "update: what the guest refuses names the field, and the rest is put back" {
	ok update --pids-limit 40 --memory 80m "$CT"
	ko 1 update --pids-limit 45 --cpuset-mems 900 "$CT"
	message 'resources.cpu.mems: failed to write "900" to cpuset.mems of the guest: invalid argument'
	limit pids.max 40
	is "$(jq -c '.linux.resources.pids.limit' "$ROOT/$CT/config.json")" 40
	ko 1 update --memory-swap 1m "$CT"
	message "resources.memory.swap: memory+swap limit should be >= memory limit"
	limit memory.max 83886080
	echo '{"memory":{"limit":4096,"checkBeforeUpdate":true}}' >"$T/res.json"
	ko 1 update -r "$T/res.json" "$CT"
	has "$stderr" "rejecting memory limit 4096 <= usage"
	limit memory.max 83886080
}

# bats test_tags=moat
@test "update: what has no effect is said" {
	ok update --kernel-memory 10m --kernel-memory-tcp 10m "$CT"
	has "$stderr" "Kernel memory settings are ignored and will be removed"
	ok update --cpu-rt-period 1000 --cpu-rt-runtime 500 "$CT"
	has "$stderr" "linux.resources.cpu.realtimePeriod has no effect" "linux.resources.cpu.realtimeRuntime has no effect"
	ko 1 update --l3-cache-schema x "$CT"
	has "$stderr" "no Intel RDT"
	ko 1 update --mem-bw-schema x "$CT"
	has "$stderr" "no Intel RDT"
}

@test "update: containers in every state" {
	ROOT=$T/root CT=$CT-own
	make_bundle
	args sleep 1000
	ko 1 update --memory 100m "$CT"
	message "container does not exist"
	ok create --bundle "$B" "$CT"
	ok update --pids-limit 30 "$CT"
	ok start "$CT"
	ok pause "$CT"
	ok update --pids-limit 31 "$CT"
	has_status paused
	ok resume "$CT"
	ok kill "$CT" KILL
	within 60 has_status stopped
	ko 1 update --memory 100m "$CT"
	message "container not running"
}
