#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# VFIO with the devices of lab.sh: seed 004's `docker run --device=/dev/vfio/16`, as the bundle that docker makes of it.
# bats file_tags=moat

load ../bats/helpers
load vfio

setup()
{
	begin
	make_bundle
}

# classes: what `lspci -n` shows of a container, in which there is only busybox
LSPCI='for d in /sys/bus/pci/devices/*; do echo "$(cat $d/class) $(cat $d/vendor):$(cat $d/device)"; done'

qemu_of()
{
	pgrep -P "$(jq .monitor.pid "$ROOT/$CT/state.json")" -f qemu-system
}

@test "vfio: an NVMe disk, read and written from a container, and back on the host" {
	local qemu
	give $NVME vfio-pci
	node_of $NVME
	printf 'from the host' | dd of=$IMAGE conv=notrunc,fsync 2>/dev/null
	device "$NODE"
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -c '.devices | map([.path, .kind, .source, .functions])' "$T/stdout")" \
		"[[\"$NODE\",\"vfio\",\"$NODE\",[\"$NVME\"]]]"
	# The host's number is not the guest's: what the rule allowed may be another device there.
	edit '.process.capabilities |= map_values(. + ["CAP_MKNOD"])'
	script "$LSPCI"'; ls -d /dev/vfio 2>&1; mknod /dev/number c '"$((0x$(stat -c %t "$NODE"))) $((0x$(stat -c %T "$NODE")))"'
		cat /dev/number 2>&1; head -c 13 /dev/nvme0n1; echo
		printf "from the guest" | dd of=/dev/nvme0n1 bs=512 seek=8 conv=sync,fsync 2>/dev/null
		ls -ln /dev/nvme0n1; echo ready; exec sleep 1000'
	background cli run --bundle "$B" "$CT" >"$T/out"
	within 400 grep -q ready "$T/out"
	cat "$T/out"
	has "$(cat "$T/out")" "0x010802 0x1b36:0x0010" "No such file" "/dev/number': Operation not permitted" "from the host" "259,   0"
	is "$(dd if=$IMAGE bs=512 skip=8 count=1 2>/dev/null | tr -d '\0')" "from the guest"

	# Only one can have it.
	ko 1 run --bundle "$B" "$CT-2"
	has "$stderr" "linux.devices[0] '$NODE': VFIO group $GROUP is in use"
	# It was started from the template. It has no rights, sees its own group, and of sysfs the way there.
	qemu=$(qemu_of)
	has "$(tr '\0' ' ' <"/proc/$qemu/cmdline")" "-accel kvm" "-incoming defer"
	is "$(sed -n 's/^CapEff:\t//p' "/proc/$qemu/status")" 0000000000000000
	is "$(find "/proc/$qemu/root/sys" ! -type d -printf '%P\n')" "bus/pci/devices/$NVME/iommu_group"
	is "$(find "/proc/$qemu/root/dev/vfio" -type c -printf '%f\n' | sort | paste -sd' ')" "$GROUP vfio"

	ok delete --force "$CT"
	within 30 is_free "$NODE"
	# The host's own driver takes it again.
	give $NVME nvme
	within 30 test -b /dev/nvme0n1
	is "$(dd if=/dev/nvme0n1 bs=512 skip=8 count=1 2>/dev/null | tr -d '\0')" "from the guest"
}

@test "vfio: a volume that is the NVMe disk, which the guest mounts" {
	settings '[runtime]' "direct_volume_path = \"$T/volumes\""
	mkfs.ext4 -q $IMAGE
	give $NVME vfio-pci
	node_of $NVME
	ok volume add /nvme "{\"volume-type\":\"vfiovol\",\"device\":\"${NVME#0000:}\",\"fstype\":\"ext4\"}"
	edit '.mounts += [{type: "vfiovol", source: "/nvme", destination: "/data", options: ["rbind", "rw"]}]'
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -c '.volumes | map([.kind, .source, .destination, .fstype])' "$T/stdout")" '[["vfio","01:00.0","/data","ext4"]]'
	script 'grep /data /proc/mounts; ls /dev/nvme0n1 /dev/vfio 2>&1; echo written >/data/file; exec sleep 1000'
	background cli run --bundle "$B" "$CT" >"$T/out"
	within 400 grep -q "/dev/vfio" "$T/out"
	cat "$T/out"
	has "$(cat "$T/out")" "/dev/nvme0n1 /data ext4 rw" "/dev/nvme0n1: No such file" "/dev/vfio: No such file"
	ok volume stats /nvme
	is "$(jq .volume_condition.abnormal "$T/stdout")" false
	ko 1 run --bundle "$B" "$CT-2"
	has "$stderr" "volume '/nvme': it is in use by container '$CT'"
	ok kill "$CT" KILL
	reaped "$PID"
	within 30 is_free "$NODE"
	e2fsck -fn $IMAGE
	is "$(debugfs -R 'cat file' $IMAGE 2>/dev/null)" written
	# In place of a mount, the disk
	edit '.mounts[-1].destination = "/dev/xvdn"'
	script 'ls -ln /dev/xvdn; dd if=/dev/xvdn bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1'
	ok run --bundle "$B" "$CT"
	has "$output" "259,   0" "53 ef"
	give $NVME nvme
}

# The commands of the how-to: indented lines, but for callers that are not here, and what they print
howto()
{
	sed -n '/^    /s/^    //p' "$TOP/docs/howto-vfio.md" | sed '/^docker /d; /^podman /d; /^\[/d; /^[a-z_]* = /d; /^{/,/^}/d'
}

# bats test_tags=long
@test "vfio: docs/howto-vfio.md, word for word" {
	mkdir "$T/bin"
	printf '#!/bin/sh\nexec %q --config %q --root %q "$@"\n' "$BIN" "$CONFIG" "$ROOT" >"$T/bin/moat"
	chmod +x "$T/bin/moat"
	script "$LSPCI"'; test -b /dev/nvme0n1 && echo "a disk"'
	cd "$B"
	PATH=$T/bin:$PATH try bash -ex -c "$(howto)"
	[ "$status" = 0 ]
	has "$output" "/dev/vfio/" '"functions": [' "0x010802 0x1b36:0x0010" "a disk"
	is "$(basename "$(readlink "/sys/bus/pci/devices/$NVME/driver")")" nvme
}

# bats test_tags=long
@test "vfio: podman run --device" {
	command -v podman >/dev/null || skip "no podman"
	give $NVME vfio-pci
	node_of $NVME
	settings
	try podman --runtime "$BIN" --runtime-flag "config=$T/configuration.toml" --root "$T/podman" --runroot "$T/podman.run" \
		--tmpdir "$T/podman.tmp" --cgroup-manager cgroupfs --events-backend none \
		run --rm --network none --device="$NODE" --rootfs "$B/rootfs" \
		sh -c "$LSPCI"'; ls /dev/vfio 2>&1; head -c 512 /dev/nvme0n1 | wc -c'
	[ "$status" = 0 ]
	has "$output" "0x010802 0x1b36:0x0010" "No such file" 512
	within 30 is_free "$NODE"
}

# bats test_tags=long
@test "vfio: a network card beside one with memory that the guest has to find when it boots" {
	local nodes=() address ns=lab-$SUITE
	ip netns add "$ns"
	ip link add lab0 type veth peer name eth0 netns "$ns"
	ip -n "$ns" addr add 10.99.1.2/24 dev eth0
	ip -n "$ns" link set eth0 up
	edit '(.linux.namespaces[] | select(.type == "network")).path = $ARGS.positional[0]' --args "/run/netns/$ns"
	for address in $NIC $LARGE; do
		give $address vfio-pci
		node_of $address
		device "$NODE"
		nodes+=("$NODE")
	done
	# eth0 is the caller's, whichever the kernel has found first.
	script "$LSPCI"'; ip addr show eth0; ip link set eth1 up; ip addr add 10.0.2.15/24 dev eth1; ping -c 2 -W 10 10.0.2.2
		stat -c %s /sys/bus/pci/devices/*/resource2 2>/dev/null'
	edit '.process.capabilities |= map_values(. + ["CAP_NET_ADMIN", "CAP_NET_RAW"])'
	ok run --bundle "$B" "$CT"
	has "$output" "0x020000 0x1af4:0x1041" "0x050000 0x1af4:0x1110" 10.99.1.2/24 "2 packets received" 16777216
	ip netns del "$ns"
	within 30 is_free "${nodes[0]}"
	within 30 is_free "${nodes[1]}"
}

# bats test_tags=long
@test "vfio: what is missing is said, with the next step" {
	give $PAIR.0 vfio-pci
	node_of $PAIR.0
	device "$NODE"
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices[0] '$NODE': PCI device $PAIR.1 of IOMMU group $GROUP is bound to 'e1000e' instead of vfio-pci" \
		"cd /sys/bus/pci/devices/$PAIR.1; echo vfio-pci >driver_override; echo $PAIR.1 >driver/unbind; echo $PAIR.1 >/sys/bus/pci/drivers_probe"
	# Word for word
	sh -c "$(sed -n 's/.*instead of vfio-pci: \(.*drivers_probe\)".*/\1/p' <<<"$stderr")"
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -c '.devices[0].functions' "$T/stdout")" "[\"$PAIR.0\",\"$PAIR.1\"]"

	# Both in one virtual machine; nobody in that has a driver for them.
	script "$LSPCI"
	ok run --bundle "$B" "$CT"
	is "$(grep -c '0x020000 0x8086:0x10d3' <<<"$output")" 2

	# A limit that this caller may not raise
	OPTIONS=(-c 'ulimit -l 64; exec setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$0" "$@"' "$BIN" "${OPTIONS[@]}")
	BIN=bash ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices: VFIO pins the guest's memory: RLIMIT_MEMLOCK is 64 KiB and has to be"
	set_options
	settings 'machine_type = "microvm"'
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices: VFIO needs machine type q35"
	set_options
	# A number that the host does not have
	edit '.linux.devices[0].minor = 4000'
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices[0] '$NODE': this host has no VFIO group or device with number"
	[ ! -e "$ROOT/$CT" ]
	give $PAIR.0 e1000e
	give $PAIR.1 e1000e
}

# What DPDK and SPDK do: the container's program drives the disk, the guest's kernel keeps away.
# bats test_tags=long
@test "vfio: vfio_mode vfio, the container has the group of the guest, and drives the disk" {
	settings 'enable_iommu = true' '[runtime]' 'vfio_mode = "vfio"'
	give $NVME vfio-pci
	node_of $NVME
	device "$NODE"
	device /dev/vfio/vfio
	cp "$BUILD/lab/vfio_nvme" "$B/rootfs/vfio_nvme"
	script 'ls -ln /dev/vfio; ls /dev/nvme0n1 2>&1
		for d in /sys/bus/pci/devices/*; do [ "$(cat $d/class)" != 0x010802 ] || break; done
		readlink $d/driver; ls -d /dev/vfio/$(basename $(readlink $d/iommu_group)); /vfio_nvme ${d##*/} 2>&1'
	ok run --bundle "$B" "$CT"
	has "$output" "10, 196" "nvme0n1: No such file" "drivers/vfio-pci" "serial lab1"
	within 30 is_free "$NODE"
	# Not without an IOMMU of the guest's own
	settings '[runtime]' 'vfio_mode = "vfio"'
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.devices: vfio_mode" "needs a guest with an IOMMU of its own: enable_iommu = true in [hypervisor.qemu]"
	give $NVME nvme
}
