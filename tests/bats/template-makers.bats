#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# Who makes a template, and where: races, makers that are killed, directories that are full or cannot be written to

load helpers
load template

@test "template: of three makers one makes it" {
	local i pids=() made=0
	for i in 0 1 2; do
		cli template create >"$T/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in 0 1 2; do
		reaped "${pids[i]}"
		cat "$T/out.$i"
		case $status in
		0) made=$((made + 1)) ;;
		*) grep -q "the template is being made by another command" "$T/out.$i" ;;
		esac
	done
	is $made 1
	is "$(states)" ready
}

@test "template: remove while it is made" {
	background cli template create >"$T/out" 2>&1
	within 20 claimed monitor.log
	states_are making
	ok template remove
	is "$output" "1 removed"
	is "$(states)" ""
	reaped "$PID"
	is "$status" 1
	stderr=$(cat "$T/out")
	has "$stderr" "the template was removed while it was being made"
	# That was no failure: nothing keeps the next one from being made.
	is "$(states)" ""
	within 10 nothing_new "$T/host.before"
}

# after_kill: what a killed maker has left is nothing that is used, unless it is complete
after_kill()
{
	within 20 nothing_new "$T/host.before"
	case $(states) in
	"" | abandoned) return 0 ;;
	ready) ;;
	*) return 1 ;;
	esac
	ok run --detach --bundle "$B" "$CT"
	from_template
	ok delete --force "$CT"
	ok template remove
}

@test "template: a maker that is killed, wherever it was" {
	local total n
	try "$TOOLS/killat" 0 "$BIN" "${OPTIONS[@]}" --root "$ROOT" template create
	[ "$status" = 0 ]
	total=$(sed -n 's/^ended after //p' <<<"$stderr")
	ok template remove
	for n in $((total / 4)) $((total / 2)) $((total - 60)) $((total - 40)) $((total - 20)); do
		try "$TOOLS/killat" "$n" "$BIN" "${OPTIONS[@]}" --root "$ROOT" template create
		after_kill
	done
	ok template remove
	is "$(states)" ""

	# The monitor first: its maker says so and takes everything away. Not by `create` at once again, but by hand.
	background cli template create >"$T/out" 2>&1
	within 20 claimed monitor.log
	kill -KILL "$(monitor_of "$PID")"
	reaped "$PID"
	is "$status" 1
	cat "$T/out"
	within 10 nothing_new "$T/host.before"
	is "$(states)" failed

	# Both, when the memory is being written
	background cli template create >"$T/out" 2>&1
	within 60 claimed devices
	kill -KILL "$PID" "$(monitor_of "$PID")" || true
	reaped "$PID"
	within 10 nothing_new "$T/host.before"
	has "$(states)" abandoned
	# Not used, and in nobody's way
	ok template create
	is "$(states)" ready
	ok run --detach --bundle "$B" "$CT"
	from_template
	is "$(find "$ROOT/@templates" -mindepth 1 -maxdepth 1 | wc -l)" 1
}

# monitor_of PID: the child of a maker
monitor_of()
{
	pgrep -P "$1"
}

# ---- the place for them ----

@test "template: no room for one" {
	make_root
	mkdir -m 700 "$ROOT/@templates"
	mount -t tmpfs -o mode=700,size=20M tmpfs "$ROOT/@templates"
	ko 1 template create
	has "$stderr" "no space left on device"
	is "$(states)" failed
	is "$(current)" failed
	ok template status
	has "$output" failed "no space left on device"
	is "$(find "$ROOT/@templates" -name '*.new')" ""
	# There would be room now, but it failed just before.
	mount -o remount,size=2G "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT"
	is "$stderr" ""
	booted
	is "$(states)" failed
	# By hand it is tried again.
	ok template create
	is "$(states)" ready
	ok run --detach --bundle "$B" "$CT-2"
	from_template "$CT-2"
	# Whoever removes it removes the failure too.
	echo why >"$ROOT/@templates/0123.failed"
	ok template remove
	is "$output" "1 removed"
	is "$(ls -A "$ROOT/@templates")" ""
	# So little room that none is begun
	mount -o remount,size=20M "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT-3"
	is "$stderr" ""
	booted "$CT-3"
	is "$(states)" ""
}

@test "template: a directory that is read-only, or somebody else's" {
	own_template
	mount --bind "$ROOT/@templates" "$ROOT/@templates"
	mount -o remount,bind,ro "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT"
	from_template
	ko 1 template remove
	has "$stderr" "read-only file system"
	is "$(states)" ready
	umount "$ROOT/@templates"

	chown 1000 "$ROOT/@templates"
	ko 1 template create
	has "$stderr" "the directory of templates must belong to the caller"
	ko 1 template status
	ok run --detach --bundle "$B" "$CT-2"
	one_warning "the directory of templates must belong to the caller"
	booted "$CT-2"
	chown 0 "$ROOT/@templates"

	# Empty and read-only: nobody tries to make one.
	rm -rf "$ROOT/@templates"/*
	mount --bind "$ROOT/@templates" "$ROOT/@templates"
	mount -o remount,bind,ro "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT-3"
	booted "$CT-3"
	is "$(states)" ""
	ko 1 template create
	has "$stderr" "read-only file system"
}
