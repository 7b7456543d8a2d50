#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Direct volumes: moat volume, and mounts that have one as their source.
# bats file_tags=moat

load helpers
load disks

NAME=L2t1YmVsZXQva2F0YS1kaXJlY3Qtdm9sLTAwMi9kaXJlY3R2b2wwMDI=

setup()
{
	begin
	make_bundle
	VOLUMES=$T/direct-volumes
	configure
}

teardown()
{
	local bad=0
	finish || bad=1
	free_loops "$T/disk.img" || bad=1
	return $bad
}

# The suite's VM, and volumes of this test's own
configure()
{
	{
		cat "$CONFIG"
		printf '[runtime]\ndirect_volume_path = "%s"\n' "$VOLUMES"
	} >"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
}

@test "volume: the session of the guide to block volumes" {
	image
	# As the guide types it, quotes that the shell eats included.
	# shellcheck disable=SC2140
	ok direct-volume add $VOL "{\"device\": \"$T/disk.img\", \"volume_type\": \"directvol\", \"fs_type\": \"ext4\", \"metadata\":"{}", \"options\": []}"
	is "$(cat "$VOLUMES/$NAME/mountInfo.json")" \
		"{\"volume_type\":\"directvol\",\"device\":\"$T/disk.img\",\"fs_type\":\"ext4\",\"metadata\":{},\"options\":[]}"
	is "$(stat -c '%a %u' "$VOLUMES" "$VOLUMES/$NAME" "$VOLUMES/$NAME/mountInfo.json")" $'700 0\n700 0\n600 0'
	mounted directvol /disk002 rbind rw
	script 'grep /disk002 /proc/mounts; echo written >/disk002/file; ls /disk002'
	ok run --bundle "$B" "$CT"
	has "$output" "/dev/vda /disk002 ext4 rw,relatime" lost+found
	clean
	is "$(debugfs -R 'cat file' "$T/disk.img" 2>/dev/null)" written
	is "$(ls -A "$VOLUMES/$NAME")" mountInfo.json
	ok direct-volume remove $VOL
	[ ! -e "$VOLUMES/$NAME" ]
}

@test "volume: arguments of kata-ctl and of kata-runtime, and what is wrong with them" {
	ok direct-volume add --volume-path /v --mount-info "$(info directvol /d)"
	ok volume add /v "$(info directvol /d)"
	is "$("$BIN" "${OPTIONS[@]}" volume list | jq -c 'map([.path, .name, .info.device, .users])')" '[["/v","L3Y=","/d",[]]]'
	ok direct-volume delete --volume-path /v
	ok volume list
	is "$output" '[]'
	ko 1 volume remove /v
	message "'/v' is not registered as a volume"
	ko 1 volume add /v
	message "volume add needs the mount information"
	ko 1 volume add /v "$(info directvol /d)" more
	message "volume add: one argument too many: 'more'"
	ko 1 volume grow /v
	has "$stderr" "'grow' is not one of"
	ko 1 volume add relative "$(info directvol /d)"
	has "$stderr" "volume path 'relative' is not absolute"
	ko 1 volume add "/$(printf 'x%.0s' {1..189})" "$(info directvol /d)"
	has "$stderr" "has 190 bytes, more than 189"
	ko 1 volume add /v '{"volume_type":"directvol","device":"/d","fstyp":"ext4"}'
	message "fstyp is unknown"
	ko 1 volume add /v '{"volume_type":"nosuch","device":"/d"}'
	message 'volume_type "nosuch" is not directvol, spdkvol or vfiovol'
	is "$(ls -A "$VOLUMES")" ''
	ko 1 volume resize /v 12x
	message "size '12x' is no number of bytes"
	ko 1 volume stats /v
	message "'/v' is not registered as a volume"
}

@test "volume: stats, resize, and who may use it meanwhile" {
	image
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	ko 1 volume stats $VOL
	has "$stderr" "not in use by a running container"
	mounted bind /data rbind
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok volume stats $VOL
	is "$(jq -c '[.usage[].unit], .volume_condition' "$T/stdout")" $'["BYTES","INODES"]\n{"abnormal":false,"message":""}'
	is "$(jq '.usage | all(.total >= .used and .total >= .available and .total > 0)' "$T/stdout")" true
	is "$(jq '.usage[1].total' "$T/stdout")" "$("$BIN" "${OPTIONS[@]}" --root "$ROOT" exec "$CT" df -i /data | awk 'NR == 2 { print $2 }')"

	ok volume resize $VOL 64m
	is "$(stat -c %s "$T/disk.img")" $((64 << 20))
	ok exec "$CT" df -k /data
	(($(awk 'NR == 2 { print $2 }' "$T/stdout") > 50000))
	ko 1 volume resize $VOL 1m
	has "$stderr" "1048576 bytes are less than the 67108864 that it has"

	is "$("$BIN" "${OPTIONS[@]}" volume list | jq -c '.[0].users')" "[{\"id\":\"$CT\",\"root\":\"$ROOT\",\"readonly\":false}]"
	ko 1 volume remove $VOL
	has "$stderr" "volume '$VOL' is in use by container '$CT'"
	ko 1 volume add $VOL "$(info directvol /other)"
	has "$stderr" "is in use by container '$CT'"
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	ko 1 run --bundle "$B" "$CT-2"
	has "$stderr" "mounts[" "'/data': volume '$VOL': it is in use by container '$CT'"
	# The same image under another name, and by another program
	ok volume add /other "$(info directvol "$T/disk.img")"
	edit '.mounts[-1].source = "/other"'
	ko 1 run --bundle "$B" "$CT-2"
	has "$stderr" "volume '/other': device '$T/disk.img' is in use"
	LIMIT=10 try qemu-storage-daemon --blockdev "driver=file,node-name=file,filename=$T/disk.img" \
		--export "type=vhost-user-blk,id=export,node-name=file,writable=on,addr.type=unix,addr.path=$T/other.sock"
	has "$stderr" "Failed to get" "lock"
	[ ! -e "$ROOT/$CT-2" ]

	# A machine that was killed holds nothing.
	kill -KILL "$(jq .monitor.pid "$ROOT/$CT/state.json")"
	within 10 has_status stopped
	ok run --detach --bundle "$B" "$CT-2"
	ok delete --force "$CT-2"
	is "$("$BIN" "${OPTIONS[@]}" volume list | jq -c 'map(.users)')" '[[],[]]'
	ok delete "$CT"
	ok volume remove $VOL
}

@test "volume: an xfs grows, too" {
	truncate -s 320M "$T/disk.img"
	mkfs.xfs -q "$T/disk.img"
	ok volume add $VOL "$(info directvol "$T/disk.img" '{fstype: "xfs"}')"
	mounted directvol /data
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok volume resize $VOL 600m
	ok exec "$CT" df -k /data
	(($(awk 'NR == 2 { print $2 }' "$T/stdout") > 500000))
	ok kill "$CT" KILL
	within 20 has_status stopped
	ok delete "$CT"
	xfs_repair -n "$T/disk.img"
}

@test "volume: read-only ones are for several" {
	image -E root_owner=7:7
	ok volume add $VOL "$(info directvol "$T/disk.img" '{options: ["ro", "noexec", "noatime", "nodiratime"]}')"
	mounted directvol /data
	script 'grep /data /proc/mounts; cat /sys/block/vda/ro; touch /data/x || echo refused'
	ok run --bundle "$B" "$CT"
	has "$output" "/dev/vda /data ext4 ro,noexec,noatime,nodiratime"
	is "$(tail -n 2 <<<"$output")" $'1\nrefused'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok run --detach --bundle "$B" "$CT-2"
	is "$("$BIN" "${OPTIONS[@]}" volume list | jq -c '.[0].users | map([.id, .readonly])')" "[[\"$CT\",true],[\"$CT-2\",true]]"
	ko 1 volume resize $VOL 64m
	has "$stderr" "uses it read-only"
	ok delete --force "$CT"
	ok delete --force "$CT-2"
	# By the mount alone
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	edit '.mounts[-1].options = ["rbind", "ro"]'
	script 'touch /data/x || echo refused'
	ok run --bundle "$B" "$CT"
	is "$output" refused
}

@test "volume: a damaged file system is the container's own trouble" {
	image -b 4096 -O metadata_csum
	# Its group descriptors: mount(2) says EUCLEAN, which is also what a damaged template is called.
	dd if=/dev/urandom of="$T/disk.img" bs=4096 seek=1 count=1 conv=notrunc status=none
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	mounted directvol /data
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "mount the file system as ext4" "structure needs cleaning"
	lacks "$stderr" template
}

@test "volume: below /dev it is a disk, elsewhere its files belong to fsGroup" {
	image
	ok volume add $VOL "$(info directvol "$T/disk.img" '{metadata: {fsGroup: "2000"}}')"
	mounted bind /dev/xvdv rbind
	script 'ls -ln /dev/xvdv; dd if=/dev/xvdv bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1; ls /sys/block/vda/vda1 2>&1 | grep -c "No such"'
	ok run --bundle "$B" "$CT"
	[[ ${output%%$'\n'*} =~ ^brw-rw----\ +1\ 0\ +2000\ +254,\ +0\ .*\ /dev/xvdv$ ]]
	has "$output" "53 ef"

	edit '.mounts[-1].destination = "/data"'
	script 'mkdir -p /data/a/b; touch /data/a/b/file; chmod 600 /data/a/b/file; ln -s /etc/passwd /data/a/link'
	ok run --bundle "$B" "$CT"
	script 'stat -c "%a %g %n" /data /data/a /data/a/b/file; stat -c "%g" /data/a/link /etc/passwd'
	ok run --bundle "$B" "$CT"
	is "$output" $'2775 2000 /data\n2775 2000 /data/a\n660 2000 /data/a/b/file\n2000\n0'
	debugfs -w -R 'set_inode_field /a/b/file gid 5' "$T/disk.img"
	# A root that is right is enough, if that is asked for.
	ok volume add $VOL "$(info directvol "$T/disk.img" '{metadata: {fsGroup: "2000", fsGroupChangePolicy: "OnRootMismatch"}}')"
	script 'stat -c %g /data/a/b/file'
	ok run --bundle "$B" "$CT"
	is "$output" 5
	clean
}

@test "volume: a block device, which nothing else gets meanwhile" {
	image
	local loop
	loop=$(losetup -f --show "$T/disk.img")
	ok volume add $VOL "$(info block "$loop")"
	mounted directvol /data
	edit '.linux.devices += [{path: "/dev/again", type: "b", major: 7, minor: '"${loop#/dev/loop}"'}]'
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "is in use on this host"
	edit '.linux.devices = []'
	script 'grep /data /proc/mounts; echo written >/data/file'
	ok run --bundle "$B" "$CT"
	has "$output" "/dev/vda /data ext4"
	clean
	# What the loop device shows is not given as a file as well.
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "device '$T/disk.img' is in use on this host: $loop"
	[ ! -e "$ROOT/$CT" ]
}

@test "volume: a vhost-user target" {
	image
	serve "$T/spdk.sock"
	ok volume add $VOL "$(info spdkvol "spdk://$T/spdk.sock" '{metadata: {num_queues: "1"}}')"
	mounted spdkvol /data
	script 'grep /data /proc/mounts; echo written >/data/file'
	ok run --bundle "$B" "$CT"
	has "$output" "/dev/vda /data ext4 rw"
	kill -KILL "$TARGET"
	wait "$TARGET" || true
	clean
	refused "volume '$VOL': vhost-user target"
	rm -f "$T/spdk.sock"
	refused "does its target run?"
	touch "$T/spdk.sock"
	refused "device '$T/spdk.sock' is not a socket"
	[ ! -e "$ROOT/$CT" ]
}

@test "volume: what cannot be mounted is said" {
	image
	mounted directvol /data
	refused "mounts[" "'/data': '$VOL' is not registered as a volume (moat volume add)"
	local case
	while IFS='|' read -r case part; do
		ok volume add $VOL "$(info directvol "$T/disk.img" "$case")"
		refused "mounts[" "volume" "$part"
		[ ! -e "$ROOT/$CT" ]
	done <<-EOF
		{device: "/nonexistent"}|device '/nonexistent': no such file or directory
		{device: "/dev/null"}|is neither a file nor a block device
		{fstype: ""}|mountInfo.json has no fstype
		{fstype: "xfs"}|mount the file system as xfs
		{fstype: "nosuchfs"}|the guest's kernel has no file system nosuchfs
		{options: ["nosuch=1"]}|mount the file system as ext4 with nosuch=1
		{"volume-type": "vfiovol", device: "0000:77:00.0"}|device '0000:77:00.0'
	EOF
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	truncate -s 0 "$T/disk.img"
	refused "has 0 bytes"
	edit '.mounts += [.mounts[-1]]'
	refused "the volume is that of mounts["
	echo '{}' >"$VOLUMES/$NAME/mountInfo.json"
	refused "volume '$VOL': mountInfo.json: volume-type is required"
	chmod 666 "$VOLUMES/$NAME/mountInfo.json"
	refused "mountInfo.json: others can write to it"
	is "$("$BIN" "${OPTIONS[@]}" volume list | jq -c 'map([.path, (.error | length > 0)])')" "[[\"$VOL\",true]]"
}

@test "volume: --dry-run prints them and opens nothing" {
	image
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	mounted bind /data rbind ro
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -c '.volumes | map(del(.index))' "$T/stdout")" \
		"[{\"path\":\"$VOL\",\"destination\":\"/data\",\"kind\":\"file\",\"source\":\"$T/disk.img\",\"fstype\":\"ext4\",\"readonly\":true}]"
	[ ! -e "$ROOT/$CT" ]
}
