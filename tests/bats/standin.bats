#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The pid of `state` and of exec: whoever looks at it or joins it (podman cp and top, docker's network hook, statistics) meets the
# container and never the host; and nothing else holds what the caller gave.

load helpers

setup_file()
{
	export SHARE=$BATS_FILE_TMPDIR/share
	mkdir "$SHARE"
	echo bound >"$SHARE/file"
	shared_container 'while :; do sleep 1000; done' \
		".root.readonly = false | .hostname = \"standin\" | .mounts += [{destination: \"/bound\", type: \"bind\", source: \"$SHARE\", options: [\"bind\", \"ro\"]}]"
}

teardown_file()
{
	shared_delete
}

setup()
{
	share
	PID_=$(pid_of)
}

teardown()
{
	unshare_
}

@test "standin: its mount namespace is the container's" {
	is "$(cat "/proc/$PID_/root/etc/container")" "the file of the container"
	is "$(cat "/proc/$PID_/root/bound/file")" bound
	is "$(cd "/proc/$PID_/root" && echo *)" "bin bound dev etc home lib mnt opt proc root run sbin srv sys tmp usr var"
	# podman cp: a file written there is in the bundle, and nowhere else.
	echo copied >"/proc/$PID_/root/tmp/standin-test"
	is "$(cat "$B/rootfs/tmp/standin-test")" copied
	[ ! -e /tmp/standin-test ]
	ok exec "$CT" cat /tmp/standin-test
	is "$output" copied
	! touch "/proc/$PID_/root/bound/new" || false
	is "$(stat -c "%F %t:%T" "/proc/$PID_/root/dev/null")" "character special file 1:3"
}

@test "standin: nothing of the host is mounted in it" {
	cat "/proc/$PID_/mountinfo" >"$T/mounts"
	cat "$T/mounts"
	# Every mount lies at one of the container's destinations.
	is "$(awk '$5 !~ "^(/|/(proc|sys|dev|bound)(/.*)?)$" { print $5 }' "$T/mounts")" ""
	# And none of them came back to the host.
	! grep "$BATS_FILE_TMPDIR" /proc/self/mountinfo || false
}

@test "standin: namespaces of its own" {
	local ns
	for ns in mnt net uts ipc pid; do
		[ "$(readlink "/proc/$PID_/ns/$ns")" != "$(readlink /proc/self/ns/$ns)" ] || { echo "$ns is the host's"; return 1; }
	done
	is "$(nsenter -t "$PID_" -u hostname)" standin
	is "$(nsenter -t "$PID_" -n ip -o link show | cut -d: -f2)" " lo"
	# podman top: its processes are those that its /proc shows.
	is "$(tr "\0" " " <"/proc/$PID_/root/proc/1/cmdline")" "sh -c while :; do sleep 1000; done "
}

@test "standin: its cgroup" {
	local line seen=0
	while IFS= read -r line; do
		# What is mounted: the path ends with the id.
		[[ $line == */"$CT" ]] && seen=1
	done <"/proc/$PID_/cgroup"
	cat "/proc/$PID_/cgroup"
	[ $seen = 1 ]
	find /sys/fs/cgroup -path "*/$CT/cgroup.procs" -exec grep -lx "$PID_" {} +
}

@test "standin: what ps shows" {
	is "$(tr '\0' ' ' <"/proc/$PID_/cmdline")" "sh -c while :; do sleep 1000; done "
	is "$(readlink "/proc/$PID_/cwd")" /
}

@test "standin: an exec's is in the same namespaces, below its own command line" {
	ok exec --detach --pid-file "$T/pid" "$CT" sleep 1007
	local pid ns
	pid=$(cat "$T/pid")
	is "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "sleep 1007 "
	for ns in mnt net uts ipc; do
		is "$ns $(readlink "/proc/$pid/ns/$ns")" "$ns $(readlink "/proc/$PID_/ns/$ns")"
	done
	is "$(cat "/proc/$pid/root/etc/container")" "the file of the container"
	is "$(grep -v '^0:' "/proc/$pid/cgroup")" "$(grep -v '^0:' "/proc/$PID_/cgroup")"
	kill -TERM "$pid"
	within 60 gone "$pid"
}

@test "standin: no descriptor of the caller is kept by anybody else" {
	own
	mkfifo "$T/in" "$T/out" "$T/err" "$T/extra"
	local fd
	for fd in in out err extra; do
		eval "exec {$fd}<>\"$T/$fd\""
	done
	# shellcheck disable=SC2154
	cli create --bundle "$B" --pid-file "$T/pid" "$CT" <&"$in" >&"$out" 2>&"$err" 9<&"$extra" &
	reaped $!
	[ "$status" = 0 ]
	for fd in in out err extra; do
		eval "exec {$fd}>&-"
	done
	holders "$T" >"$T/holders"
	cat "$T/holders"
	is "$(awk '{ print $1 }' "$T/holders" | sort -u)" "$(cat "$T/pid")"
	is "$(awk '{ print $2 }' "$T/holders" | sort)" "$T/err
$T/in
$T/out"
}

# own: a container for this test alone
own()
{
	ROOT=$T/root CT=$SUITE-$BATS_SUITE_TEST_NUMBER
	make_bundle
	args sleep 1000
}

# holders DIR: "PID FILE" for each process that has a file of DIR open
holders()
{
	find /proc -maxdepth 3 -path '/proc/[0-9]*/fd/*' -lname "$1/*" -printf '%h %l\n' 2>/dev/null | sed 's,^/proc/\([0-9]*\)/fd,\1,' |
		grep -v " $1/\(root\|stdout\|stderr\|holders\)" | sort -u
}

@test "standin: a reader of the output gets its end when the program has ended" {
	own
	script 'echo last words'
	cli create --bundle "$B" "$CT" >"$T/output" 2>&1
	[ "$(cat "$T/output")" = "" ]
	ok delete "$CT"
	mkfifo "$T/fifo"
	background cat "$T/fifo" >"$T/output"
	local reader=$PID
	cli create --bundle "$B" "$CT" >"$T/fifo" 2>&1 &
	reaped $!
	[ "$status" = 0 ]
	ok start "$CT"
	reaped "$reader"
	is "$(cat "$T/output")" "last words"
	# It is still there: the pipe was not kept until delete.
	ok state "$CT"
}

@test "standin: start, kill, state, exec -d and delete keep nothing open" {
	own
	mkfifo "$T/fifo"
	ok create --bundle "$B" "$CT"
	local command
	for command in "start $CT" "state $CT" "list" "kill $CT 0" "exec $CT true" "delete --force $CT"; do
		background cat "$T/fifo" >"$T/output"
		# shellcheck disable=SC2086
		cli $command >"$T/fifo" 2>&1
		reaped "$PID"
		is "$status" 0
	done
}

@test "standin: SIGTERM of the pid arrives in the container" {
	own
	script 'trap "exit 9" TERM; touch /tmp/ready; while :; do sleep 0.1; done'
	edit '.root.readonly = false'
	ok run --detach --bundle "$B" --pid-file "$T/pid" "$CT"
	within 60 test -e "$B/rootfs/tmp/ready"
	kill -TERM "$(cat "$T/pid")"
	within 60 gone "$(cat "$T/pid")"
	within 60 has_status stopped
}

@test "standin: SIGKILL of the pid ends the container" {
	own
	ok run --detach --bundle "$B" --pid-file "$T/pid" "$CT"
	kill -KILL "$(cat "$T/pid")"
	within 60 has_status stopped
	ok delete "$CT"
}
