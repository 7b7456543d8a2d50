#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.devices: disks of the host and of vhost-user targets (qemu-storage-daemon), nodes of the guest, refusals, --dry-run.
# bats file_tags=moat

load helpers
load disks

setup()
{
	begin
	make_bundle
	STORE=$T/vhost-user
}

teardown()
{
	local bad=0
	finish || bad=1
	free_loops "$T/disk.img" || bad=1
	return $bad
}

# rule MAJOR MINOR ACCESS: as callers add it for a device
rule()
{
	edit '.linux.resources.devices += [{allow: true, type: "b", major: ($ARGS.positional[0] | tonumber),
		minor: ($ARGS.positional[1] | tonumber), access: $ARGS.positional[2]}]' --args -- "$@"
}

# disk [LOSETUP OPTION...]: a loop device on 4 MiB of random bytes; sets LOOP and MINOR
disk()
{
	[ -e "$T/disk.img" ] || head -c 4M /dev/urandom >"$T/disk.img"
	LOOP=$(losetup -f --show "$@" "$T/disk.img")
	MINOR=${LOOP#/dev/loop}
}

with_store()
{
	settings 'enable_vhost_user_store = true' "vhost_user_store_path = \"$STORE\""
	# It is the suite's VM all the same: the disks are plugged into one that was started from its template.
	sed -i 's/^enable_template = .*/enable_template = true/' "$T/configuration.toml"
}

sum()
{
	sha256sum <"$1" | cut -d' ' -f1
}

@test "devices: a block device of the host is a virtio disk, with mode and owner of config.json" {
	disk
	device /dev/xvda b 7 "$MINOR" '{fileMode: 432, uid: 0, gid: 7}'
	script 'ls -ln /dev/xvda; sha256sum /dev/xvda; cat /sys/dev/block/254:0/uevent; printf written | dd of=/dev/xvda conv=fsync 2>/dev/null'
	local before
	before=$(sum "$T/disk.img")
	ok run --bundle "$B" "$CT"
	[[ ${output%%$'\n'*} =~ ^brw-rw----\ +1\ 0\ +7\ +254,\ +0\ .*\ /dev/xvda$ ]]
	has "$output" "$before" DEVNAME=vda
	is "$(head -c 7 "$T/disk.img")" written
}

@test "devices: three of them, each in its place" {
	local i loop numbers=
	for i in 1 2 3; do
		head -c 1M /dev/zero | tr '\0' "$i" >"$T/disk.$i"
		loop=$(losetup -f --show "$T/disk.$i")
		numbers+=" $loop"
		device "/dev/disk/number-$i" b 7 "${loop#/dev/loop}"
	done
	script 'for i in 3 1 2; do head -c 3 /dev/disk/number-$i; echo; done'
	ok run --bundle "$B" "$CT"
	# shellcheck disable=SC2086
	losetup -d $numbers
	is "$output" $'333\n111\n222'
}

@test "devices: more than there are root ports configured" {
	local i loop numbers=
	for i in 1 2 3 4 5 6; do
		head -c 64K /dev/zero | tr '\0' "$i" >"$T/disk.$i"
		loop=$(losetup -f --show "$T/disk.$i")
		numbers+=" $loop"
		device "/dev/d$i" b 7 "${loop#/dev/loop}"
	done
	script 'for i in 6 5 4 3 2 1; do head -c 1 /dev/d$i; done'
	ok run --bundle "$B" "$CT"
	# shellcheck disable=SC2086
	losetup -d $numbers
	is "$output" 654321
}

@test "devices: a bind mount of a device is that device, as often as the container is started" {
	disk
	edit --arg l "$LOOP" '.root.readonly = false | .mounts += [
		{destination: "/mnt/disk", type: "bind", source: $l, options: ["rbind", "rprivate"]},
		{destination: "/mnt/kept", type: "bind", source: "/dev/null", options: ["bind"]},
		{destination: "/mnt/link", type: "bind", source: "/dev/zero", options: ["bind"]}]'
	mkdir -p "$B/rootfs/mnt"
	ln -s ../mnt/led-to "$B/rootfs/mnt/link"
	echo kept >"$B/rootfs/mnt/kept"
	script 'ls -ln /mnt/disk; printf "$$.written" | dd of=/mnt/disk conv=notrunc,fsync 2>/dev/null; wc -c </mnt/kept
		head -c 7 /mnt/led-to | wc -c; ls -a /dev'
	for _ in first again; do
		ok run --bundle "$B" "$CT"
		[[ ${output%%$'\n'*} =~ ^brw-.*\ 254,\ +0\ .*\ /mnt/disk$ ]]
		has "$output" $'\n0\n7\n'
		lacks "$output" moat-device
		is "$(head -c 9 "$T/disk.img")" 1.written
		# In another guest it may have another number.
		rm "$B/rootfs/mnt/disk"
		mknod "$B/rootfs/mnt/disk" b 254 77
	done
	is "$(cat "$B/rootfs/mnt/kept")" kept
	edit '(.mounts[] | select(.destination == "/mnt/disk") | .options) += ["ro"]'
	script 'cat /sys/block/vda/ro; printf x | dd of=/mnt/disk'
	ko 1 run --bundle "$B" "$CT"
	is "$output" 1
	has "$stderr" "Operation not permitted"
	mknod "$T/other" c 195 0
	edit --arg s "$T/other" '.mounts += [{destination: "/mnt/other", type: "bind", source: $s, options: ["bind"]}]'
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "mounts: the device at '/mnt/other': a virtual machine cannot have the host's character device 195:0"
	rm -r "$B/rootfs/mnt"
}

@test "devices: read-only by rule, and by the device itself" {
	disk
	device /dev/xvda b 7 "$MINOR"
	rule 7 "$MINOR" r
	script 'cat /sys/block/vda/ro; head -c 4 /dev/xvda | wc -c; echo x >/dev/xvda || echo refused'
	local before
	before=$(sum "$T/disk.img")
	ok run --bundle "$B" "$CT"
	is "$output" $'1\n4\nrefused'
	losetup -d "$LOOP"

	disk --read-only
	edit ".linux.devices[0].minor = $MINOR | .linux.resources.devices = []"
	ok run --bundle "$B" "$CT"
	is "$output" $'1\n4\nrefused'
	is "$(sum "$T/disk.img")" "$before"
}

@test "devices: rules are about the guest's numbers, and the container may not open other disks" {
	disk
	device /dev/xvda b 7 "$MINOR"
	edit '.linux.resources.devices = [{allow: false, access: "rwm"}] | .process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	rule 7 "$MINOR" rwm
	script 'head -c 1 /dev/xvda | wc -c; mknod /dev/other b 254 16; head -c 1 /dev/other 2>&1 | grep -c "not permitted"'
	ok run --bundle "$B" "$CT"
	is "$output" $'1\n1'
}

@test "devices: one that is in use on the host is not given for writing" {
	disk
	mkfs.ext4 -q "$LOOP"
	mkdir "$T/mnt"
	mount "$LOOP" "$T/mnt"
	device /dev/xvda b 7 "$MINOR"
	script 'head -c 1 /dev/xvda | wc -c'
	rt run --bundle "$B" "$CT"
	local failed=$status
	rule 7 "$MINOR" r
	rt run --bundle "$B" "$CT"
	umount "$T/mnt"
	is "$failed $status $output" "1 0 1"
}

@test "devices: a second virtual machine does not get a disk for writing that the first has" {
	disk
	device /dev/xvda b 7 "$MINOR"
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ko 1 run --bundle "$B" "$CT-2"
	has "$stderr" "linux.devices[0] '/dev/xvda'" "is in use on this host"
	ok exec "$CT" sh -c 'head -c 1 /dev/xvda | wc -c'
	ok delete --force "$CT"
	args true
	within 10 rt run --bundle "$B" "$CT-2"
}

@test "devices: nodes of the guest" {
	device /dev/fuse c 10 229 '{fileMode: 438}'
	device /dev/net/tun c 10 200
	device /dev/pipe p 0 0
	script 'ls -l /dev/fuse /dev/net/tun; test -p /dev/pipe && echo fifo; test -c /dev/null && echo null'
	ok run --bundle "$B" "$CT"
	has "$output" "10, 229" "10, 200" fifo null
}

@test "devices: the session of the guide to SPDK" {
	target vhostblk0
	with_store
	device /dev/vda b 241 0 '{fileMode: 420, uid: 0, gid: 0}'
	script 'ls -l /dev/vda; dd if=/dev/vda bs=4k 2>/dev/null | sha256sum; printf written | dd of=/dev/vda conv=fsync 2>/dev/null'
	local before
	before=$(sum "$T/disk.img")
	ok run --bundle "$B" "$CT"
	[[ ${output%%$'\n'*} =~ ^brw-r--r--\ +1\ root\ +root\ +254,\ +0\ .*\ /dev/vda$ ]]
	has "$output" "$before"
	is "$(head -c 7 "$T/disk.img")" written
}

@test "devices: a vhost-user target that dies: delete works at once" {
	target vhostblk0
	with_store
	device /dev/vda b 241 0
	script 'head -c 1 /dev/vda | wc -c; cat /dev/vda >/dev/null; touch /tmp/ready; while :; do dd if=/dev/vda of=/dev/null bs=1M 2>/dev/null; done'
	edit '.root.readonly = false'
	ok run --detach --bundle "$B" "$CT"
	within 30 rt exec "$CT" test -e /tmp/ready
	kill -KILL "$TARGET"
	ok state "$CT"
	ok delete --force "$CT"
}

@test "devices: what is missing or wrong with a vhost-user device is said" {
	target vhostblk0
	device /dev/vda b 241 0
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices[0] '/dev/vda'" "enable_vhost_user_store = true"
	with_store
	edit '.linux.devices[0].minor = 3'
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "no block node with number 241:3" "mknod"
	edit '.linux.devices[0].minor = 0'
	kill -KILL "$TARGET"
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices[0] '/dev/vda': vhost-user target" "vhostblk0"
	rm -f "$STORE/block/sockets/vhostblk0"
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "does its target run?"
	touch "$STORE/block/sockets/vhostblk0"
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "is not a socket"
	mknod "$STORE/block/devices/twin" b 241 0
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "'twin' and 'vhostblk0'" "have the same number"
	[ ! -e "$ROOT/$CT" ]
}

@test "devices: what a virtual machine cannot have is refused by name" {
	device /dev/nvidia0 c 195 0
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices[0] '/dev/nvidia0'" "195:0"
	edit '.linux.devices = []'
	device /dev/nothing b 7 4242
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices[0] '/dev/nothing': this host has no block device 7:4242"
	[ ! -e "$ROOT/$CT" ]
}

# As docker and podman run --privileged: every device is allowed, every node of the host is listed.
@test "devices: a privileged container does without the host's, but for what it calls by another name" {
	local nodes
	disk
	nodes=$(find /dev -xdev \( -type c -o -type b \) -printf '%p\n' | while read -r path; do
		read -r major minor < <(stat -c '%Hr %Lr' "$path")
		[ -b "$path" ] && type=b || type=c
		jq -n --arg path "$path" --arg type $type --argjson major "$major" --argjson minor "$minor" '{$path, $type, $major, $minor}'
	done | jq -s .)
	edit ".linux.devices = $nodes | .linux.resources.devices = [{allow: true, access: \"rwm\"}]"
	device /dev/data b 7 "$MINOR"
	script 'ls /dev; sha256sum /dev/data; mknod /tmp/again b $((0x$(stat -c %t /dev/data))) $((0x$(stat -c %T /dev/data))) && sha256sum /tmp/again'
	edit '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]
		| .process.capabilities = (["CAP_MKNOD"] | {bounding: ., effective: ., permitted: .})'
	ok run --bundle "$B" "$CT"
	[[ " ${output//$'\n'/ } " == *" data "*" fuse "*" null "* ]]
	[[ " ${output//$'\n'/ } " != *" ${LOOP#/dev/} "* && $output != *autofs* ]]
	is "$(grep -c "^$(sum "$T/disk.img")" <<<"$output")" 2
	settings '[runtime]' 'privileged_without_host_devices = false'
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "linux.devices[" "a virtual machine cannot have the host's"
}

@test "devices: --dry-run prints the plan and starts nothing" {
	target vhostblk0
	disk
	with_store
	device /dev/vda b 241 0
	device /dev/xvda b 7 "$MINOR"
	device /dev/fuse c 10 229
	rule 7 "$MINOR" r
	local verb
	for verb in create run; do
		ok "$verb" --dry-run --bundle "$B" "$CT"
		is "$(jq -c '.devices | map([.path, .kind, .readonly])' "$T/stdout")" \
			'[["/dev/vda","vhost-user-blk",false],["/dev/xvda","block",true],["/dev/fuse","guest",false]]'
		is "$(jq -r '.devices[0].source' "$T/stdout")" "$STORE/block/sockets/vhostblk0"
		is "$(jq -r '.devices[1].source' "$T/stdout")" "$LOOP"
		has "$(jq -r '.vm.argv | join(" ")' "$T/stdout")" qemu-system -kernel /vmlinux
		[ ! -e "$ROOT/$CT" ]
	done
	edit '.linux.devices[0].minor = 9'
	ko 1 run --dry-run --bundle "$B" "$CT"
	has "$stderr" "no block node with number 241:9"
}
