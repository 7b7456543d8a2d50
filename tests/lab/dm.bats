#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Devices of the device-mapper, which the kernel outside may lack: as the root file system, as containerd's devmapper snapshotter
# mounts it, as entries of linux.devices, and as direct volumes.
# bats file_tags=moat

load ../bats/helpers
load ../bats/disks

setup()
{
	begin
	B=$T/bundle
	mkdir -p "$B/rootfs"
	cp "$BASE/config.json" "$B/config.json"
	edit '.root.readonly = false'
	{
		cat "$CONFIG"
		printf '[runtime]\ndirect_volume_path = "%s"\n' "$T/direct-volumes"
	} >"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
	truncate -s 256M "$T/pool.img"
	LOOP=$(losetup -f --show "$T/pool.img")
}

teardown()
{
	local name
	umount "$B/rootfs" 2>/dev/null || true
	for name in "$SUITE-root" "$SUITE-pool" "$SUITE-data" "$SUITE-meta" "$SUITE-disk" "$SUITE-volume"; do
		[ ! -e "/dev/mapper/$name" ] || dmsetup remove "$name"
	done
	losetup -d "$LOOP"
	finish
}

# dm NAME TABLE: a device; there is no udev to wait for, and dmsetup makes the node
dm()
{
	dmsetup create "$SUITE-$1" --noudevsync --table "$2"
	dmsetup mknodes "$SUITE-$1"
	[ -b "/dev/mapper/$SUITE-$1" ]
}

# numbers NAME: "MAJOR MINOR"
numbers()
{
	echo $((0x$(stat -L -c %t "/dev/mapper/$SUITE-$1"))) $((0x$(stat -L -c %T "/dev/mapper/$SUITE-$1")))
}

# thin: a volume of 128 MiB in a pool of 184 MiB, with 64 KiB a block; its metadata on the first 8 MiB
thin()
{
	dm meta "0 16384 linear $LOOP 0"
	dm data "0 376832 linear $LOOP 16384"
	dm pool "0 376832 thin-pool /dev/mapper/$SUITE-meta /dev/mapper/$SUITE-data 128 0"
	dmsetup message "$SUITE-pool" 0 "create_thin 0"
	dm root "0 262144 thin /dev/mapper/$SUITE-pool 0"
}

# bats test_tags=long
@test "device-mapper: a thin volume is the root file system, linear ones are a device and a mount" {
	local root=/dev/mapper/$SUITE-root disk=/dev/mapper/$SUITE-disk volume=/dev/mapper/$SUITE-volume
	thin
	mkfs.ext4 -q -d "$BASE/rootfs" "$root"
	mount "$root" "$B/rootfs"
	dm disk "0 65536 linear $LOOP 393216"
	dm volume "0 65536 linear $LOOP 458752"
	mkfs.ext4 -q "$volume"
	ok volume add $VOL "$(info directvol "$volume")"
	mounted bind /data bind
	printf 'what the host has written' | dd of="$disk" conv=notrunc status=none
	# shellcheck disable=SC2046
	device /dev/disk b $(numbers disk)
	# shellcheck disable=SC2016
	script 'awk "\$2 == \"/\"" /proc/mounts; cat /etc/container; head -c 25 /dev/disk; echo; blockdev --getsize64 /dev/disk
		grep " /data " /proc/mounts; echo written | tee /new >/data/new; printf "by the guest" | dd of=/dev/disk conv=notrunc,fsync 2>/dev/null'
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -r '.root_disk | .source, .fstype' "$T/stdout")" "/dev/dm-$(numbers root | cut -d ' ' -f 2)"$'\next4'
	mountpoint -q "$B/rootfs"
	ok run --bundle "$B" "$CT"
	has "$output" " / ext4 rw" "the file of the container" "what the host has written" 33554432 "/dev/vd" " /data ext4 rw"
	is "$stderr" ""
	# It stays unmounted, and everything is on the disks.
	not mountpoint -q "$B/rootfs"
	is "$(head -c 12 "$disk")" "by the guest"
	e2fsck -fn "$root"
	is "$(debugfs -R 'cat new' "$volume" 2>/dev/null)" written
	mount "$root" "$B/rootfs"
	is "$(cat "$B/rootfs/new")" written
	# One that another device lies on is in use.
	# shellcheck disable=SC2046
	edit '.linux.devices[-1] += {major: ($ARGS.positional[0] | tonumber), minor: ($ARGS.positional[1] | tonumber)}' --args -- $(numbers data)
	refused "is in use on this host"
}
