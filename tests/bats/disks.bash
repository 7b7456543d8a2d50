# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Disks for containers: entries of linux.devices, targets of vhost-user, direct volumes; all on the image $T/disk.img.

VOL=/kubelet/kata-direct-vol-002/directvol002

# device PATH TYPE MAJOR MINOR [JQ OBJECT]: adds an entry
device()
{
	edit '.linux.devices += [{path: $ARGS.positional[0], type: $ARGS.positional[1], major: ($ARGS.positional[2] | tonumber),
		minor: ($ARGS.positional[3] | tonumber)} + '"${5:-{\}}"']' --args -- "$1" "$2" "$3" "$4"
}

# serve SOCKET: a vhost-user-blk target on the image; sets TARGET
serve()
{
	background qemu-storage-daemon --blockdev "driver=file,node-name=file,filename=$T/disk.img" \
		--export "type=vhost-user-blk,id=export,node-name=file,writable=on,addr.type=unix,addr.path=$1"
	TARGET=$PID
	within 20 test -S "$1"
}

# target NAME: a vhost-user-blk target on the image, as SPDK's guide lays it out, and its node b 241:0
target()
{
	[ -e "$T/disk.img" ] || head -c 4M /dev/urandom >"$T/disk.img"
	mkdir -p "$STORE/block/devices" "$STORE/block/sockets"
	[ -e "$STORE/block/devices/$1" ] || mknod "$STORE/block/devices/$1" b 241 0
	serve "$STORE/block/sockets/$1"
}

# image [MKFS OPTION...]: 32 MiB with ext4
image()
{
	truncate -s 32M "$T/disk.img"
	mkfs.ext4 -q "$@" "$T/disk.img"
}

# info TYPE DEVICE [JQ OBJECT]: the text of mountInfo.json
info()
{
	jq -nc '{"volume-type": $ARGS.positional[0], device: $ARGS.positional[1], fstype: "ext4"} + '"${3:-{\}}" --args -- "$1" "$2"
}

# mounted TYPE DESTINATION [OPTION...]: the container mounts the volume
mounted()
{
	edit '.mounts += [{type: $ARGS.positional[0], source: $ARGS.positional[1], destination: $ARGS.positional[2],
		options: $ARGS.positional[3:]}]' --args -- "$1" "$VOL" "${@:2}"
}

# clean: the file system in the image was unmounted, and has no error
clean()
{
	e2fsck -fn "$T/disk.img" 2>&1 | tee "$T/e2fsck"
	[ "${PIPESTATUS[0]}" = 0 ]
	lacks "$(cat "$T/e2fsck")" "journal recovery"
}
