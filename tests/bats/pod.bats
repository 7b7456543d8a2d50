#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pods: containers that join the virtual machine of a sandbox, as CRI's annotations or namespaces by path say.
# bats file_tags=moat

load helpers
load pod

@test "pod: what is shared, and what is not" {
	sandbox
	member a
	member_bundle b
	share_ns pid
	ok run --detach --bundle "$B" b
	# one VM
	is "$(jq .monitor.pid "$ROOT/a/state.json" "$ROOT/b/state.json" | sort -u)" "$MONITOR"
	is "$(jq -r .sandbox "$ROOT/a/state.json")" "$SB"
	is "$(cli exec a hostname) $(cli exec b hostname)" "podhost podhost"
	local type
	for type in ipc uts net; do
		is "$(in_guest a $type)" "$(in_guest "$SB" $type)"
		is "$(in_guest b $type)" "$(in_guest "$SB" $type)"
		is "$(readlink "/proc/$(pid_of a)/ns/$type")" "$(readlink "/proc/$(pid_of "$SB")/ns/$type")"
	done
	[ "$(in_guest a pid)" != "$(in_guest "$SB" pid)" ]
	is "$(in_guest b pid)" "$(in_guest "$SB" pid)"
	is "$(readlink "/proc/$(pid_of b)/ns/pid")" "$(readlink "/proc/$(pid_of "$SB")/ns/pid")"
	[ "$(in_guest a mnt)" != "$(in_guest b mnt)" ]
	# loopback
	background cli exec a sh -c 'echo over the loopback | nc -l -p 4000'
	within 20 eval '[ "$(cli exec b nc 127.0.0.1 4000 </dev/null)" = "over the loopback" ]'
	# /dev/shm: the memory is the same, of the size that the caller's has, and not the host's
	ok exec a sh -c 'echo of a >/dev/shm/file'
	is "$(cli exec b cat /dev/shm/file) $(cli exec "$SB" cat /dev/shm/file)" "of a of a"
	has "$(cli exec b df -k /dev/shm)" " 1024 "
	is "$(ls -A "$SHM")" ""
	# files are each one's own
	ok exec a sh -c 'echo of a >/file'
	ko 1 exec b cat /file
}

@test "pod: every verb is one container's" {
	sandbox
	member_bundle a
	share_ns pid
	script 'trap "echo usr1 >/got" USR1; while :; do sleep 0.1; done'
	ok run --detach --bundle "$B" a
	member b
	is "$(cli list --quiet | sort | tr '\n' ' ')" "$(printf '%s\n' a b "$SB" | sort | tr '\n' ' ')"
	is "$(cli state a | jq -r .annotations.\"io.kubernetes.cri.sandbox-id\")" "$SB"
	# ps: of the container, although the sandbox sees them all
	ok ps a
	has "$output" "trap"
	lacks "$output" "sleep 1000"
	is "$(cli ps --format json a)" "[$(pid_of a)]"
	has "$(cli exec "$SB" ps)" trap
	# kill, and kill --all in a pid namespace that others have processes in
	ok kill a USR1
	within 20 cli exec a test -e /got
	ok exec --detach a sleep 77
	ok kill --all a KILL
	within 20 has_status stopped a
	within 20 not eval 'cli exec "$SB" ps | grep -q "sleep 77"'
	has_status running b
	has_status running "$SB"
	ok kill --all a KILL
	# pause, resume, update, events
	ok pause b
	has_status paused b
	ok exec "$SB" true
	ko 255 exec b true
	ok resume b
	ok exec b true
	ok update --pids-limit 77 b
	ok events --stats b
	is "$(jq .data.pids.limit <<<"$output")" 77
	is "$(cli events --stats "$SB" | jq .data.pids.limit)" null
}

@test "pod: a container ends and comes back, the rest goes on" {
	sandbox
	member_bundle a
	script 'cat /dev/shm/count; echo x >>/dev/shm/count; echo $$ >/mine; exit 3'
	ko 3 run --bundle "$B" a
	[ ! -e "$ROOT/a" ]
	nothing_of a
	# the same id, another root file system: nothing of the first is remembered
	rm "$B/rootfs/mine"
	mv "$B/rootfs" "$B/old"
	cp -al "$BASE/rootfs" "$B/rootfs"
	ko 3 run --bundle "$B" a
	is "$output" x
	[ -e "$B/rootfs/mine" ] && [ ! -e "$B/old/mine" ]
	# created, never started
	ok create --bundle "$B" a
	ok delete a
	nothing_of a
	ok run --keep --detach --bundle "$B" a
	within 20 has_status stopped a
	is "$(cli exec "$SB" cat /dev/shm/count)" $'x\nx\nx'
	ok delete a
	nothing_of a
	has_status running "$SB"
}

@test "pod: it ends with the sandbox, whatever the order of deletion" {
	sandbox
	member a
	member b
	local pid
	pid=$(pid_of a)
	background cli exec b sh -c 'touch /up; sleep 1000'
	within 20 test -e "$T/bundle-b/rootfs/up"
	ok kill "$SB" KILL
	within 20 has_status stopped "$SB"
	within 20 has_status stopped a
	within 20 has_status stopped b
	reaped "$PID"
	is "$status" 137
	within 20 gone "$MONITOR"
	gone "$pid"
	ko 255 exec a true
	has "$stderr" "cannot exec in a stopped container"
	ok delete "$SB"
	ok delete a
	ok delete b

	# the sandbox is deleted first, with the others in it
	sandbox
	member a
	ok delete --force "$SB"
	[ ! -e "$ROOT/$SB" ]
	has_status stopped a
	# one with its name is another one
	sandbox
	has_status stopped a
	ok delete a
	has_status running "$SB"

	# the sandbox's monitor dies
	member a
	kill -KILL "$MONITOR"
	within 20 has_status stopped a
	within 20 has_status stopped "$SB"
	ok delete a
	ok delete --force "$SB"
}

@test "pod: namespaces by path alone, as podman has them" {
	bundle "$SB"
	shm
	ok run --detach --bundle "$B" "$SB"
	MONITOR=$(jq .monitor.pid "$ROOT/$SB/state.json")
	# a second one in the network of the first
	bundle a
	share_ns net
	annotate io.container.manager libpod
	annotate io.kubernetes.cri-o.ContainerType container
	annotate io.kubernetes.cri-o.SandboxID no-such
	ok run --detach --bundle "$B" a
	is "$(jq -r .sandbox "$ROOT/a/state.json")" "$SB"
	is "$(in_guest a net)" "$(in_guest "$SB" net)"
	[ "$(in_guest a ipc)" != "$(in_guest "$SB" ipc)" ]
	# a third one finds the VM through the second, by a path that is not in /proc
	touch "$T/ns"
	mount --bind "/proc/$(pid_of a)/ns/ipc" "$T/ns"
	bundle b
	share_ns "ipc=$T/ns"
	ok run --detach --bundle "$B" b
	umount "$T/ns"
	is "$(jq -r .sandbox "$ROOT/b/state.json")" "$SB"
	is "$(in_guest b ipc)" "$(in_guest a ipc)"
	# whose network is its own: it has none but loopback
	[ "$(in_guest b net)" != "$(in_guest a net)" ]
	is "$(cli exec b ls /sys/class/net)" lo
	has "$(cli exec b ip link show lo)" "LOOPBACK,UP"
	# two virtual machines cannot be joined
	bundle other
	ok run --detach --bundle "$B" other
	bundle c
	share_ns net
	share_ns "uts=/proc/$(pid_of other)/ns/uts"
	ko 1 run --bundle "$B" c
	has "$stderr" "they are in different virtual machines" "'$SB'" "'other'" "linux.namespaces"
	[ ! -e "$ROOT/c" ]
}

# refused WORD...: create fails with one message that has all of them, and nothing is left
refused()
{
	ko 1 create --bundle "$B" bad
	is "$(grep -c level=error <<<"$stderr")" 1
	has "$stderr" "$@"
	[ ! -e "$ROOT/bad" ]
	[ ! -e "/proc/$MONITOR/root/share/bad" ]
}

@test "pod: what cannot be joined is refused, and the pod is unharmed" {
	sandbox
	member a
	# annotations
	bundle bad
	annotate io.kubernetes.cri.container-type pod
	refused 'annotation io.kubernetes.cri.container-type: \"pod\"'
	annotate io.kubernetes.cri.container-type container
	refused "annotation io.kubernetes.cri.sandbox-id is required"
	annotate io.kubernetes.cri.sandbox-id no-such
	refused "cannot join sandbox 'no-such' of annotation io.kubernetes.cri.sandbox-id" "no such container"
	annotate io.kubernetes.cri.sandbox-id a
	refused "cannot join sandbox 'a'" "has joined another one itself"
	# another one's id
	annotate io.kubernetes.cri.sandbox-id "$SB"
	ko 1 create --bundle "$B" a
	has "$stderr" "already exists"
	# devices
	edit '.linux.devices = [{type: "b", path: "/dev/disk", major: 7, minor: 4095}]'
	refused "linux.devices[0]" "7:4095"
	edit '.linux.devices = []'
	# the group in which the virtual machine is
	edit '.linux.cgroupsPath = $ARGS.positional[0]' --args "$SB"
	refused "linux.cgroupsPath" "is not empty"
	edit 'del(.linux.cgroupsPath)'
	# what is found out late
	args /no/such
	refused "exec: \\\"/no/such\\\": stat /no/such: no such file or directory"
	nothing_of bad
	args true
	edit '.hooks = {createRuntime: [{path: "/bin/false"}]}'
	refused "createRuntime hook"
	nothing_of bad
	edit 'del(.hooks)'
	# while it is being created
	bundle slow
	annotate io.kubernetes.cri.container-type sandbox
	edit --arg gate "$T/gate" '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "until [ -e \($gate) ]; do sleep 0.1; done"]}]}'
	background cli create --bundle "$B" slow
	within 20 eval '[ "$(status_of slow)" = creating ]'
	B=$T/bundle-bad
	annotate io.kubernetes.cri.sandbox-id slow
	refused "cannot join sandbox 'slow'" "still being created"
	touch "$T/gate"
	reaped "$PID"
	is "$status" 0
	# when it has ended
	ok kill slow KILL
	within 20 has_status stopped slow
	refused "cannot join sandbox 'slow'" "has ended"
	ok exec a true
	has_status running "$SB"
}

@test "pod: a create that is killed leaves nothing that delete --force does not clear" {
	sandbox
	member a
	local gate=$T/gate hook
	for hook in createRuntime createContainer; do
		member_bundle b
		edit --arg gate "$gate" --arg hook $hook '.hooks = {($hook): [{path: "/bin/sh", args: ["sh", "-c", "touch \($gate); exec sleep 1000"]}]}'
		rm -f "$gate"
		background cli create --bundle "$B" b
		within 20 test -e "$gate"
		has_status creating b
		ko 1 delete b
		has "$stderr" "creating"
		kill -KILL "$PID"
		reaped "$PID"
		within 20 has_status stopped b
		ok delete --force b
		[ ! -e "$ROOT/b" ]
		nothing_of b
	done
	# one that hangs is ended by delete itself
	rm "$gate"
	background cli create --bundle "$B" b
	within 20 test -e "$gate"
	ok delete --force b
	reaped "$PID"
	[ ! -e "$ROOT/b" ]
	nothing_of b
	# with a record that cannot be read, too
	member b
	echo broken >"$ROOT/b/state.json"
	ok delete --force b
	is "$(cli exec "$SB" ps | grep -c sleep)" 1
	member b
	ok exec a true
	ok exec b true
}

@test "pod: a disk is plugged in for one container, and taken out with it" {
	sandbox
	head -c 4M /dev/urandom >"$T/disk.img"
	LOOP=$(losetup -f --show "$T/disk.img")
	local round
	for round in 1 2; do
		member_bundle a
		edit '.linux.devices = [{type: "b", path: "/dev/xvda", major: 7, minor: ($minor | tonumber)}]' --arg minor "${LOOP#/dev/loop}"
		ok run --detach --bundle "$B" a
		is "$(cli exec a sha256sum /dev/xvda | cut -d' ' -f1)" "$(sha256sum <"$T/disk.img" | cut -d' ' -f1)"
		[ "$(plugged)" -gt 0 ]
		ko 1 exec "$SB" ls /dev/xvda
		ok delete --force a
		is "$(plugged)" 0
	done
	# a create that fails, and one that is killed, with the disk in the machine
	args /no/such
	ko 1 create --bundle "$B" a
	is "$(plugged)" 0
	args sleep 1000
	edit --arg gate "$T/gate" '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "touch \($gate); exec sleep 1000"]}]}'
	background cli create --bundle "$B" a
	within 20 test -e "$T/gate"
	[ "$(plugged)" -gt 0 ]
	kill -KILL "$PID"
	reaped "$PID"
	ok delete --force a
	is "$(plugged)" 0
	losetup -d "$LOOP"
	ok exec "$SB" true
}

@test "pod: a container with a network of its own in the sandbox's machine" {
	bundle "$SB"
	ok run --detach --bundle "$B" "$SB"
	local ns=moat-pod-$$ host=mtp$BATS_TEST_NUMBER before
	ip netns add "$ns"
	ip link add "$host" type veth peer name eth0 netns "$ns"
	ip addr add 10.98.1.1/24 dev "$host"
	ip link set "$host" up
	ip -n "$ns" addr add 10.98.1.2/24 dev eth0
	ip -n "$ns" link set eth0 up
	before=$(ip netns exec "$ns" tc qdisc)
	bundle a
	share_ns "net=/run/netns/$ns"
	share_ns pid
	edit '.process.capabilities |= map_values(. + ["CAP_NET_RAW"])'
	ok run --detach --bundle "$B" a
	is "$(in_guest a pid)" "$(in_guest "$SB" pid)"
	is "$(cli exec a ls /sys/class/net | tr '\n' ' ')" "eth0 lo "
	is "$(cli exec "$SB" ls /sys/class/net)" lo
	ok exec a ping -c 1 -W 5 10.98.1.1
	ok delete --force a
	is "$(ip netns exec "$ns" tc qdisc)" "$before"
	is "$(cli exec "$SB" ls /sys/class/net)" lo
	# it comes between create and start
	bundle b
	share_ns pid
	edit '.process.capabilities |= map_values(. + ["CAP_NET_RAW"])'
	cli create --bundle "$B" b >"$T/out" 2>&1 </dev/null
	ip link set "$host" down
	ip -n "$ns" link set eth0 netns "$(pid_of b)"
	ip link set "$host" up
	nsenter -n -t "$(pid_of b)" ip addr add 10.98.1.3/24 dev eth0
	nsenter -n -t "$(pid_of b)" ip link set eth0 up
	ok start b
	ok exec b ping -c 1 -W 5 10.98.1.1
	ok delete --force b
	ip netns del "$ns"
	within 10 test ! -e "/sys/class/net/$host"
}

@test "pod: many join at once, and some while the sandbox goes" {
	sandbox
	local n pids=()
	for n in 1 2 3 4; do
		member_bundle "m$n"
		background cli run --detach --bundle "$B" "m$n"
		pids+=("$PID")
	done
	for n in "${pids[@]}"; do
		reaped "$n"
		is "$status" 0
	done
	for n in 1 2 3 4; do
		is "$(cli exec "m$n" hostname)" podhost
	done
	for n in 5 6 7; do
		member_bundle "m$n"
		background cli run --detach --bundle "$B" "m$n"
		pids[n]=$PID
	done
	ok delete --force "$SB"
	# each has either come in time, and ended with the others, or says why not
	for n in 5 6 7; do
		reaped "${pids[n]}"
		[ "$status" = 0 ] || [ "$status" = 1 ]
		[ "$status" = 0 ] || [ ! -e "$ROOT/m$n" ]
	done
	for n in "$ROOT"/m*; do
		has_status stopped "${n##*/}"
		ok delete "${n##*/}"
	done
}
