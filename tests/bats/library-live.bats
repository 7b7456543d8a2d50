#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What libmoat adds to a container that runs, and removes: devices and direct volumes.
# bats file_tags=moat

load helpers
load netns
load disks
load library

# driver: builds a program that calls one function: VERB ID ARGUMENT...; what goes wrong is said with its number
driver()
{
	cat >"$T/driver.c" <<-'EOF'
		#include <moat.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>

		int main(int argc, char **argv)
		{
			struct moat_error err = { 0 };
			struct moat *m = moat_new();
			const char *verb = argv[5], *id = argv[6];
			char *text = NULL;
			int r;

			moat_set_configuration(m, argv[2]);
			moat_set_root(m, argv[4]);
			if (strcmp(verb, "add") == 0)
				r = moat_container_add_device(m, id, argv[7], argv[8], argc > 9 ? argv[9] : NULL, argc > 10 ? argv[10] : NULL, &err);
			else if (strcmp(verb, "remove") == 0)
				r = moat_container_remove_device(m, id, argv[7], argc > 8, &err);
			else if (strcmp(verb, "list") == 0)
				r = moat_container_list_devices(m, id, &text, &err);
			else if (strcmp(verb, "mount") == 0)
				r = moat_container_add_volume(m, id, argv[7], argv[8], argc > 9 ? argv[9] : NULL, &err);
			else if (strcmp(verb, "unmount") == 0)
				r = moat_container_remove_volume(m, id, argv[7], argc > 8, &err);
			else if (strcmp(verb, "mounts") == 0)
				r = moat_container_list_volumes(m, id, &text, &err);
			else
				r = moat_container_network(m, id, &text, &err);
			if (r < 0)
				fprintf(stderr, "%s: %s\n", strerror(-r), err.msg);
			else if (text)
				puts(text);
			free(text);
			moat_free(m);
			return r < 0;
		}
	EOF
	# shellcheck disable=SC2046
	gcc -Wall -Wextra -Werror -o "$EXAMPLE" "$T/driver.c" $(pkg-config --cflags --libs moat)
}

# does VERB ID ARGUMENT...
does()
{
	example "$@"
	is "$status $stderr" "0 "
}

# fails PART VERB ID ARGUMENT...
fails()
{
	example "${@:2}"
	is "$status" 1
	has "$stderr" "$1"
}

# inside SCRIPT: in the container
inside()
{
	ok exec "$CT" sh -c "$1"
}

# killed N VERB ARGUMENT...: is killed when it comes to its Nth system call
killed()
{
	LD_LIBRARY_PATH=$LIB "$TOOLS/killat" "$1" "$EXAMPLE" -c "$T/configuration.toml" -r "$ROOT" "$2" "$CT" "${@:3}" 2>&1 3>&- || true
}

# a disk of 4 MiB on the host; sets LOOP
loop()
{
	truncate -s 4M "$T/disk.img"
	LOOP=$(losetup -f --show "$T/disk.img")
}

# privileged: the container may mount
privileged()
{
	edit '.root.readonly = false | .process.capabilities |= map_values(. + ["CAP_SYS_ADMIN", "CAP_MKNOD"])'
}

# mapped: $CT-mapped, with a user namespace, joins the machine
mapped()
{
	make_bundle "$T/bundle-mapped"
	rm -r "$B/rootfs"
	cp -a "$BASE/rootfs" "$B/rootfs"
	chown -hR 100000:100000 "$B/rootfs"
	chmod 755 "$T" "$B"
	script 'sleep 1000'
	joins "$CT"
	edit '.linux.namespaces += [{type: "user"}] | (.linux.uidMappings, .linux.gidMappings) = [{containerID: 0, hostID: 100000, size: 2000}]'
	ok run --detach --bundle "$B" "$CT-mapped"
}

@test "library: a program of less than 100 lines lends a disk to a container that runs" {
	[ "$(wc -l <"$TOP/contrib/examples/plug.c")" -lt 100 ]
	# shellcheck disable=SC2046
	cc_example plug $(pkg-config --libs moat)
	HOST=ml$BATS_TEST_NUMBER
	cp "$BASE/config.json" "$B/config.json"
	make_netns
	veth 1
	ip -n "$NS" route add default via 10.99.1.1
	script 'sleep 1000'
	privileged
	loop
	mkfs.ext4 -q "$T/disk.img"
	ok run --detach --bundle "$B" "$CT"
	example -n '{"fileMode": 384, "gid": 5}' "$CT" "$LOOP" /dev/new/disk sh -c \
		'stat -c "%n %F %a %u:%g" /dev/new/disk; mount -t ext4 /dev/new/disk /mnt && echo inside >/mnt/file && umount /mnt; exit 9'
	is "$status $stderr" "9 "
	is "$(jq -c --arg loop "$LOOP" 'select(type == "array") | map(select(.source == $loop) | {path, kind, readonly, fileMode, uid, gid, plugged})' <<<"$(head -2 <<<"$output")")" \
		'[{"path":"/dev/new/disk","kind":"block","readonly":false,"fileMode":384,"uid":0,"gid":5,"plugged":true}]'
	is "$(tail -1 <<<"$output")" "/dev/new/disk block special file 600 0:5"
	# The guest's network is the namespace's.
	is "$(sed -n 2p <<<"$output" | jq -c '.interfaces[] | select(.name == "eth0") | [.mac, .mtu, .up, .addresses[0]]')" \
		"[\"$(ip -n "$NS" -j link show eth0 | jq -r '.[0].address')\",1500,true,\"10.99.1.2/24\"]"
	is "$(sed -n 2p <<<"$output" | jq -c '.routes[] | select(.to == "default" and .family == 4) | [.via, .dev]')" '["10.99.1.1","eth0"]'
	# The host has its disk back, with the file.
	is "$(debugfs -R 'cat file' "$T/disk.img" 2>/dev/null)" inside
	e2fsck -fn "$T/disk.img"
	is "$(jq -c .devices "$ROOT/$CT/state.json")" null
	free_loops "$T/disk.img"
}

@test "library: disks come and go while a container runs" {
	driver
	STORE=$T/vhost-user
	settings 'enable_vhost_user_store = true' "vhost_user_store_path = \"$STORE\"" 'vhost_user_reconnect_timeout_sec = 1'
	cp "$BASE/config.json" "$B/config.json"
	script 'sleep 1000'
	privileged
	edit '.linux.devices += [{path: "/dev/kmsg", type: "c", major: 1, minor: 11}]'
	loop
	ok run --detach --bundle "$B" "$CT"

	# What is wrong is found out before anything is made.
	fails "Invalid argument: 'disk' is no absolute path" add "$CT" "$LOOP" disk
	fails "Invalid argument: '/dev/../disk'" add "$CT" "$LOOP" /dev/../disk
	fails 'Invalid argument: access "x"' add "$CT" "$LOOP" /dev/disk x
	fails "Invalid argument: node: 'mode'" add "$CT" "$LOOP" /dev/disk r '{"mode": 1}'
	fails "Invalid argument: uid" add "$CT" "$LOOP" /dev/disk r '{"uid": -1}'
	fails "No such device: '/etc/passwd' is no device" add "$CT" /etc/passwd /dev/disk
	fails "not supported: '/dev/null'" add "$CT" /dev/null /dev/disk
	fails "File exists" add "$CT" "$LOOP" /dev/kmsg
	fails "No such file or directory: the container has no device" remove "$CT" /dev/disk
	fails "not supported: device /dev/kmsg was given to the container at its creation" remove "$CT" /dev/kmsg
	# Something is there in the guest only: then all is undone.
	fails "File exists: make device /dev/full" add "$CT" "$LOOP" /dev/full
	is "$(blockdev --getro "$LOOP") $(jq -c .devices "$ROOT/$CT/state.json")" "0 null"

	# It may be used as long as it is there.
	does add "$CT" "$LOOP" /dev/disk
	fails "Device or resource busy: '$LOOP' is in use on this host" add "$CT" "$LOOP" /dev/another
	fails "File exists" add "$CT" "$LOOP" /dev/disk
	inside 'echo written | dd of=/dev/disk conv=notrunc 2>/dev/null; cp -a /dev/disk /dev/copy'
	does remove "$CT" /dev/disk
	is "$(head -c 7 "$T/disk.img")" written
	does add "$CT" "$LOOP" /dev/disk r
	ko 1 exec "$CT" sh -c 'echo x >/dev/disk'
	inside 'head -c 7 /dev/disk; head -c 7 /dev/copy'
	is "$output" writtenwritten
	does remove "$CT" /dev/disk
	ko 1 exec "$CT" head -c 1 /dev/copy
	has "$stderr" "not permitted"
	inside '! ls /dev/disk'

	# One that is mounted is busy, and stays; unless it is pulled.
	mkfs.ext4 -q "$T/disk.img"
	does add "$CT" "$LOOP" /dev/disk
	inside 'mount -t ext4 /dev/disk /mnt'
	fails "busy: device /dev/disk is in use in the container" remove "$CT" /dev/disk
	inside 'echo more >/mnt/file; sync'
	does list "$CT"
	is "$(jq -c 'map([.path, .plugged])' <<<"$output")" '[["/dev/kmsg",false],["/dev/disk",true]]'
	does remove "$CT" /dev/disk force
	inside 'umount /mnt; ! ls /dev/disk'

	# A caller that is killed leaves nothing in the way of the next, wherever that happened.
	local calls n
	calls=$(killed 0 add "$LOOP" /dev/disk | sed -n 's/^ended after //p')
	does remove "$CT" /dev/disk
	for n in 31 27 23 19 15 11; do
		killed $((calls - n)) add "$LOOP" /dev/disk | grep -q "killed at"
		example add "$CT" "$LOOP" /dev/disk
		does remove "$CT" /dev/disk
	done

	# A disk that another process serves.
	rm "$T/disk.img"
	target disk0
	does add "$CT" "$STORE/block/devices/disk0" /dev/served
	inside 'head -c 4096 /dev/served'
	cmp "$T/stdout" <(head -c 4096 "$T/disk.img")
	does list "$CT"
	is "$(jq -c '.[] | select(.plugged) | [.kind, .source]' <<<"$output")" "[\"vhost-user-blk\",\"$STORE/block/sockets/disk0\"]"
	does remove "$CT" /dev/served

	# That of one which has joined the machine goes with it.
	make_bundle "$T/bundle-joined"
	script 'sleep 1000'
	joins "$CT"
	ok run --detach --bundle "$B" "$CT-joined"
	does add "$CT-joined" "$LOOP" /dev/disk
	fails "in use on this host" add "$CT" "$LOOP" /dev/disk
	ok delete --force "$CT-joined"
	# One with a user namespace gets none, as at its creation.
	mapped
	fails "not supported: a container with a user namespace" add "$CT-mapped" "$LOOP" /dev/disk
	does add "$CT" "$LOOP" /dev/disk
	ok kill "$CT" KILL
	within 20 stopped
	fails "No such process: container with id $CT is not running" remove "$CT" /dev/disk
	fails "No such process" network "$CT"
	losetup -d "$LOOP"
	within 10 unused "$LOOP"
}

# users: of $VOL, as the host knows them
users()
{
	cli volume list | jq -c --arg vol "$VOL" '.[] | select(.path == $vol) | .users | map([.id, .readonly])'
}

@test "library: volumes come and go while a container runs" {
	[ "$(wc -l <"$TOP/contrib/examples/volume.c")" -lt 100 ]
	driver
	settings '[runtime]' "direct_volume_path = \"$T/direct-volumes\""
	cp "$BASE/config.json" "$B/config.json"
	script 'sleep 1000'
	privileged
	image
	truncate -s 32M "$T/given.img"
	mkfs.ext4 -q "$T/given.img"
	ok volume add $VOL "$(info directvol "$T/disk.img" '{options: ["data=ordered"], metadata: {fsGroup: "4321"}}')"
	ok volume add /given "$(info directvol "$T/given.img")"
	edit '.mounts += [{type: "directvol", source: "/given", destination: "/given", options: ["nosuid"]}]'
	ok run --detach --bundle "$B" "$CT"

	# What is wrong is found out before anything is made.
	fails "Invalid argument: destination 'data'" mount "$CT" $VOL data
	fails "Invalid argument: destination '/a/../data'" mount "$CT" $VOL /a/../data
	fails "Invalid argument: destination '/'" mount "$CT" $VOL /
	fails "not supported: destination '/dev/disk': there are only devices below /dev" mount "$CT" $VOL /dev/disk
	fails 'Invalid argument: options: "data=journal"' mount "$CT" $VOL /data ro,data=journal
	fails "No such file or directory: source '/nowhere' is not registered" mount "$CT" /nowhere /data
	fails "Invalid argument: volume path 'nowhere' is not absolute" mount "$CT" nowhere /data
	fails "File exists: the container has a mount at /given" mount "$CT" $VOL /given
	fails "File exists: the container has the volume already" mount "$CT" /given /data
	fails "No such file or directory: the container has no volume at /data" unmount "$CT" /data
	fails "not supported: the mount at /given was given to the container at its creation" unmount "$CT" /given
	# What only the guest finds out is undone: mounts in /proc, by name and by a link.
	inside 'ln -s /proc/sys /link'
	fails '"/proc/sys" cannot be mounted because it is inside /proc' mount "$CT" $VOL /proc/sys
	fails '"/link" cannot be mounted because it is inside /proc' mount "$CT" $VOL /link
	is "$(users) $(jq -c .added_volumes "$ROOT/$CT/state.json")" "[] null"

	# Written, listed, known to the host; in use it stays; then its bytes are on the host.
	inside 'mkdir /real && ln -s /real /via'
	does mount "$CT" $VOL /via/new/data noatime
	inside 'grep " /real/new/data " /proc/mounts; stat -c "%g %a" /via/new/data; echo written >/via/new/data/file'
	is "$output" $'/dev/vdb /real/new/data ext4 rw,noatime,data=ordered 0 0\n4321 2775'
	does mounts "$CT"
	is "$(jq -c 'map([.destination, .source, .options, .plugged])' <<<"$output")" \
		"[[\"/given\",\"/given\",[\"nosuid\"],false],[\"/via/new/data\",\"$VOL\",[\"noatime\"],true]]"
	is "$(users)" "[[\"$CT\",false]]"
	ko 1 volume remove $VOL
	has "$stderr" "is in use by container '$CT'"
	ok volume stats $VOL
	ok volume resize $VOL 48m
	inside 'df -k /real/new/data'
	(($(awk 'NR == 2 { print $2 }' "$T/stdout") > 40000))
	fails "File exists: the container has the volume already, at /via/new/data" mount "$CT" $VOL /other
	inside '(cd /real/new/data; exec sleep 1000) >/dev/null 2>&1 & echo $! >/pid'
	fails "busy: the volume at /via/new/data is in use" unmount "$CT" /via/new/data
	# Not in use by name, but the container has it elsewhere, too.
	inside 'kill $(cat /pid); while ls /proc/$(cat /pid)/cwd/ >/dev/null 2>&1; do sleep 0.1; done
		mkdir /else; mount --bind /real/new/data /else'
	fails "busy: the file system is in use or mounted elsewhere" unmount "$CT" /via/new/data
	inside 'umount /else; cat /real/new/data/file'
	is "$output" written
	ok volume stats $VOL
	does unmount "$CT" /via/new/data
	is "$(users) $(jq -c .added_volumes "$ROOT/$CT/state.json")" "[] null"
	clean
	is "$(debugfs -R 'cat file' "$T/disk.img" 2>/dev/null)" written
	inside '! grep /real /proc/mounts; ls -A /real/new/data'
	is "$output" ""

	# Read-only, twice: in both machines.
	does mount "$CT" $VOL /data ro
	ko 1 exec "$CT" sh -c 'echo more >/data/more'
	has "$stderr" "Read-only file system"
	make_bundle "$T/bundle-other"
	mounted directvol /data ro
	args cat /data/file
	ok run --bundle "$B" "$CT-other"
	is "$output" written
	edit '.mounts[-1].options = []'
	ko 1 run --bundle "$B" "$CT-other"
	has "$stderr" "in use by container '$CT'"
	does unmount "$CT" /data
	args sleep 1000
	ok run --detach --bundle "$B" "$CT-other"
	fails "busy: volume '$VOL': it is in use by container '$CT-other'" mount "$CT" $VOL /data
	ok delete --force "$CT-other"

	# With force it goes, and what was written is there.
	does mount "$CT" $VOL /data
	inside '(cd /data; while echo more; do sleep 0.1; done >>more; exec sleep 1000) >/dev/null 2>&1 & sleep 0.5'
	does unmount "$CT" /data force
	clean
	is "$(debugfs -R 'cat more' "$T/disk.img" 2>/dev/null | head -1)" more

	# The example does it for a command, on the way that its first lines say.
	# shellcheck disable=SC2046
	EXAMPLE=$T/volume cc_example volume $(pkg-config --libs moat)
	EXAMPLE=$T/volume example -o nodev "$CT" $VOL /data sh -c 'grep -c " /data .*nodev" /proc/mounts; echo lent >/data/lent; exit 7'
	is "$status $stderr" "7 "
	is "$(tail -1 <<<"$output") $(head -1 <<<"$output" | jq -c 'map(select(.plugged).source)')" "1 [\"$VOL\"]"
	is "$(debugfs -R 'cat lent' "$T/disk.img" 2>/dev/null)" lent

	# A caller that is killed leaves nothing in the way of the next, wherever that happened.
	local calls n
	calls=$(killed 0 mount $VOL /data | sed -n 's/^ended after //p')
	does unmount "$CT" /data
	for n in 90 55 40 30 20 9; do
		killed $((calls - n)) mount $VOL /data | grep -q "killed at"
		example mount "$CT" $VOL /data
		does unmount "$CT" /data
	done

	# That of one which has joined the machine goes with it.
	make_bundle "$T/bundle-joined"
	script 'sleep 1000'
	joins "$CT"
	ok run --detach --bundle "$B" "$CT-joined"
	fails "Read-only file system: make directory '/data'" mount "$CT-joined" $VOL /data
	does mount "$CT-joined" $VOL /mnt
	fails "busy: volume '$VOL': it is in use by container '$CT-joined'" mount "$CT" $VOL /data
	ok delete --force "$CT-joined"
	is "$(users)" "[]"
	mapped
	fails "not supported: a container with a user namespace" mount "$CT-mapped" $VOL /mnt
	is "$(users)" "[]"
	does mount "$CT" $VOL /data
	ok kill "$CT" KILL
	within 20 stopped
	fails "No such process: container with id $CT is not running" unmount "$CT" /data
	ok delete "$CT"
	ok volume remove $VOL
	clean
}

unused()
{
	[ -z "$(losetup -nO BACK-FILE "$1" 2>/dev/null)" ]
}
