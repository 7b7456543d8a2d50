#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# lab.sh [-t SECONDS] [--systemd] [COMMAND...]: a machine that has what this one may lack, in software: KVM (nested SVM that
# TCG emulates), an IOMMU with devices behind it, vhost-vsock, cgroup v2, Debian's standard kernel. In it the host's
# whole tree is there to read, with a layer in memory on top for what is written. COMMAND, a word of a shell each, runs
# there as root in the directory of the caller; without one it is a shell. Exit status: the command's, 124 if
# it took too long, 125 if the machine did not come up. With --systemd (or LAB_SYSTEMD=1) it is booted by systemd, with the
# system bus and COMMAND as a service. LAB_APPEND has more parameters for its kernel.
#
# Devices for VFIO, each group behind a root port of its own:
#	0000:01:00.0              NVMe disk, 64 MiB; its image is /run/lab/nvme.img in the lab
#	0000:02:00.0              virtio-net; the other end answers to 10.0.2.2
#	0000:03:00.0 and .1       two e1000e, one group
#	0000:04:00.0              ivshmem, a device with a region of 16 MiB
#
# `make lab-image` builds what is needed: LAB (default build/lab) is its directory.
set -uo pipefail

top=$(cd -- "$(dirname -- "$0")/../.." && pwd)
LAB=${LAB:-$top/build/lab}
MEMORY=${LAB_MEMORY:-3G}
limit=3600
[ "${1:-}" != -t ] || { limit=$2; shift 2; }
systemd=${LAB_SYSTEMD:+lab.systemd}
[ "${1:-}" != --systemd ] || { systemd=lab.systemd; shift; }
[ -s "$LAB/vmlinux" ] && [ -s "$LAB/initramfs.cpio" ] || { echo "lab: no image in $LAB: make lab-image" >&2; exit 125; }
virtiofsd=$(command -v virtiofsd /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd | head -n 1)
[ -n "$virtiofsd" ] || { echo "lab: no virtiofsd" >&2; exit 125; }

work=$(mktemp -d "${TMPDIR:-/tmp}/moat-lab.XXXXXX") || exit 125
servers=()
clean()
{
	((${#servers[@]} == 0)) || kill "${servers[@]}" 2>/dev/null
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

{
	printf 'mkdir -p /lib/modules; ln -s %q/* /lib/modules/\n' "$(cd -- "$LAB" && pwd)/modroot/lib/modules"
	printf 'cd %q 2>/dev/null\n' "$PWD"
	if [ $# = 0 ]; then
		echo "PS1='lab:\\w# ' bash --norc"
	else
		printf '%q ' "$@"
		echo
	fi
} >"$work/command"
truncate -s 64M "$work/nvme.img"

arguments=()
# share TAG DIRECTORY CACHE
share()
{
	"$virtiofsd" --socket-path="$work/$1.sock" -o source="$2" -o cache="$3" -o log_level=err -o sandbox=chroot -o xattr \
		2>>"$work/virtiofsd.log" &
	servers+=($!)
	arguments+=(-chardev "socket,id=$1,path=$work/$1.sock" -device "vhost-user-fs-pci,chardev=$1,tag=$1,queue-size=1024")
	for _ in {1..200}; do
		[ ! -S "$work/$1.sock" ] || return 0
		sleep 0.02
	done
	cat "$work/virtiofsd.log" >&2
	exit 125
}
share host / always
share lab "$work" none

for slot in 1 2 3 4; do
	arguments+=(-device "pcie-root-port,id=port$slot,chassis=$slot,slot=$slot,addr=0x$((slot + 9))")
done
arguments+=(
	-drive "if=none,id=nvme,file=$work/nvme.img,format=raw" -device "nvme,drive=nvme,serial=lab1,bus=port1"
	-netdev "user,id=net2,restrict=on"
	-device "virtio-net-pci,netdev=net2,bus=port2,disable-legacy=on,iommu_platform=on,romfile="
	-netdev "user,id=net3,restrict=on" -netdev "user,id=net4,restrict=on"
	-device "e1000e,netdev=net3,bus=port3,romfile=,multifunction=on,addr=0.0"
	-device "e1000e,netdev=net4,bus=port3,romfile=,addr=0.1"
	-object "memory-backend-ram,id=region,size=16M" -device "ivshmem-plain,memdev=region,bus=port4"
)

# intel-iommu: with amd-iommu a VM that has an assigned device hangs in QEMU 7.2. The other machine's words are kept
# off standard output: that is the command's terminal.
timeout --foreground -k 5 "$limit" qemu-system-x86_64 -M q35,kernel-irqchip=split,memory-backend=memory \
	-accel tcg,tb-size=512 -cpu max -smp "${LAB_CPUS:-1}" -m "$MEMORY" \
	-object "memory-backend-memfd,id=memory,size=$MEMORY,share=on" \
	-nodefaults -no-user-config -no-reboot -display none -serial "file:$work/console" \
	-device intel-iommu,intremap=on,caching-mode=on -device virtio-rng-pci \
	-device virtio-serial-pci -chardev stdio,id=terminal,signal=off -device virtconsole,chardev=terminal \
	"${arguments[@]}" -kernel "$LAB/vmlinux" -initrd "$LAB/initramfs.cpio" \
	-append "console=ttyS0 loglevel=4 reboot=t panic=-1 tsc=reliable no_timer_check mitigations=off cryptomgr.notests \
random.trust_cpu=on intel_iommu=on iommu=pt $systemd ${LAB_APPEND:-} lab.top=$top"
status=$?
[ -z "${LAB_CONSOLE:-}" ] || cp "$work/console" "$LAB_CONSOLE"
[ "$status" != 124 ] || { echo "lab: not done after $limit s" >&2; exit 124; }
[ -s "$work/status" ] || { tail -n 20 "$work/console" "$work/virtiofsd.log" >&2; exit 125; }
exit "$(<"$work/status")"
