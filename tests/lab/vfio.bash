# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The PCI devices of lab.sh, and how the host gives them away. "load ../bats/helpers" comes first.

# shellcheck disable=SC2034 # for who loads this
NVME=0000:01:00.0 NIC=0000:02:00.0 PAIR=0000:03:00 LARGE=0000:04:00.0 IMAGE=/run/lab/nvme.img

# give ADDRESS DRIVER: as docs/howto-vfio.md says
give()
{
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	is "$(basename "$(readlink "/sys/bus/pci/devices/$1/driver")")" "$2"
}

# node_of ADDRESS: sets GROUP, the number of its group, and NODE
node_of()
{
	GROUP=$(basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")")
	NODE=/dev/vfio/$GROUP
}

# device NODE: adds it to linux.devices with its rule, as docker --device does
device()
{
	local major minor
	major=$((0x$(stat -c %t "$1"))) minor=$((0x$(stat -c %T "$1")))
	edit '.linux.devices += [{path: $ARGS.positional[0], type: "c", major: ($ARGS.positional[1] | tonumber),
		minor: ($ARGS.positional[2] | tonumber), fileMode: 384, uid: 0, gid: 0}]
		| .linux.resources.devices += [{allow: true, type: "c", major: ($ARGS.positional[1] | tonumber),
		minor: ($ARGS.positional[2] | tonumber), access: "rwm"}]' --args -- "$1" "$major" "$minor"
}

# free NODE: nobody has it open
is_free()
{
	(exec 9<>"$1")
}
