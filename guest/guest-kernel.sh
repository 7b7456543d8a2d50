#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# guest-kernel.sh config|build DIR: a kernel for guests from the distribution's source package
#
#	config   resolves kernel.config against that source and leaves DIR/config-check/.config. Fails if an
#	         option does not exist there, is given twice, or comes out otherwise, and names all of them.
#	build    the same, then DIR/vmlinux (ELF with a PVH note, no symbols), DIR/.config, DIR/release
#
# The source is the first of: KERNEL_SOURCE=FILE (a tar archive of a kernel), the package linux-source-6.12,
# the newest linux-source-N.N. The package is downloaded into DIR/download and installed nowhere; rm -r DIR/download
# fetches a newer one. `config` unpacks only what kconfig reads. JOBS= is the number of jobs (default: all processors).
set -euo pipefail
export LC_ALL=C
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS ARCH CROSS_COMPILE KBUILD_OUTPUT KCONFIG_CONFIG KCONFIG_ALLCONFIG

here=$(cd -- "$(dirname -- "$0")" && pwd)
fragment=${FRAGMENT:-$here/kernel.config}
WANTED=linux-source-6.12

note()
{
	echo "guest-kernel: $*" >&2
}

die()
{
	note "$@"
	exit 1
}

[ $# = 2 ] && [[ $1 =~ ^(config|build)$ ]] || die "usage: guest-kernel.sh config|build DIR"
what=$1
[ -r "$fragment" ] || die "$fragment: cannot be read"
[ "$(uname -m)" = x86_64 ] || die "only for x86_64"
for tool in make gcc flex bison xz tar; do
	command -v $tool >/dev/null || die "$tool is missing: contrib/packages.sh install build kernel installs it"
done
if [ "$what" = build ]; then
	for tool in bc strip readelf; do
		command -v $tool >/dev/null || die "$tool is missing: contrib/packages.sh install build kernel installs it"
	done
	# objtool, which the kernel builds for itself, reads its objects with it.
	echo '#include <gelf.h>' | gcc -E - >/dev/null 2>&1 ||
		die "libelf's headers are missing: contrib/packages.sh install kernel installs them"
fi
mkdir -p "$2"
dir=$(cd -- "$2" && pwd)
[[ $dir != *[[:space:]:]* ]] || die "$dir: the kernel's makefiles take no blanks and colons in a path"
# One at a time; what a killed one left behind goes.
exec 9>"$dir/lock.$what"
flock 9
rm -rf "$dir/tmp.$what".*

# ---- source ----

apt()
{
	apt-get -qq -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"
}

# The package's name, or nothing
source_package()
{
	if [ -n "$(apt-cache madison "$WANTED" 2>/dev/null)" ]; then
		echo "$WANTED"
	else
		apt-cache search --names-only '^linux-source-[0-9]+\.[0-9]+$' | cut -d' ' -f1 | sort -V | tail -n 1
	fi
}

# Leaves the package in DIR/download, replacing nothing that is there.
download()
{
	local package tmp
	exec 8>"$dir/lock.download"
	flock 8
	! compgen -G "$dir/download/*.deb" >/dev/null || return 0
	command -v apt-get >/dev/null || die "no apt-get here: set KERNEL_SOURCE to a tar archive of a kernel's source"
	package=$(source_package)
	[ -n "$package" ] || die "no package $WANTED, and no other linux-source: apt-get update, or set KERNEL_SOURCE"
	note "downloading $package"
	tmp=$(mktemp -d "$dir/tmp.$what.XXXXXX")
	(cd "$tmp" && apt download "$package") || { rm -rf "$tmp" && die "cannot download $package"; }
	rm -rf "$dir/download"
	chmod 755 "$tmp"
	mv "$tmp" "$dir/download"
	exec 8>&-
}

# The archive with the source, on standard output
archive()
{
	local deb=("$dir"/download/*.deb)
	if [ -n "${KERNEL_SOURCE:-}" ]; then
		cat -- "$KERNEL_SOURCE"
	else
		dpkg-deb --fsys-tarfile "${deb[0]}" | tar -xO --wildcards './usr/src/linux-source-*.tar.*'
	fi
}

# What the archive is, to know whether it has been unpacked
identity()
{
	stat -Lc '%n %s %Y' -- "${KERNEL_SOURCE:-$(echo "$dir"/download/*.deb)}"
}

# unpack NAME [PATTERN...]: into DIR/NAME, all of it or what matches. Unpacked again if the source is another one.
unpack()
{
	local name=$1 tmp kind=-J
	shift
	if [ "$(cat "$dir/$name.from" 2>/dev/null)" = "$(identity) $*" ]; then
		return 0
	fi
	note "unpacking the source"
	[[ ${KERNEL_SOURCE:-} != *.gz ]] || kind=-z
	rm -rf "${dir:?}/$name" "$dir/$name.from"
	tmp=$(mktemp -d "$dir/tmp.$what.XXXXXX")
	# No version control, no owner: only contents matter.
	archive | tar -x $kind -C "$tmp" --no-same-owner --strip-components=1 ${1+--wildcards} "$@" ||
		{ rm -rf "$tmp" && die "cannot unpack the source"; }
	[ -f "$tmp/scripts/kconfig/merge_config.sh" ] || { rm -rf "$tmp" && die "that is no kernel's source"; }
	chmod 755 "$tmp"
	mv "$tmp" "$dir/$name"
	echo "$(identity) $*" >"$dir/$name.from"
}

# ---- configuration ----

# quiet LOG COMMAND...: shows what it said only if it fails
quiet()
{
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null || { tail -n 30 "$log" >&2 && die "$1 failed"; }
}

# check SOURCE CONFIG: every line of the fragment against the result
check()
{
	local line name bad=0
	complain()
	{
		note "${fragment##*/}: $*"
		bad=$((bad + 1))
	}
	find "$1" -name 'Kconfig*' -type f -exec sed -nE 's/^[[:space:]]*(menu)?config[[:space:]]+([A-Z0-9a-z_]+)[[:space:]]*$/\2/p' {} + |
		sort -u >"$dir/symbols"
	while read -r line; do
		if [[ $line =~ ^CONFIG_([A-Za-z0-9_]+)=(.+)$ ]]; then
			name=${BASH_REMATCH[1]}
			[ "${BASH_REMATCH[2]}" != n ] || complain "CONFIG_$name=n is to be written \"# CONFIG_$name is not set\""
			[ "${BASH_REMATCH[2]}" != m ] || complain "CONFIG_$name=m: there are no modules"
		elif [[ $line =~ ^#\ CONFIG_([A-Za-z0-9_]+)\ is\ not\ set$ ]]; then
			name=${BASH_REMATCH[1]}
		elif [[ -z $line || $line == '#'* ]]; then
			continue
		else
			complain "\"$line\" is no option"
			continue
		fi
		if ! grep -qxF -e "$name" "$dir/symbols"; then
			complain "CONFIG_$name: no such option in this kernel"
		elif [ "$(grep -cE "^(# )?CONFIG_$name(=| is not set)" "$fragment")" != 1 ]; then
			complain "CONFIG_$name is there more than once"
		elif [[ $line == CONFIG_* ]]; then
			grep -qxF -e "$line" "$2" || complain "$line did not survive: $(grep -E "^(# )?CONFIG_$name(=| is)" "$2" || echo "what it depends on is missing")"
		elif grep -q "^CONFIG_$name=" "$2"; then
			complain "$line, but is: $(grep "^CONFIG_$name=" "$2")"
		fi
	done <"$fragment"
	rm -f "$dir/symbols"
	((bad == 0)) || die "$bad of the fragment's options did not come out as they are written"
}

# resolve SOURCE OBJECTS: OBJECTS/.config from tinyconfig and the fragment. An unchanged one keeps its time.
resolve()
{
	local tmp
	mkdir -p "$2"
	tmp=$(mktemp -d "$dir/tmp.$what.XXXXXX")
	# shellcheck disable=SC2064 # its value now
	trap "rm -rf '$tmp'" EXIT
	quiet "$tmp/log" make -C "$1" O="$tmp" ARCH=x86_64 tinyconfig
	quiet "$tmp/log" "$1/scripts/kconfig/merge_config.sh" -m -O "$tmp" "$tmp/.config" "$fragment"
	quiet "$tmp/log" make -C "$1" O="$tmp" ARCH=x86_64 olddefconfig
	check "$1" "$tmp/.config"
	cmp -s "$tmp/.config" "$2/.config" || cp "$tmp/.config" "$2/.config"
	note "all $(grep -cE '^(# )?CONFIG_[A-Za-z0-9_]+(=| is not set)' "$fragment") options of ${fragment##*/} resolve with $(make -s -C "$1" kernelversion)"
	rm -rf "$tmp"
	trap - EXIT
}

# ---- build ----

build()
{
	local src=$dir/source obj=$dir/objects epoch
	# Independent of when, where and by whom: the source's date stands for the time.
	epoch=$(stat -c %Y "$src/Makefile")
	make -C "$src" O="$obj" ARCH=x86_64 -j"${JOBS:-$(nproc)}" KBUILD_BUILD_USER=moat KBUILD_BUILD_HOST=moat \
		KBUILD_BUILD_VERSION=1 KBUILD_BUILD_TIMESTAMP="$(date -u -d "@$epoch")" vmlinux
	readelf -nW "$obj/vmlinux" 2>/dev/null | grep -Eq '^ +Xen +0x[0-9a-f]+.*0x0*12\)' || die "the kernel has no PVH note"
	strip -s -o "$dir/vmlinux.new" "$obj/vmlinux"
	chmod 644 "$dir/vmlinux.new"
	cp "$obj/.config" "$dir/.config"
	make -s -C "$src" O="$obj" ARCH=x86_64 kernelrelease | grep -E '^[0-9]' >"$dir/release"
	# An unchanged kernel keeps its time, by which kernel.sh knows it.
	if cmp -s "$dir/vmlinux.new" "$dir/vmlinux"; then
		rm "$dir/vmlinux.new"
	else
		mv -f "$dir/vmlinux.new" "$dir/vmlinux"
	fi
	note "$(<"$dir/release"): $dir/vmlinux, $(stat -c %s "$dir/vmlinux") bytes"
}

if [ -n "${KERNEL_SOURCE:-}" ]; then
	[ -r "$KERNEL_SOURCE" ] || die "KERNEL_SOURCE=$KERNEL_SOURCE cannot be read"
	KERNEL_SOURCE=$(realpath -- "$KERNEL_SOURCE")
else
	download
fi
if [ "$what" = build ]; then
	unpack source
	resolve "$dir/source" "$dir/objects"
	build
else
	unpack kconfig '*/Kconfig*' '*/Makefile' '*/Kbuild' '*/scripts/*' '*/kernel/configs/*' '*/arch/x86/*'
	resolve "$dir/kconfig" "$dir/config-check"
fi
