#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# extract-vmlinux.sh KERNEL OUT: the ELF kernel inside a bzImage, ready for direct boot (PVH).
#
# The boot protocol's header says where the payload is (payload_offset, payload_length); its first
# bytes say how it is compressed. The result is made small, since QEMU reads all of it for every VM:
# relocations behind the ELF and its section headers go, and so do the zeros (.bss and
# the like) that the linker left at its end. An ELF as KERNEL is only made small. The exit code is 2 if there is no PVH note:
# such a kernel can only be booted as it came.
set -euo pipefail
export LC_ALL=C

die()
{
	echo "extract-vmlinux: $*" >&2
	exit 1
}

# num FILE OFFSET SIZE: a little-endian number
num()
{
	local v
	v=$(od -An -v -tu"$3" -j"$2" -N"$3" -- "$1" | tr -d ' ')
	[ -n "$v" ] || die "$1: ends before byte $2"
	printf '%s\n' "$v"
}

# put FILE OFFSET SIZE VALUE: writes a little-endian number
put()
{
	local i v=$4 s=
	for ((i = 0; i < $3; i++)); do
		s+=$(printf '\\x%02x' $((v & 255)))
		v=$((v >> 8))
	done
	# shellcheck disable=SC2059 # the escapes are the point
	printf "$s" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

magic()
{
	od -An -v -tx1 -j"${2:-0}" -N6 -- "$1" | tr -d ' \n'
}

is_elf()
{
	[[ $(magic "$1") == 7f454c460201* ]]
}

# unpack FILE: decompressed to standard output, by its first bytes
unpack()
{
	local tool
	case $(magic "$1") in
	1f8b08*) tool='gzip -dc' ;;
	fd377a585a00*) tool='xz -dc' ;;
	28b52ffd*) tool='zstd -dqc' ;;
	02214c18*) tool='lz4 -dc' ;;
	5d0000*) tool='xz --format=lzma -dc' ;;
	425a68*) tool='bzip2 -dc' ;;
	894c5a4f0000*) tool='lzop -dc' ;;
	7f454c46*) tool="cat" ;;
	*) return 3 ;;
	esac
	command -v "${tool%% *}" >/dev/null || die "needs ${tool%% *} to decompress the kernel"
	$tool <"$1"
}

# payload FILE OUT: what the bzImage's header points to
payload()
{
	local setup_sects version offset length
	[[ $(magic "$1" 514) == 48647253* ]] || return 1
	version=$(num "$1" 518 2)
	((version >= 0x208)) || return 1
	setup_sects=$(num "$1" 497 1)
	((setup_sects)) || setup_sects=4
	offset=$(($(num "$1" 584 4) + (setup_sects + 1) * 512))
	length=$(num "$1" 588 4)
	((length > 4 && offset + length <= $(stat -Lc %s -- "$1"))) || die "$1: payload lies outside of the file"
	tail -c +$((offset + 1)) -- "$1" | head -c "$length" >"$2" || true
	# All but gzip carry the unpacked size in four bytes of their own at the end.
	[[ $(magic "$2") == 1f8b08* ]] || truncate -s -4 "$2"
}

# zeros FILE FROM TO: true if there is nothing else in between
zeros()
{
	[ "$(tail -c +$(($2 + 1)) -- "$1" | head -c $(($3 - $2)) | tr -d '\0' | head -c1 | wc -c)" = 0 ]
}

# Removes what no loader of the ELF reads.
shrink()
{
	local elf=$1 phoff phentsize phnum i at off filesz size end=0 last low high mid

	strip -o "$tmp/stripped" "$elf" 2>"$tmp/err" || die "strip: $(<"$tmp/err")"
	mv "$tmp/stripped" "$elf"
	size=$(stat -c %s "$elf")
	phoff=$(num "$elf" 32 8) phentsize=$(num "$elf" 54 2) phnum=$(num "$elf" 56 2)

	# The loadable segment that ends last in the file
	for ((i = 0; i < phnum; i++)); do
		at=$((phoff + i * phentsize))
		off=$(num "$elf" $((at + 8)) 8) filesz=$(num "$elf" $((at + 32)) 8)
		((off + filesz <= size)) || die "the unpacked kernel is cut short"
		if (($(num "$elf" $at 4) == 1 && off + filesz > end)); then
			end=$((off + filesz)) last=$at low=$off
		fi
	done
	((end)) || die "the unpacked kernel has nothing to load"

	# Its last page that is not all zeros, by bisection: a loader clears what follows.
	high=$end
	while ((high - low > 4096)); do
		mid=$(((low + high) / 2))
		if zeros "$elf" $mid "$end"; then high=$mid; else low=$mid; fi
	done
	put "$elf" $((last + 32)) 8 $((high - $(num "$elf" $((last + 8)) 8)))

	# No section headers (offset, number, index of names), nothing behind the last segment
	put "$elf" 40 8 0
	put "$elf" 60 2 0
	put "$elf" 62 2 0
	truncate -s "$high" "$elf"
}

# A Xen note of type 18 (XEN_ELFNOTE_PHYS32_ENTRY) holds the 32-bit entry point.
has_pvh()
{
	readelf -nW "$1" 2>/dev/null | grep -Eq '^ +Xen +0x[0-9a-f]+.*0x0*12\)'
}

[ $# = 2 ] || die "usage: extract-vmlinux.sh KERNEL OUT"
in=$1 out=$2
[ -f "$in" ] || die "$in: no such file"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if is_elf "$in"; then
	cp -- "$in" "$tmp/vmlinux"
	chmod 600 "$tmp/vmlinux"
elif payload "$in" "$tmp/payload"; then
	unpack "$tmp/payload" >"$tmp/vmlinux" 2>"$tmp/err" || die "$in: cannot unpack the payload ($(magic "$tmp/payload")): $(head -c 200 "$tmp/err")"
else
	die "$in: neither an ELF file nor a bzImage of boot protocol 2.08 or later"
fi
is_elf "$tmp/vmlinux" || die "$in: the payload is not a 64-bit ELF kernel"
has_pvh "$tmp/vmlinux" || exit 2
shrink "$tmp/vmlinux"
has_pvh "$tmp/vmlinux" || die "lost the PVH note"
chmod 644 "$tmp/vmlinux"
mv -f "$tmp/vmlinux" "$out"
