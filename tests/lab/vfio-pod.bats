#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# VFIO in containers that join a pod: plugged into its machine while that runs, and out again.
# bats file_tags=moat

load ../bats/helpers
load ../bats/pod
load vfio

# The names of VFIO's nodes, and of devices, that the sandbox's QEMU can see
nodes()
{
	find "/proc/$QEMU/root/dev/vfio" "/proc/$QEMU/root/sys" \( -type c -o -type l \) -printf '%P\n' 2>/dev/null | sort | paste -sd' '
}

locked()
{
	sed -n 's/^Max locked memory *\([^ ]*\) *\([^ ]*\).*/\1 \2/p' "/proc/$QEMU/limits"
}

# gone NODE: nobody has it, and nothing of it is left in the jail
gone()
{
	within 30 is_free "$1"
	is "$(nodes)" ""
	is "$(find "/proc/$MONITOR/root/vfio" -mindepth 1)" ""
	is "$(locked)" "$LOCKED"
}

# pod: a sandbox without a device, and the disk with a file system, for others to join with
pod()
{
	local volumes=$T/volumes
	cat "$CONFIG" - >"$T/configuration.toml" <<<"$(printf '[runtime]\ndirect_volume_path = "%s"\n' "$volumes")"
	OPTIONS=(--config "$T/configuration.toml")
	mkfs.ext4 -q $IMAGE
	give $NVME vfio-pci
	node_of $NVME
	ulimit -l 64
	sandbox
	QEMU=$(descendants "$MONITOR" qemu-system-x86)
	LOCKED=$(locked)
	is "$(nodes)" ""
}

@test "vfio pod: a container joins with a disk, and leaves with it" {
	pod
	# The device comes into a virtual machine that runs, with room to pin all that this can have.
	member_bundle "$CT-a"
	device "$NODE"
	ok run --dry-run --bundle "$B" "$CT-a"
	is "$(jq -c '.devices | map([.kind, .functions])' "$T/stdout")" "[[\"vfio\",[\"$NVME\"]]]"
	ok run --detach --bundle "$B" "$CT-a"
	ok exec "$CT-a" sh -c 'cat /sys/bus/pci/devices/*/class; ls /dev/vfio 2>&1; dd if=/dev/nvme0n1 bs=1 skip=1080 count=2 2>/dev/null | od -An -tx1
		printf "from the guest" | dd of=/dev/nvme0n1 bs=512 seek=131071 conv=fsync 2>/dev/null; ls -ln /dev/nvme0n1'
	has "$output" 0x010802 "No such file" "53 ef" "259,   0"
	is "$(tail -c 512 $IMAGE | tr -d '\0')" "from the guest"
	ko 1 exec "$SB" ls /dev/nvme0n1
	is "$(nodes)" "$GROUP bus/pci/devices/$NVME/iommu_group vfio"
	is "$(stat -c '%u %a' "/proc/$QEMU/root/dev/vfio/$GROUP")" "$(stat -c %u "/proc/$QEMU") 600"
	is "$(sed -n 's/^CapEff:\t//p' "/proc/$QEMU/status")" 0000000000000000
	(($(locked | cut -d' ' -f1) > 256 << 20))
	# Nobody in the jail can make such a node.
	has "$(grep ' / / ' "/proc/$MONITOR/mountinfo")" " ro,"

	# Only one can have it, in this machine, too.
	member_bundle "$CT-b"
	device "$NODE"
	ko 1 run --bundle "$B" "$CT-b"
	has "$stderr" "linux.devices[0] '$NODE': VFIO group $GROUP is in use"
	[ ! -e "$ROOT/$CT-b" ]
	ok delete --force "$CT-a"
	gone "$NODE"
	ok exec "$SB" true
	give $NVME nvme
}

# bats test_tags=long
@test "vfio pod: what fails and what is killed leaves nothing; a volume" {
	pod
	member_bundle "$CT-b"
	device "$NODE"
	# A caller who may not raise the limit of what is locked
	local options=("${OPTIONS[@]}")
	OPTIONS=(-c 'exec setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$0" "$@"' "$BIN" "${OPTIONS[@]}")
	BIN=bash ko 1 create --bundle "$B" "$CT-b"
	OPTIONS=("${options[@]}")
	has "$stderr" "linux.devices[0] '$NODE': VFIO pins the guest's memory: RLIMIT_MEMLOCK of the running virtual machine is 64 KiB and has to be"
	gone "$NODE"
	args /no/such
	ko 1 run --bundle "$B" "$CT-b"
	gone "$NODE"
	# What a killed command leaves goes with its record.
	edit --arg gate "$T/gate" '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "touch \($gate); exec sleep 1000"]}]}'
	background cli create --bundle "$B" "$CT-b"
	within 100 test -e "$T/gate"
	is "$(nodes)" "$GROUP bus/pci/devices/$NVME/iommu_group vfio"
	kill -KILL "$PID"
	reaped "$PID"
	ok delete --force "$CT-b"
	gone "$NODE"

	# The same disk as a volume, which the guest mounts
	ok volume add /nvme "{\"volume-type\":\"vfiovol\",\"device\":\"${NVME#0000:}\",\"fstype\":\"ext4\"}"
	member_bundle "$CT-c"
	edit '.mounts += [{type: "vfiovol", source: "/nvme", destination: "/data", options: ["rbind", "rw"]}]'
	ok run --detach --bundle "$B" "$CT-c"
	ok exec "$CT-c" sh -c 'grep /data /proc/mounts; ls /dev/nvme0n1 2>&1; echo written >/data/file'
	has "$output" "/dev/nvme0n1 /data ext4 rw" "No such file"
	ok volume stats /nvme
	is "$(jq .volume_condition.abnormal "$T/stdout")" false
	ok kill "$CT-c" KILL
	within 30 has_status stopped "$CT-c"
	ok delete "$CT-c"
	gone "$NODE"
	e2fsck -fn $IMAGE
	is "$(debugfs -R 'cat file' $IMAGE 2>/dev/null)" written
	give $NVME nvme
	ok exec "$SB" true
}
