#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vhost-user targets that go, and those that come back.
# bats file_tags=moat

load helpers
load disks

setup()
{
	begin
	make_bundle
	STORE=$T/vhost-user
	LOG=$ROOT/$CT/monitor.log
}

# with_store [LINE...]: the store, and more in [hypervisor.qemu]
with_store()
{
	settings 'enable_vhost_user_store = true' "vhost_user_store_path = \"$STORE\"" "$@"
	# It is the suite's VM all the same: the disks are plugged into one that was started from its template.
	sed -i 's/^enable_template = .*/enable_template = true/' "$T/configuration.toml"
}

# busy: a container that writes numbers to the disk, block by block, and says how far it is
busy()
{
	device /dev/vda b 241 0
	script 'i=0; while :; do i=$((i + 1)); printf "%0512d" $i | dd of=/dev/vda bs=512 seek=$((i % 4096)) conv=notrunc,fsync 2>/tmp/said || echo $i >>/tmp/failed; echo $i >/tmp/at.new; mv /tmp/at.new /tmp/at; done'
	edit '.root.readonly = false'
	ok run --detach --bundle "$B" "$CT"
	within 60 beyond 3
}

at()
{
	cli exec "$CT" cat /tmp/at
}

beyond()
{
	[ "$(at)" -gt "$1" ]
}

# goes: the target is killed; the log says so
goes()
{
	kill -KILL "$TARGET"
	wait "$TARGET" || true
	within 30 grep -q "vhost-user target.* is gone" "$LOG"
}

@test "vhost-user: I/O goes on when the target has come back" {
	target vhostblk0
	with_store 'vhost_user_reconnect_timeout_sec = 1'
	busy
	local before round
	for round in 1 2; do
		goes
		before=$(at)
		# A target that is started anew makes a new socket.
		rm -f "$STORE/block/sockets/vhostblk0"
		target vhostblk0
		within 60 beyond $((before + 3))
		is "$(grep -c 'is there again' "$LOG")" $round
		is "$(grep -c 'is gone' "$LOG")" $round
	done
	ko 1 exec "$CT" cat /tmp/failed
	# What was acknowledged is there.
	before=$(at)
	ok pause "$CT"
	is "$(dd if="$T/disk.img" bs=512 skip=$((before % 4096)) count=1 2>/dev/null)" "$(printf %0512d "$before")"
	ok delete --force "$CT"
}

@test "vhost-user: a target that never comes back: it is said, and delete works at once" {
	local seconds
	for seconds in 0 1; do
		target vhostblk0
		with_store "vhost_user_reconnect_timeout_sec = $seconds"
		edit '.linux.devices = []'
		busy
		goes
		has_status running
		ok exec "$CT" true
		# A process that waits for the disk cannot be killed by its guest; the machine can.
		ok delete --force "$CT"
		rm -f "$STORE/block/sockets/vhostblk0"
	done
}
