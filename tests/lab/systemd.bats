#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# --systemd-cgroup where systemd is PID 1 (run.sh boots the lab by it for this file) and has cgroup v2 to itself.
# bats file_tags=moat

load ../bats/helpers
load ../bats/netns
load ../bats/pod

setup()
{
	begin
	make_bundle
	OPTIONS+=(--systemd-cgroup)
	SCOPE=moat-$CT.scope
	SLICE=$SUITE.slice
	args sleep 1000
}

teardown()
{
	systemctl start dbus.socket dbus.service
	finish
	systemctl stop "$SLICE"
}

# in_slice: the container's scope is in a slice of its own; sets DIR
in_slice()
{
	edit '.linux.cgroupsPath = $ARGS.positional[0]' --args -- "$SLICE:moat:$CT"
	DIR=/sys/fs/cgroup/$SLICE/$SCOPE
}

# properties NAME...: their values, without the names
properties()
{
	local name
	for name; do
		systemctl show "$SCOPE" --property "$name" --value
	done
}

active()
{
	[ "$(properties ActiveState)" = active ]
}

no_scope()
{
	[ "$(properties LoadState)" = not-found ] && [ -z "$(find /sys/fs/cgroup -name "$SCOPE")" ]
}

# files NAME...: of the cgroup
files()
{
	(cd "$DIR" && cat "$@")
}

# of_vm: pids of what the container has on the host
of_vm()
{
	local monitor
	monitor=$(jq .monitor.pid "$ROOT/$CT/state.json")
	{
		echo "$monitor"
		pid_of
		watchers
		children "$monitor"
	} | sort -n
}

# children PID: and theirs
children()
{
	local pid
	for pid in $(pgrep -P "$1"); do
		echo "$pid"
		children "$pid"
	done
}

@test "systemd: the cgroup is a scope whose properties are the limits; it goes with the container" {
	in_slice
	limits '{cpu: {shares: 512, quota: 33333, period: 100000, cpus: "0"}, memory: {limit: 67108864, swap: 67108864,
		reservation: 33554432}, pids: {limit: 50}, blockIO: {weight: 200}}'
	ok create --bundle "$B" "$CT"
	is "$stderr" ""
	is "$(properties ActiveState Slice Delegate ControlGroup)" $'active\n'"$SLICE"$'\nyes\n'"${DIR#/sys/fs/cgroup}"
	# QEMU, virtiofsd, monitor, stand-in and, once it is started, its watcher, and nobody else
	is "$(sort -n "$DIR/cgroup.procs")" "$(of_vm)"
	local names=(MemoryMax MemoryLow MemorySwapMax CPUWeight CPUQuotaPerSecUSec CPUQuotaPeriodUSec TasksMax AllowedCPUs IOWeight)
	local known=(memory.max memory.low memory.swap.max cpu.weight cpu.max pids.max cpuset.cpus io.weight) wanted have
	# The quota in whole percent, as systemd writes it down
	wanted=$'671088640\n33554432\n0\n20\n590ms\n100ms\n562\n0\n1920'
	have=$'671088640\n33554432\n0\n20\n59000 100000\n562\n0\ndefault 1920'
	is "$(properties "${names[@]}")" "$wanted"
	is "$(files "${known[@]}")" "$have"
	ok start "$CT"
	# What systemd writes again is the same.
	systemctl daemon-reload
	is "$(properties "${names[@]}")" "$wanted"
	is "$(files "${known[@]}")" "$have"
	# The option is not needed any more: the delete of a shim that died does not have it.
	set_options
	ok update --memory 300m --memory-swap 300m --pids-limit -1 --cpu-quota -1 "$CT"
	is "$stderr" ""
	is "$(properties MemoryMax TasksMax CPUQuotaPerSecUSec)" $'939524096\ninfinity\ninfinity'
	systemctl daemon-reexec
	is "$(properties ActiveState MemoryMax CPUWeight)" $'active\n939524096\n20'
	is "$(files memory.max pids.max cpu.max cpu.weight)" $'939524096\nmax\nmax 100000\n20'
	is "$(sort -n "$DIR/cgroup.procs")" "$(of_vm)"
	ok exec "$CT" cat /etc/container
	is "$output" "the file of the container"
	# The last process takes the scope with it, and there is nothing left for delete.
	ok kill "$CT" KILL
	within 60 no_scope
	ok delete "$CT"
	is "$stderr" ""
}

# bats test_tags=long
@test "systemd: what fails or is killed leaves no scope; names in use, and no bus" {
	# Without a path it is system.slice.
	DIR=/sys/fs/cgroup/system.slice/$SCOPE
	edit '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", $ARGS.positional[0]]}]' --args -- "touch $T/there; exec sleep 1000"
	background cli create --bundle "$B" "$CT"
	within 300 test -e "$T/there"
	active
	is "$(properties Slice)" system.slice
	kill -KILL "$PID"
	reaped "$PID"
	set_options
	ok delete --force "$CT"
	is "$stderr" ""
	no_scope
	# One that fails by itself
	OPTIONS+=(--systemd-cgroup)
	edit '.hooks.createRuntime[0].args[2] = "exit 3"'
	ko 1 create --bundle "$B" "$CT"
	no_scope
	edit 'del(.hooks)'
	# The name is somebody else's.
	background systemd-run --quiet --scope --unit="$SCOPE" sleep 1000
	within 60 active
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: --systemd-cgroup: unit $SCOPE: StartTransientUnit: org.freedesktop.systemd1.UnitExists: Unit $SCOPE was already loaded or has a fragment file."
	active
	is "$(wc -l <"$DIR/cgroup.procs")" 1
	systemctl stop "$SCOPE"
	# Nobody to ask: one that runs can be deleted all the same.
	ok run --detach --bundle "$B" "$CT"
	systemctl stop dbus.socket dbus.service
	ko 1 create --bundle "$B" "$CT-2"
	message "moat create failed: --systemd-cgroup: unit moat-$CT-2.scope: connect to the system bus /run/dbus/system_bus_socket: connection refused"
	ok delete --force "$CT"
	has "$stderr" "level=warning" "stop unit $SCOPE: connect to the system bus"
	within 60 no_scope
}

# bats test_tags=long
@test "systemd: a pod: each container has a scope of its own, the sandbox's has no limit while others are in its VM; stopped by systemd" {
	in_slice
	mkdir "$T/data"
	bind "$T/data" /data
	script 'trap "echo ended >/data/file; exit" TERM; touch /data/there; while :; do sleep 1; done'
	limits '{memory: {limit: 67108864}}'
	ok run --detach --bundle "$B" "$CT"
	is "$(properties MemoryMax)" 671088640
	within 60 test -e "$T/data/there"
	sandbox=$CT
	edit '.linux.cgroupsPath = $ARGS.positional[0]' --args -- "$SLICE:moat:$CT-2"
	joins "$sandbox"
	ok run --detach --bundle "$B" "$CT-2"
	is "$(properties MemoryMax)" infinity
	is "$(systemctl show "moat-$CT-2.scope" --property ActiveState --value)" active
	is "$(xargs -I{} cat /proc/{}/comm <"/sys/fs/cgroup/$SLICE/moat-$CT-2.scope/cgroup.procs" | sort)" $'moat-standin\nmoat-watch'
	ok delete --force "$CT-2"
	is "$(systemctl show "moat-$CT-2.scope" --property LoadState --value)" not-found
	active
	# The container gets SIGTERM, and its VM waits for what it does about it.
	systemctl stop "$SCOPE"
	is "$(cat "$T/data/file")" ended
	has_status stopped
	ok delete "$CT"
	no_scope
}

# bats test_tags=long
@test "systemd: podman run, with its own choice of systemd" {
	local pod=(podman --root "$T/storage" --runroot "$T/run" --events-backend file --runtime "$BIN" --runtime-flag "config=$CONFIG")
	tar -C "$BASE/rootfs" -cf "$T/image.tar" .
	try "${pod[@]}" import "$T/image.tar" busybox
	[ "$status" = 0 ]
	is "$(podman --root "$T/storage" --runroot "$T/run" info --format '{{.Host.CgroupManager}} {{.Host.CgroupsVersion}}')" "systemd v2"
	try "${pod[@]}" run --detach --name one --log-driver k8s-file --network none --memory 64m --pids-limit 50 busybox sleep 1000
	[ "$status" = 0 ]
	SCOPE=libpod-$("${pod[@]}" inspect --format '{{.Id}}' one).scope
	is "$(properties ActiveState Slice MemoryMax TasksMax)" $'active\nmachine.slice\n671088640\n562'
	systemctl daemon-reload
	is "$(cat "/sys/fs/cgroup/machine.slice/$SCOPE/memory.max")" 671088640
	try "${pod[@]}" exec one cat /etc/container
	is "$output" "the file of the container"
	try "${pod[@]}" rm --force --time 0 one
	[ "$status" = 0 ]
	within 60 no_scope
	try "${pod[@]}" run --rm --log-driver k8s-file --network none busybox cat /etc/container
	is "$output" "the file of the container"
	try "${pod[@]}" system reset --force
}

# bats test_tags=long
@test "systemd: docker, told to use systemd" {
	# The name of a socket is short.
	local run
	run=$(mktemp -d)
	export DOCKER_HOST=unix://$run/socket
	give_templates "$T/factory"
	{
		cat "$CONFIG"
		printf '[factory]\ntemplate_path = "%s"\n' "$T/factory"
	} >"$T/configuration.toml"
	printf '#!/bin/sh\nexec %s --config %s/configuration.toml "$@"\n' "$BIN" "$T" >"$T/moat"
	chmod 755 "$T/moat"
	background dockerd --data-root "$T/data" --exec-root "$run/exec" --pidfile "$run/pid" --host "$DOCKER_HOST" --storage-driver vfs \
		--bridge none --iptables=false --add-runtime "moat=$T/moat" --default-runtime moat --exec-opt native.cgroupdriver=systemd
	within 200 docker version
	is "$(docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}')" "systemd 2"
	tar -C "$BASE/rootfs" -c . | docker import - busybox
	try docker run --detach --name one --network none --memory 64m --pids-limit 50 busybox sleep 1000
	[ "$status" = 0 ]
	SCOPE=docker-$(docker inspect --format '{{.Id}}' one).scope
	is "$(properties ActiveState Slice MemoryMax TasksMax)" $'active\nsystem.slice\n671088640\n562'
	try docker update --memory 300m --memory-swap 300m one
	[ "$status" = 0 ]
	systemctl daemon-reload
	is "$(properties MemoryMax)" 939524096
	is "$(cat "/sys/fs/cgroup/system.slice/$SCOPE/memory.max")" 939524096
	try docker exec one cat /etc/container
	is "$output" "the file of the container"
	try docker rm --force one
	[ "$status" = 0 ]
	within 60 no_scope
	kill "$PID"
	reaped "$PID"
	rm -r "$run"
}
