#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mkinitramfs.sh [options] OUT: the guest's initramfs, an uncompressed newc archive
#
#	--agent FILE    static program that becomes /init, without its symbols (required)
#	--release REL   kernel release (without it, or without modules: none are put in)
#	--modroot DIR   directory in which lib/modules/REL is
#	--decompress    the kernel can load compressed modules
#	--list FILE     default: modules.list beside this script
#
# The archive is written entry by entry with every field chosen here, so it depends on the contents of
# agent and modules only: not on time, user, umask, file system or directory. No root, no device nodes.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

die()
{
	echo "mkinitramfs: $*" >&2
	exit 1
}

agent='' release='' modroot='' decompress='' out=''
list=$(dirname -- "$0")/modules.list
while [ $# -gt 0 ]; do
	case $1 in
	--agent) agent=$2 && shift ;;
	--release) release=$2 && shift ;;
	--modroot) modroot=$2 && shift ;;
	--decompress) decompress=1 ;;
	--list) list=$2 && shift ;;
	-*) die "unknown option $1" ;;
	*) out=$1 ;;
	esac
	shift
done
if [ -z "$out" ] || [ -z "$agent" ]; then
	die "usage: mkinitramfs.sh --agent FILE [--release REL --modroot DIR] OUT"
fi
[ -f "$agent" ] || die "agent $agent: no such file"
if readelf -lW "$agent" 2>/dev/null | grep -q INTERP; then
	die "agent $agent is linked dynamically, and the guest has no libraries"
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
strip -o "$tmp/init" -- "$agent"
mkdir "$tmp/modules" "$tmp/order.d"
: >"$tmp/order"

# ---- modules ----

# add FILE KEEP: puts a module into $tmp/modules, prints its name there
add()
{
	local name=${1##*/} tool=
	case $name in
	*.ko) tool='cat' ;;
	*.ko.xz) tool='xz -dc' ;;
	*.ko.zst) tool='zstd -dqc' ;;
	*.ko.gz) tool='gzip -dc' ;;
	*) die "$1: unknown kind of module" ;;
	esac
	if [ "$2" = 1 ] && [ -n "$decompress" ]; then
		tool='cat'
	else
		name=${name%.ko*}.ko
	fi
	[ -e "$tmp/modules/$name" ] || $tool <"$1" >"$tmp/modules/$name" || die "cannot read $1"
	echo "$name"
}

# resolve MODULE...: the names of the modules' files, dependencies first, each once
resolve()
{
	local module keep what file seen=' ' last
	for module in "$@"; do
		keep=0
		[[ $module != +* ]] || keep=1
		module=${module#+}
		modprobe -C /dev/null -d "$modroot" -S "$release" --show-depends "$module" >"$tmp/depends" 2>/dev/null || return 1
		last=$(grep -c . "$tmp/depends")
		while read -r what file _; do
			last=$((last - 1))
			[ "$what" = insmod ] || continue
			[[ $seen != *" $file "* ]] || continue
			seen+="$file "
			add "$file" $((keep && last == 0))
		done <"$tmp/depends"
	done
}

if [ -n "$release" ] && [ -d "$modroot/lib/modules/$release" ]; then
	while read -r group modules; do
		[[ $group =~ ^[a-z0-9]+$ ]] || die "$list: \"$group\" is no name for a group"
		read -ra modules <<<"$modules"
		order=$tmp/order
		[ "$group" = boot ] || order=$tmp/order.d/$group
		if resolve "${modules[@]}" >"$order"; then
			continue
		elif [ "$group" = boot ]; then
			die "kernel $release lacks one of the modules that a guest cannot do without: ${modules[*]}"
		fi
		echo "mkinitramfs: kernel $release has no ${modules[*]}: group $group is left out" >&2
		rm -f "$order"
	done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$list")
	# A module that was unpacked for a group that is left out
	find "$tmp/order" "$tmp/order.d" -type f -exec cat {} + | sort -u >"$tmp/used"
	for file in "$tmp"/modules/*; do
		grep -qxF -e "${file##*/}" "$tmp/used" || rm -f "$file"
	done
fi

# ---- archive ----

inode=0

# pad BYTES: zeros up to a multiple of four
pad()
{
	local n=$(((4 - $1 % 4) % 4))
	((n == 0)) || printf '\0%.0s' $(seq $n)
}

# entry NAME MODE [FILE]
entry()
{
	local size=0 nlink=1
	[ -z "${3:-}" ] || size=$(stat -Lc %s -- "$3")
	[[ $2 != 04* ]] || nlink=2
	inode=$((inode + 1))
	# magic, inode, mode, uid, gid, nlink, mtime, size, device (2), rdev (2), length of name, checksum
	printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x' \
		$inode $(($2)) 0 0 $nlink 0 "$size" 0 0 0 0 $((${#1} + 1)) 0
	printf '%s\0' "$1"
	pad $((110 + ${#1} + 1))
	[ "$size" = 0 ] || cat -- "$3"
	pad "$size"
}

{
	for dir in dev etc proc root run sys; do
		entry $dir 040755
	done
	entry tmp 041777
	entry init 0100755 "$tmp/init"
	for dir in lib lib/modules lib/modules/moat lib/modules/moat/order.d; do
		entry $dir 040755
	done
	entry lib/modules/moat/order 0100644 "$tmp/order"
	for file in "$tmp"/order.d/*; do
		[ ! -e "$file" ] || entry "lib/modules/moat/order.d/${file##*/}" 0100644 "$file"
	done
	for file in "$tmp"/modules/*; do
		[ ! -e "$file" ] || entry "lib/modules/moat/${file##*/}" 0100644 "$file"
	done
	inode=-1
	entry 'TRAILER!!!' 0
} >"$tmp/cpio"
chmod 644 "$tmp/cpio"
mv -f "$tmp/cpio" "$out"
