#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vm_cache_number: virtual machines that are kept started ahead of their use.
# bats file_tags=moat

load helpers

setup()
{
	begin
	make_bundle
	[ -e "$ROOT/@templates" ] || skip "no templates with this machine type"
	{ printf '[factory]\nvm_cache_number = 1\n' && cat "$CONFIG"; } >"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
}

teardown()
{
	# Ends the one that waits, and whoever is making another.
	[ ! -d "$ROOT/@spares" ] || within 60 no_maker
	rt template remove
	rm -rf "$ROOT/@spares" "$ROOT/@templates"
	umount "$T/factory" 2>/dev/null || true
	finish
}

# The filler holds the lock of the directory while it is at work.
no_maker()
{
	flock --nonblock "$ROOT/@spares" true
}

spares()
{
	find "$ROOT/@spares" -mindepth 1 -maxdepth 1 ! -name '*.new' 2>/dev/null | wc -l
}

has_spare()
{
	is "$(spares)" 1 && no_maker
}

taken()
{
	ok --log "$T/log" run --bundle "$B" "$CT"
	grep -q 'spare .* is taken' "$T/log"
}

@test "spare: create takes it, and another is made" {
	script 'cat /etc/container; hostname; cat /proc/1/comm; ls /run/moat 2>&1; echo here >/tmp/x && cat /tmp/x'
	edit '.root.readonly = false | .hostname = "mine"'
	ok template fill
	has_spare
	local first
	first=$(ls "$ROOT/@spares")
	taken
	has "$output" "the file of the container" mine here
	within 60 has_spare
	[ "$(ls "$ROOT/@spares")" != "$first" ]
	# fill with enough of them does nothing
	local second
	second=$(ls "$ROOT/@spares")
	ok template fill
	is "$(ls "$ROOT/@spares")" "$second"
}

@test "spare: a container from it is a container as any other" {
	ok template fill
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	has_status running
	ok exec "$CT" ps
	lacks "$output" rehearsal
	ok kill "$CT" KILL
	within 10 has_status stopped
	ok delete "$CT"
	[ ! -e "$ROOT/$CT" ]
}

@test "spare: its processes move into the container's cgroup" {
	requires cgroup
	ok template fill
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	local dir names
	dir=$(find /sys/fs/cgroup -type d -name "$CT" | head -n 1)
	names=$(while read -r pid; do cat "/proc/$pid/comm"; done <"$dir/cgroup.procs" | sort -u | tr '\n' ' ')
	has "$names" moat-monitor qemu-system virtiofsd
	ok delete --force "$CT"
}

@test "spare: random numbers, boot ids and clocks are their own" {
	script 'cat /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | od -An -tx1; date +%s'
	local n all=
	ok template fill
	for n in 1 2 3; do
		within 60 has_spare
		taken
		all+="$(head -n 2 <<<"$output")"$'\n'
		((${output##*$'\n'} - $(date +%s) < 5 && $(date +%s) - ${output##*$'\n'} < 30))
		rm "$T/log"
	done
	is "$(sort <<<"$all" | uniq -d | grep -v '^$')" ""
}

@test "spare: one that has died is passed over" {
	ok template fill
	kill -KILL "$(jq .pid "$ROOT"/@spares/*/spare.json)"
	ok run --bundle "$B" "$CT"
	within 60 has_spare
}

@test "spare: another configuration does not take it, and template remove ends it" {
	ok template fill
	local pid
	pid=$(jq .pid "$ROOT"/@spares/*/spare.json)
	sed 's/^\[hypervisor.qemu\]/&\nvirtio_fs_cache = "never"/' "$T/configuration.toml" >"$T/other.toml"
	OPTIONS=(--config "$T/other.toml")
	ok --log "$T/log" run --bundle "$B" "$CT"
	lacks "$(cat "$T/log")" "is taken"
	within 60 no_maker
	ok template remove
	within 5 gone "$pid"
	is "$(spares)" 0
}

@test "spare: none without vm_cache_number, and none for a container with disks" {
	OPTIONS=(--config "$CONFIG")
	ok run --bundle "$B" "$CT"
	[ ! -e "$ROOT/@spares" ]
	ok template fill
	is "$(spares)" 0
}

@test "spare: none where its socket cannot be moved to the container" {
	mkdir "$T/factory"
	mount -t tmpfs none "$T/factory"
	{ printf '[factory]\nvm_cache_number = 1\ntemplate_path = "%s"\n' "$T/factory" && cat "$CONFIG"; } >"$T/configuration.toml"
	cp -a "$ROOT/@templates" "$T/factory/"
	ok --log "$T/log" run --bundle "$B" "$CT"
	grep -q "vm_cache_number: --root .* is in another file system than '$T/factory': no spares" "$T/log"
	[ ! -e "$T/factory/@spares" ]
	umount "$T/factory"
}
