#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A root file system that is a whole block device: given as a disk if that is safe, else shared.
# bats file_tags=moat

load helpers

setup()
{
	begin
	B=$T/bundle
	mkdir -p "$B/rootfs"
	cp "$BASE/config.json" "$B/config.json"
	edit '.root.readonly = false'
	truncate -s 64M "$T/disk.img"
	mkfs.ext4 -q -d "$BASE/rootfs" "$T/disk.img"
	LOOP=$(losetup -f --show "$T/disk.img")
	mount "$LOOP" "$B/rootfs"
}

teardown()
{
	umount -R "$B/rootfs" 2>/dev/null || true
	umount "$T/elsewhere" 2>/dev/null || true
	losetup -d "$LOOP"
	finish
}

# what the root file system is, as /proc/mounts in the container has it
root_is()
{
	args awk '$2 == "/" { print $1, $3 }' /proc/mounts
	ok run --bundle "$B" "$CT"
	is "$output" "$1"
}

@test "rootdisk: the container's root is a virtio disk, which the host has let go of" {
	mkdir "$T/shared"
	echo "from the host" >"$T/shared/file"
	bind "$T/shared" /data
	edit '.process.args = ["sh", "-c", "awk \"\\$2 == \\\"/\\\"\" /proc/mounts; cat /data/file /etc/container; echo written >/new; sleep 1000"]'
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -c .root_disk "$T/stdout")" "{\"source\":\"$LOOP\",\"fstype\":\"ext4\",\"readonly\":false}"
	mountpoint -q "$B/rootfs"
	background cli run --bundle "$B" "$CT" >"$T/out"
	within 60 test -s "$T/out"
	within 20 grep -q "file of the container" "$T/out"
	has "$(cat "$T/out")" "/dev/vda / ext4 rw" "from the host" "the file of the container"
	ok exec "$CT" cat /new
	is "$output" written
	not mountpoint -q "$B/rootfs"
	# Nobody mounts it meanwhile.
	not mount "$LOOP" "$B/rootfs"
	ok kill "$CT" KILL
	reaped "$PID"
	e2fsck -fn "$LOOP"
	mount "$LOOP" "$B/rootfs"
	is "$(cat "$B/rootfs/new")" written
	# And again
	root_is "/dev/vda ext4"
}

@test "rootdisk: switched off" {
	settings 'disable_block_device_use = true'
	root_is "none virtiofs"
	mountpoint -q "$B/rootfs"
}

@test "rootdisk: what is not a whole file system on a device of its own is shared" {
	mkdir "$T/elsewhere"
	# Mounted twice
	mount "$LOOP" "$T/elsewhere"
	root_is "none virtiofs"
	umount "$T/elsewhere"
	# A part of it
	umount "$B/rootfs"
	mount "$LOOP" "$T/elsewhere"
	mkdir "$T/elsewhere/part"
	cp -a "$T"/elsewhere/{bin,lib*,etc} "$T/elsewhere/part/"
	mount --bind "$T/elsewhere/part" "$B/rootfs"
	root_is "none virtiofs"
	umount "$B/rootfs" "$T/elsewhere"
	# A directory of the host's disk, as it is and bound onto itself
	cp -al "$BASE/rootfs/." "$B/rootfs/"
	root_is "none virtiofs"
	mount --bind "$B/rootfs" "$B/rootfs"
	root_is "none virtiofs"
	umount "$B/rootfs"
	# Something below it
	mount "$LOOP" "$B/rootfs"
	mount -t tmpfs none "$B/rootfs/tmp"
	root_is "none virtiofs"
	# A file system of another kind
	umount -R "$B/rootfs"
	mount -t tmpfs none "$B/rootfs"
	cp -a "$BASE/rootfs/." "$B/rootfs/"
	root_is "none virtiofs"
}

# PID has a mount namespace of its own
elsewhere()
{
	[ "$(readlink "/proc/$1/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
}

# A run while another mount namespace has the mount as well
refused_while_mounted_elsewhere()
{
	unshare -m sleep 1000 3>&- &
	local user=$!
	within 5 elsewhere "$user"
	ko 1 run --bundle "$B" "$CT"
	kill "$user"
	wait "$user" || true
	has "$stderr" "'$LOOP' is in use on this host"
}

@test "rootdisk: one that is in use stays where it is" {
	(cd "$B/rootfs" && exec sleep 1000) 3>&- &
	local user=$!
	ko 1 run --bundle "$B" "$CT"
	kill "$user"
	wait "$user" || true
	has "$stderr" "root.path '$B/rootfs' is a disk, but cannot be unmounted here (disable_block_device_use = true" "busy"
	[ -e "$B/rootfs/etc/container" ]
	# In another mount namespace nobody sees it, but the kernel.
	refused_while_mounted_elsewhere
	has "$stderr" "root.path '$B/rootfs' is a disk"
	[ -e "$B/rootfs/etc/container" ]
	# It is back as it was, and for reading it is not taken from others either.
	mount -o remount,bind,ro,nosuid,nodev,noatime "$B/rootfs"
	local before
	before=$(findmnt -no OPTIONS "$B/rootfs")
	has "$before" ro nosuid nodev noatime
	refused_while_mounted_elsewhere
	is "$(findmnt -no OPTIONS "$B/rootfs")" "$before"
	mount -o remount,rw "$B/rootfs"
	[ ! -e "$ROOT/$CT" ]
	root_is "/dev/vda ext4"
}

@test "rootdisk: a mount that is read-only makes a read-only disk" {
	mount -o remount,ro "$B/rootfs"
	edit '.root.readonly = true | .process.args = ["sh", "-c", "cat /sys/block/vda/ro; awk \"\\$2 == \\\"/\\\" {print \\$1, \\$4}\" /proc/mounts"]'
	ok run --bundle "$B" "$CT"
	has "$output" 1 "/dev/vda ro"
}

@test "rootdisk: shared_fs = none does without virtiofsd, and refuses what it would be needed for" {
	settings 'shared_fs = "none"' 'virtio_fs_daemon = "/nonexistent"'
	root_is "/dev/vda ext4"
	mount "$LOOP" "$B/rootfs"
	bind "$T" /data
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "'$T' is no volume, and with shared_fs = \\\"none\\\" nothing is shared"
	edit '.mounts |= map(select(.destination != "/data"))'
	umount "$B/rootfs"
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "root.path '$B/rootfs' is no device of its own (it is no mount point), and shared_fs ="
	[ ! -e "$ROOT/$CT" ]
}
