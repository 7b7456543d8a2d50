# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: disks. The same program reads and writes the same bytes past all caches, in a container and as the only one of a
# bare QEMU with the same kernel, machine and device; it takes the time itself.

disk_mb=${BENCH_DISK_MB:-256} # of random access a sixteenth: with less it is done in a tenth of a second
DISK_WAYS=(sequential-read sequential-write random-read random-write)
ADDED=3 # disks of which each is said to have a third of the time

# disk_config: the runtime `disk`, with a store and volumes of this run's own; cold, so that both sides boot
disk_config()
{
	configure disk "$stock_image" false 'enable_vhost_user_store = true' "vhost_user_store_path = \"$work/store\""
	printf '[runtime]\ndirect_volume_path = "%s"\n' "$work/volumes" >>"$work/disk.toml"
	mkdir -p "$work/store/block/devices" "$work/store/block/sockets" "$work/share"
	[ -e "$work/store/block/devices/bench" ] || mknod "$work/store/block/devices/bench" b 241 0
	# /init with the modules for disks, which the other archive does without
	guest/mkinitramfs.sh --agent "$tools/guest" --release "$(sed -n s/^kernel_release=//p "$stock_image/manifest")" \
		--modroot "$stock_image/modroot" --decompress "$work/bare-disk.cpio"
}

# bare_disk ARG...: sets bare=() as bare_qemu, with those modules and what the guest says in $work/console
bare_disk()
{
	bare_qemu "$stock_image" "$@"
	bare=("${bare[@]/#null/file:$work/console}")
	bare=("${bare[@]/#$work\/bare.cpio/$work/bare-disk.cpio}")
}

# rates SUBJECT FILE: its lines "NAME MB/s", as `measure` has them
rates()
{
	local way rate

	for way in "${DISK_WAYS[@]}"; do
		rate=$(sed -n "s/^$way \([0-9.]*\).*/\1/p" "$2" | tail -n 1)
		[ -n "$rate" ] || die "no $way of $1: $(tail -n 3 "$2")"
		printf '%s\t%s\n' "$1" "$rate" | sample "$3, $way" MB/s
	done
}

# in_turns CASE KIND BUNDLE DEVICE...: a bare QEMU with the devices, then a container
in_turns()
{
	local what=$1 kind=$2 bundle=$3 i way
	shift 3

	bare_disk disk "$kind" "$disk_mb"
	for ((i = 0; i < runs; i++)); do
		: >"$work/console"
		[ "$kind" != virtiofs ] || serve_share
		timeout 300 "${bare[@]}" "$@" </dev/null >"$work/out.bare" 2>&1 || die "bare QEMU: $(tail -n 3 "$work/out.bare")"
		rates "bare QEMU" "$work/console" "$what"
		"${disk[@]}" run --bundle "$work/$bundle" disk </dev/null >"$work/out.disk" 2>&1 || die "$(tail -n 3 "$work/out.disk")"
		rates moat "$work/out.disk" "$what"
	done
	# 0.97 of the speed
	for way in "${DISK_WAYS[@]}"; do
		row disk "$what, $way" moat "bare QEMU" 1.031
	done
}

# serve_share: virtiofsd for one bare QEMU, with moat's options
serve_share()
{
	local daemon options=(-o "source=$work/share" -o "xattr,announce_submounts,sandbox=namespace,cache=auto,log_level=warn")

	daemon=$(command -v /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd virtiofsd | head -n 1)
	! "$daemon" --help 2>&1 | grep -q shared-dir || options=(--shared-dir "$work/share" --xattr --announce-submounts --cache auto --log-level warn)
	rm -f "$work/fs.sock"
	"$daemon" --socket-path="$work/fs.sock" "${options[@]}" >/dev/null 2>&1 &
	await "$work/fs.sock"
}

# await SOCKET
await()
{
	local i

	for ((i = 0; i < 500; i++)); do
		[ ! -S "$1" ] || return 0
		sleep 0.01
	done
	die "$1 does not appear"
}

vhost_user_disk()
{
	local socket=$work/store/block/sockets/bench target
	local device=(-chardev "socket,id=disk,path=$socket" -device "vhost-user-blk-pci,chardev=disk")

	truncate -s "$((disk_mb + 8))M" "$work/vhost.img"
	qemu-storage-daemon --blockdev "driver=file,node-name=disk,filename=$work/vhost.img" \
		--export "type=vhost-user-blk,id=e,node-name=disk,writable=on,addr.type=unix,addr.path=$socket" >/dev/null 2>&1 &
	target=$!
	await "$socket"
	bundle disk-vhost ".linux.devices = [{path: \"/dev/vda\", type: \"b\", major: 241, minor: 0}] |
		.process.args = [\"bench-guest\", \"disk\", \"/dev/vda\", \"$disk_mb\"]"
	in_turns "vhost-user-blk" blk disk-vhost "${device[@]}"
	kill "$target"
}

direct_volume()
{
	local image=$work/volume.img

	truncate -s "$((2 * disk_mb + 32))M" "$image"
	mkfs.ext4 -q "$image"
	"${disk[@]}" volume add /bench "{\"volume-type\":\"directvol\",\"device\":\"$image\",\"fstype\":\"ext4\"}"
	bundle disk-volume ".mounts += [{type: \"directvol\", source: \"/bench\", destination: \"/data\"}] |
		.process.args = [\"bench-guest\", \"disk\", \"/data/bench\", \"$disk_mb\"]"
	in_turns "direct volume" ext4 disk-volume -blockdev "driver=file,node-name=file,filename=$image" \
		-blockdev driver=raw,node-name=disk,file=file -device virtio-blk-pci,drive=disk
}

shared_root()
{
	bundle disk-root ".root.readonly = false | .process.args = [\"bench-guest\", \"disk\", \"/bench\", \"$disk_mb\"]"
	in_turns "shared root" virtiofs disk-root -chardev "socket,id=fs,path=$work/fs.sock" \
		-device vhost-user-fs-pci,chardev=fs,tag=bench,queue-size=1024
	rm -f "$work/true/rootfs/bench" "$work/share/bench"
}

# free_loops: those on files of this run
free_loops()
{
	losetup --noheadings --output NAME,BACK-FILE 2>/dev/null | awk -v dir="$work/" 'index($2, dir) == 1 { print $1 }' | xargs -r losetup -d
}

# What each disk adds to `create` of a container that is there from the boot on, beyond what it adds to a bare QEMU. The first one, with
# which drivers are loaded, is on both sides of the difference.
added_time()
{
	local devices=() images=() loop i n once none all own
	local what="each disk at the start"

	for ((i = 0; i <= ADDED; i++)); do
		truncate -s 4M "$work/added$i.img"
		loop=$(losetup -f --show "$work/added$i.img")
		devices+=("{path: \"/dev/d$i\", type: \"b\", major: 7, minor: ${loop#/dev/loop}}")
		images+=(-blockdev "driver=host_device,node-name=f$i,filename=$loop" -blockdev "driver=raw,node-name=d$i,file=f$i"
			-device "virtio-blk-pci,drive=d$i")
	done
	bundle disk-one ".linux.devices = [${devices[0]}] | .process.args = [\"sleep\", \"1000000\"]"
	bundle disk-all ".linux.devices = [$(IFS=,; echo "${devices[*]}")] | .process.args = [\"sleep\", \"1000000\"]"
	for ((i = 0; i < runs; i++)); do
		for n in 1 $((ADDED + 1)); do
			bare_disk wait "$n"
			once=$(time_of "${bare[@]}" "${images[@]:0:6*n}")
			[ "$n" = 1 ] && none=$once || all=$once
		done
		own=$(jq -n "($all - $none) / $ADDED")
		printf 'bare QEMU\t%s\n' "$own"
		for n in one all; do
			once=$(time_of "${disk[@]}" create --bundle "$work/disk-$n" disk)
			stop disk disk
			[ "$n" = one ] && none=$once || all=$once
		done
		printf '%s\t%s\n' moat "$(jq -n "($all - $none) / $ADDED")" "beyond QEMU's" "$(jq -n "($all - $none) / $ADDED - $own")"
	done | sample "$what" ms
	row disk "$what" moat "bare QEMU" -
	row disk "$what" "beyond QEMU's" - 10
	free_loops
}

section_disk()
{
	have qemu-storage-daemon && have mkfs.ext4 && have losetup || return 0
	disk_config
	vhost_user_disk
	direct_volume
	shared_root
	added_time
}

# From the call until the guest has opened the node; of QEMU from device_add, when it has opened the image already
section_hotplug()
{
	local what="hot-plug to usable node" image loops=() qemu failed=0

	have losetup || return 0
	disk_config
	for image in plug-bare plug-moat; do
		truncate -s 4M "$work/$image.img"
		loops+=("$(losetup -f --show "$work/$image.img")")
	done
	bare_disk node /dev/vda
	"${bare[@]}" "${devices[@]}" -chardev "socket,id=bench,path=$work/port.sock,server=on,wait=off" \
		-device virtserialport,bus=serial0.0,nr=1,chardev=bench -chardev "socket,id=qmp,path=$work/qmp.sock,server=on,wait=off" \
		-mon chardev=qmp,mode=control </dev/null >"$work/out.bare" 2>&1 &
	qemu=$!
	await "$work/port.sock"
	await "$work/qmp.sock"
	start disk plug
	"$tools/hotplug" "$runs" "$work/qmp.sock" "$work/port.sock" "${loops[0]}" "${disk[0]}" "$work/disk.toml" "$state/disk" plug "${loops[1]}" \
		>"$work/plugged" || failed=1
	kill "$qemu"
	wait "$qemu" || :
	stop disk plug
	[ "$failed" = 0 ] || die "no hot-plug: $(tail -n 3 "$work/out.bare")"
	sample "$what" ms <"$work/plugged"
	row hotplug "$what" moat "bare QEMU" -
	row hotplug "$what" "moat, call" "bare QEMU" -
	free_loops
}
