#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# What matters most in a VM that is booted, as all of them are where templates are off or impossible

load helpers

setup()
{
	begin
	make_bundle
	settings
}

# booted [ID]: its VM was not started from the template, which is there
booted()
{
	grep -q "agent answers" "$ROOT/${1:-$CT}/monitor.log"
	not grep "memory of the template" "$ROOT/${1:-$CT}/monitor.log"
}

@test "cold: run passes stdio and the exit code" {
	script 'cat; echo err >&2; exit 42'
	ko 42 run --bundle "$B" "$CT" <<<"in"
	is "$output" in
	is "$stderr" err
	args /nonexistent
	ko 1 run --bundle "$B" "$CT"
	message 'moat run failed: unable to start container process: exec: "/nonexistent": stat /nonexistent: no such file or directory'
	is "$(entries "$ROOT")" ""
}

@test "cold: create, start, exec, kill, delete" {
	edit '.hostname = "cold"'
	script 'trap "exit 9" TERM; hostname >/hostname; while :; do sleep 0.1; done'
	edit '.root.readonly = false'
	ok create --bundle "$B" --pid-file "$T/pid" "$CT"
	booted
	has_status created
	is "$(cat "$T/pid")" "$(pid_of)"
	[ ! -e "$B/rootfs/hostname" ]
	ok start "$CT"
	within 60 test -s "$B/rootfs/hostname"
	is "$(cat "$B/rootfs/hostname")" cold
	ko 3 exec "$CT" sh -c 'cat; hostname; exit 3' <<<"in"
	is "$output" $'in\ncold'
	ok list -q
	is "$output" "$CT"
	ko 1 delete "$CT"
	ok kill "$CT" TERM
	within 60 has_status stopped
	ok delete "$CT"
	is "$(entries "$ROOT")" ""
}

@test "cold: a terminal" {
	edit '.process.terminal = true'
	script 'tty; read x; echo "<$x>"; exit 5'
	in_terminal "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --bundle "$B" "$CT" <<<typed
	is "$status" 5
	has "$output" /dev/pts/0 "<typed>"
}

@test "cold: bind mounts, each way and read-only" {
	mkdir "$T/rw" "$T/ro"
	echo host >"$T/rw/file"
	echo host >"$T/ro/file"
	bind "$T/rw" /rw
	bind "$T/ro" /ro ro
	script 'cat /rw/file /ro/file; echo guest >/rw/new; echo guest >/ro/new'
	ko 1 run --bundle "$B" "$CT"
	is "$output" $'host\nhost'
	has "$stderr" "Read-only file system"
	is "$(cat "$T/rw/new") $(ls "$T/ro")" "guest file"
}

@test "cold: pause and resume" {
	script 'while :; do echo tick >>/ticks; sleep 0.05; done'
	edit '.root.readonly = false'
	ok run --detach --bundle "$B" "$CT"
	within 60 test -s "$B/rootfs/ticks"
	ok pause "$CT"
	has_status paused
	cp "$B/rootfs/ticks" "$T/ticks"
	sleep 0.5
	cmp "$B/rootfs/ticks" "$T/ticks"
	ok resume "$CT"
	within 60 not cmp -s "$B/rootfs/ticks" "$T/ticks"
	has_status running
}

@test "cold: several at a time" {
	local i pids=()
	args cat /proc/sys/kernel/random/boot_id
	for i in 1 2 3; do
		cli run --bundle "$B" "$CT-$i" >"$T/out.$i" 2>"$T/err.$i" 3>&- &
		pids+=($!)
	done
	for i in 1 2 3; do
		reaped "${pids[i - 1]}"
		is "$status $(cat "$T/err.$i")" "0 "
	done
	is "$(cat "$T"/out.* | sort -u | wc -l)" 3
}

@test "cold: nothing makes a template" {
	rm -rf "$ROOT/@templates"
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok template status -f json
	is "$output" "[]"
	ko 1 template create
	message "templates are switched off: enable_template in [factory]"
	[ ! -e "$ROOT/@templates" ]
}
