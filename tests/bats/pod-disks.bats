#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Direct volumes and vhost-user disks of containers that join a pod: plugged into its machine, and out again.
# bats file_tags=moat

load helpers
load pod
load disks

# The suite's VM, with volumes and a store of this test's own
configure()
{
	STORE=$T/vhost-user
	{
		cat "$CONFIG"
		printf 'enable_vhost_user_store = true\nvhost_user_store_path = "%s"\n' "$STORE"
		printf '[runtime]\ndirect_volume_path = "%s"\n' "$T/direct-volumes"
	} >"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
}

users()
{
	"$BIN" "${OPTIONS[@]}" volume list | jq -c 'map([.users[].id])'
}

@test "pod disks: a direct volume, its stats and growth, and its end with the container" {
	configure
	# More than the machine's memory: what is beyond that has to be writable, too.
	truncate -s 600M "$T/disk.img"
	mkfs.ext4 -q "$T/disk.img"
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	sandbox
	member_bundle "$CT-a"
	mounted directvol /data
	ok run --dry-run --bundle "$B" "$CT-a"
	is "$(jq -c '.volumes | map([.kind, .source, .destination])' "$T/stdout")" "[[\"file\",\"$T/disk.img\",\"/data\"]]"
	is "$(users)" '[[]]'
	ok run --detach --bundle "$B" "$CT-a"
	ok exec "$CT-a" grep /data /proc/mounts
	has "$output" " /data ext4 rw"
	ko 1 exec "$SB" ls /data
	ok exec "$CT-a" sh -c 'dd if=/dev/zero of=/data/big bs=1M count=400 && sync && echo written >/data/file'
	is "$(users)" "[[\"$CT-a\"]]"
	ok volume stats $VOL
	is "$(jq '.usage[1].total' "$T/stdout")" "$(cli exec "$CT-a" df -i /data | awk 'NR == 2 { print $2 }')"
	ok volume resize $VOL 700m
	is "$(stat -c %s "$T/disk.img")" $((700 << 20))
	ok exec "$CT-a" df -k /data
	(($(awk 'NR == 2 { print $2 }' "$T/stdout") > 600000))
	# nobody else has it, in this machine or in another
	member_bundle "$CT-b"
	mounted bind /data rbind
	ko 1 run --bundle "$B" "$CT-b"
	has "$stderr" "'/data': volume '$VOL': it is in use by container '$CT-a'"
	[ ! -e "$ROOT/$CT-b" ]
	ko 1 volume remove $VOL
	ok kill "$CT-a" KILL
	within 20 has_status stopped "$CT-a"
	ok delete "$CT-a"
	is "$(plugged "$T/disk.img")" 0
	is "$(users)" '[[]]'
	clean
	is "$(debugfs -R 'cat file' "$T/disk.img" 2>/dev/null)" written
	# The next one is the same disk for another container.
	ok run --detach --bundle "$B" "$CT-b"
	is "$(cli exec "$CT-b" cat /data/file)" written
	ok delete --force "$CT-b"
	is "$(plugged "$T/disk.img")" 0
	clean
	ok volume remove $VOL
	ok exec "$SB" true
}

@test "pod disks: a container with a disk and two volumes, each in its place" {
	configure
	image
	ok volume add $VOL "$(info directvol "$T/disk.img" '{options: ["ro"]}')"
	printf node >"$T/node.img"
	truncate -s 16M "$T/node.img"
	ok volume add /node "$(info directvol "$T/node.img")"
	printf loop >"$T/loop.img"
	truncate -s 1M "$T/loop.img"
	LOOP=$(losetup -f --show "$T/loop.img")
	sandbox
	member_bundle "$CT-a"
	device /dev/xvda b 7 "${LOOP#/dev/loop}"
	mounted bind /data rbind
	edit '.mounts += [{type: "directvol", source: "/node", destination: "/dev/xvdb"}]'
	ok run --detach --bundle "$B" "$CT-a"
	is "$(cli exec "$CT-a" sh -c 'head -c 4 /dev/xvda; head -c 4 /dev/xvdb; ls /data')" "loopnodelost+found"
	ok exec "$CT-a" grep /data /proc/mounts
	has "$output" " /data ext4 ro"
	# One that fails takes nothing with it, and leaves nothing.
	member_bundle "$CT-b"
	mounted bind /data rbind
	args /no/such
	ko 1 run --bundle "$B" "$CT-b"
	is "$(users)" "[[\"$CT-a\"],[\"$CT-a\"]]"
	[ "$(plugged "$T/disk.img")" -gt 0 ]
	ok delete --force "$CT-a"
	is "$(users) $(plugged) $(plugged "$T/disk.img") $(plugged "$T/node.img")" '[[],[]] 0 0 0'
	free_loops "$T/loop.img"
}

@test "pod disks: a create that is killed leaves the volume to the next" {
	configure
	image
	ok volume add $VOL "$(info directvol "$T/disk.img")"
	sandbox
	member_bundle "$CT-a"
	mounted directvol /data
	edit --arg gate "$T/gate" '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "touch \($gate); exec sleep 1000"]}]}'
	background cli create --bundle "$B" "$CT-a"
	within 20 test -e "$T/gate"
	[ "$(plugged "$T/disk.img")" -gt 0 ]
	kill -KILL "$PID"
	reaped "$PID"
	ok delete --force "$CT-a"
	is "$(plugged "$T/disk.img") $(users)" '0 [[]]'
	member_bundle "$CT-b"
	mounted directvol /data
	ok run --detach --bundle "$B" "$CT-b"
	ok delete --force "$SB"
	within 20 has_status stopped "$CT-b"
	ok delete "$CT-b"
	is "$(users)" '[[]]'
}

@test "pod disks: vhost-user targets, as a device and as a volume" {
	configure
	image
	target vhostblk0
	ok volume add $VOL "$(info spdkvol "spdk://$STORE/block/sockets/vhostblk0")"
	sandbox
	member_bundle "$CT-a"
	device /dev/vda b 241 0 '{fileMode: 420, uid: 0, gid: 0}'
	ok run --detach --bundle "$B" "$CT-a"
	is "$(cli exec "$CT-a" sha256sum /dev/vda | cut -d' ' -f1)" "$(sha256sum <"$T/disk.img" | cut -d' ' -f1)"
	ok delete --force "$CT-a"
	# The target serves one machine at a time: it has been let go of.
	member_bundle "$CT-b"
	mounted spdkvol /data
	ok run --detach --bundle "$B" "$CT-b"
	ok exec "$CT-b" sh -c 'echo written >/data/file'
	ok kill "$CT-b" KILL
	within 20 has_status stopped "$CT-b"
	ok delete "$CT-b"
	# One that dies costs its container the disk, and the pod nothing.
	member_bundle "$CT-d"
	device /dev/vda b 241 0
	ok run --detach --bundle "$B" "$CT-d"
	kill -KILL "$TARGET"
	reaped "$TARGET"
	within 10 grep -q "vhost-user target '$STORE/block/sockets/vhostblk0' is gone" "$ROOT/$SB/monitor.log"
	ok delete --force "$CT-d"
	clean
	is "$(debugfs -R 'cat file' "$T/disk.img" 2>/dev/null)" written
	member_bundle "$CT-c"
	mounted spdkvol /data
	ko 1 run --bundle "$B" "$CT-c"
	has "$stderr" "volume '$VOL': vhost-user target"
	[ ! -e "$ROOT/$CT-c" ]
	ok exec "$SB" true
}

@test "pod disks: a vhost-user target that comes back" {
	configure
	sed -i 's/^enable_vhost_user_store.*/&\nvhost_user_reconnect_timeout_sec = 1/' "$T/configuration.toml"
	target vhostblk0
	sandbox
	member_bundle "$CT-a"
	device /dev/vda b 241 0
	ok run --detach --bundle "$B" "$CT-a"
	ok exec "$CT-a" sh -c 'printf before | dd of=/dev/vda conv=notrunc,fsync'
	kill -KILL "$TARGET"
	reaped "$TARGET"
	within 10 grep -q "vhost-user target '$STORE/block/sockets/vhostblk0' is gone" "$ROOT/$SB/monitor.log"
	background cli exec "$CT-a" sh -c 'printf AFTER! | dd of=/dev/vda conv=notrunc,fsync'
	writer=$PID
	# A target that is started anew makes a new socket.
	rm -f "$STORE/block/sockets/vhostblk0"
	target vhostblk0
	wait "$writer"
	is "$(head -c 6 "$T/disk.img")" 'AFTER!'
	within 10 grep -q "vhost-user target '$STORE/block/sockets/vhostblk0' is there again" "$ROOT/$SB/monitor.log"
	# The relay is one of the container's processes, and goes when the disk does.
	relay=$(pgrep -f "^moat-monitor relay $STORE/")
	grep -q "$CT-a" "/proc/$relay/cgroup"
	ok delete --force "$CT-a"
	within 10 gone "$relay"
	# Or with the machine, also when there is no target.
	member_bundle "$CT-b"
	device /dev/vda b 241 0
	ok run --detach --bundle "$B" "$CT-b"
	relay=$(pgrep -f "^moat-monitor relay $STORE/")
	kill -KILL "$TARGET"
	reaped "$TARGET"
	within 10 eval "[ \"\$(grep -c 'is gone' '$ROOT/$SB/monitor.log')\" = 2 ]"
	ok delete --force "$SB"
	within 10 gone "$relay"
	within 20 has_status stopped "$CT-b"
	ok delete "$CT-b"
}
