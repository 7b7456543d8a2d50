#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kernel.sh DIR: finds a kernel for the guest and leaves in DIR
#
#	vmlinux         the kernel, uncompressed where it has a PVH entry
#	vmlinux.config  its configuration if that was found, for `moat check`
#	modroot/        lib/modules/RELEASE with an index of its modules
#	kernel.info     release=, package=, decompress= (0 or 1), key= (what it was made from)
#
# Taken is the first that has virtio-pci, virtio-console and virtio-fs:
#
#	1. KERNEL=FILE [MODULES_DIR=DIR], or KERNEL_DEB="FILE..." (.deb or .rpm: kernel and modules)
#	2. build/guest-kernel/vmlinux, our own tuned kernel (make guest-kernel), with build/guest-kernel/modules
#	   if there is such
#	3. an installed one: /boot/vmlinuz-RELEASE and /lib/modules/RELEASE, 6.12 cloud kernels first
#	4. the distribution's package, downloaded and unpacked in DIR/download. It is installed nowhere,
#	   and kept until it is removed: rm -r DIR/download fetches a newer one.
#
# KERNEL_PACKAGE="NAME..." leaves out 2 and 3 and takes the first of these names that there is, with apt only (tests/lab).
# It does not look into what is in DIR/download already: remove that to have another.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

here=$(cd -- "$(dirname -- "$0")" && pwd)
NEEDED=(virtio_pci virtio_console virtiofs)
APT_PACKAGES=(linux-image-6.12-cloud-amd64 linux-image-cloud-amd64 linux-image-amd64
	linux-image-virtual linux-image-generic)
DNF_PACKAGES=(kernel-core kernel-modules-core kernel-modules)

note()
{
	echo "kernel: $*" >&2
}

die()
{
	note "$@"
	exit 1
}

[ $# = 1 ] || die "usage: kernel.sh DIR"
for tool in strip readelf od modprobe depmod; do
	command -v $tool >/dev/null || die "$tool is missing: contrib/packages.sh install build installs it"
done
mkdir -p "$1"
dir=$(cd -- "$1" && pwd)
tmp=$(mktemp -d "$dir/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

# release_of IMAGE: what uname -r will say
release_of()
{
	local offset
	if [ "$(od -An -tx1 -j514 -N4 -- "$1" | tr -d ' ')" = 48647253 ]; then
		offset=$(od -An -tu2 -j526 -N2 -- "$1" | tr -d ' ')
		tail -c +$((offset + 513)) -- "$1" | head -c 256 | tr '\0' '\n' | head -n1 | cut -d' ' -f1 || true
	else
		grep -aom1 'Linux version [0-9][^ ]*' -- "$1" | head -n1 | cut -d' ' -f3 || true
	fi
}

# use IMAGE MODULES_DIR PACKAGE: takes this kernel, or says why not and fails
use()
{
	local image=$1 modules=$2 package=$3 release decompress=0 key rc=0 m config

	[ -r "$image" ] || { note "$image: cannot be read" && return 1; }
	release=$(release_of "$image")
	[[ $release =~ ^[0-9][A-Za-z0-9.+_~-]*$ ]] || { note "$image: not a kernel image" && return 1; }
	[ -n "$modules" ] || modules=/lib/modules/$release
	[ -d "$modules" ] || modules=

	key="$image $(stat -Lc '%s %Y' -- "$image") $modules $(stat -Lc %Y -- "${modules:-$image}" "$here/extract-vmlinux.sh" "$0" | tr '\n' ' ')"
	if [ -s "$dir/vmlinux" ] && grep -qsxF "key=$key" "$dir/kernel.info"; then
		exit 0
	fi

	# modprobe wants DIR/lib/modules/RELEASE with an index: packages come without one.
	rm -rf "$tmp/modroot"
	mkdir -p "$tmp/modroot/lib/modules" "$tmp/modroot/usr" && ln -s ../lib "$tmp/modroot/usr/lib" || return 1
	if [ -n "$modules" ] && [ -e "$modules/modules.dep.bin" ]; then
		ln -s "$modules" "$tmp/modroot/lib/modules/$release" || return 1
	elif [ -n "$modules" ]; then
		cp -rs "$modules" "$tmp/modroot/lib/modules/$release" || return 1
		depmod -b "$tmp/modroot" "$release" || { note "$modules: depmod failed" && return 1; }
	fi
	if [ -n "$modules" ]; then
		for m in "${NEEDED[@]}"; do
			modprobe -C /dev/null -d "$tmp/modroot" -S "$release" --show-depends "$m" >/dev/null 2>&1 ||
				{ note "$image: has no $m" && return 1; }
		done
	else
		note "$image: no modules for $release, so everything has to be built in"
	fi
	rm -f "$tmp/vmlinux.config"
	for config in "$image.config" "${image%/*}/config-$release" "$modules/config"; do
		[ -f "$config" ] || continue
		! grep -qsx 'CONFIG_MODULE_DECOMPRESS=y' "$config" || decompress=1
		[ -f "$tmp/vmlinux.config" ] || install -m 644 -- "$config" "$tmp/vmlinux.config" || return 1
	done

	"$here/extract-vmlinux.sh" "$image" "$tmp/vmlinux" || rc=$?
	if [ $rc = 2 ]; then
		note "$image: has no PVH entry and is booted as it is"
		install -m 644 -- "$image" "$tmp/vmlinux" || return 1
	elif [ $rc != 0 ]; then
		return 1
	fi
	# set -e does not reach into here: the callers test what this function returns.
	{
		printf '%s\n' "release=$release" "package=$package" "decompress=$decompress" "key=$key" >"$tmp/kernel.info" &&
			rm -rf "$dir/kernel.info" "$dir/modroot" "$dir/vmlinux.config" &&
			mv "$tmp/modroot" "$dir/modroot" &&
			{ [ ! -f "$tmp/vmlinux.config" ] || mv -f "$tmp/vmlinux.config" "$dir/vmlinux.config"; } &&
			mv -f "$tmp/vmlinux" "$dir/vmlinux" &&
			mv -f "$tmp/kernel.info" "$dir/kernel.info"
	} || die "cannot write to $dir"
	note "$release from $package"
	exit 0
}

# ---- packages ----

# unpack NAME FILE...: into DIR/download/root, replacing what was there
unpack()
{
	local name=$1 file
	shift
	rm -rf "$tmp/root"
	mkdir "$tmp/root"
	for file in "$@"; do
		case $file in
		*.deb) dpkg-deb -x "$file" "$tmp/root" ;;
		*.rpm) (cd "$tmp/root" && rpm2cpio "$file" | cpio -idm --quiet) ;;
		*) die "$file: neither .deb nor .rpm" ;;
		esac || die "$file: cannot be unpacked"
	done
	printf '%s\n' "$name" >"$tmp/package"
	mkdir -p "$dir/download"
	rm -rf "$dir/download/root"
	mv "$tmp/root" "$dir/download/root"
	mv "$tmp/package" "$dir/download/package"
}

# Takes what is unpacked in DIR/download.
use_unpacked()
{
	local root=$dir/download/root image release modules
	for image in "$root"/boot/vmlinuz-* "$root"/lib/modules/*/vmlinuz "$root"/usr/lib/modules/*/vmlinuz; do
		[ -f "$image" ] || continue
		release=$(release_of "$image")
		modules=$root/lib/modules/$release
		[ -d "$modules" ] || modules=$root/usr/lib/modules/$release
		[ -d "$modules/kernel" ] || { note "$image: its modules are missing" && continue; }
		if use "$image" "$modules" "$(<"$dir/download/package")"; then :; fi
	done
	return 1
}

apt()
{
	apt-get -qq -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"
}

# wanted PACKAGE: the packages with kernel and modules behind it, one a line
wanted()
{
	local dep
	if [[ $1 =~ ^linux-(image|image-unsigned|modules)-[0-9]+\.[0-9]+\.[0-9]+ ]]; then
		echo "$1"
	fi
	apt-cache depends --no-recommends --no-suggests "$1" | sed -nE 's/^ *\|?Depends: (linux-(image|modules)-.*)/\1/p' |
		sed -E '/-unsigned|^linux-modules-extra/d' | sort -u |
		while read -r dep; do
			wanted "$dep"
		done
}

download_apt()
{
	local package='' p files
	for p in "${APT_PACKAGES[@]}"; do
		if apt-cache show "$p" >/dev/null 2>&1; then
			package=$p
			break
		fi
	done
	[ -n "$package" ] || return 1
	mapfile -t files < <(wanted "$package" | sort -u)
	((${#files[@]})) || return 1
	note "downloading ${files[*]}"
	mkdir -p "$tmp/download"
	(cd "$tmp/download" && apt download "${files[@]}") || return 1
	unpack "$(for p in "$tmp"/download/*.deb; do
		dpkg-deb -f "$p" Package Version | sed 's/.*: //' | paste -sd' '
	done | paste -sd,)" "$tmp"/download/*.deb
	rm -rf "$tmp/download"
}

download_dnf()
{
	local p
	mkdir -p "$tmp/download"
	note "downloading ${DNF_PACKAGES[*]}"
	for p in "${DNF_PACKAGES[@]}"; do
		dnf -q download --arch "$(uname -m)" --destdir "$tmp/download" "$p" || note "no package $p"
	done
	compgen -G "$tmp/download/*.rpm" >/dev/null || return 1
	unpack "$(rpm -qp --qf '%{NAME} %{VERSION}-%{RELEASE},' "$tmp"/download/*.rpm | sed 's/,$//')" "$tmp"/download/*.rpm
	rm -rf "$tmp/download"
}

# ---- the order ----

[ -z "${KERNEL_PACKAGE:-}" ] || read -ra APT_PACKAGES <<<"$KERNEL_PACKAGE"
if [ -n "${KERNEL:-}" ]; then
	use "$(realpath -- "$KERNEL")" "${MODULES_DIR:+$(realpath -- "$MODULES_DIR")}" "$KERNEL" ||
		die "KERNEL=$KERNEL cannot be used"
fi
if [ -n "${KERNEL_DEB:-}" ]; then
	read -ra debs <<<"$KERNEL_DEB"
	mapfile -t debs < <(realpath -- "${debs[@]}")
	unpack "${debs[*]##*/}" "${debs[@]}"
	use_unpacked || die "KERNEL_DEB=$KERNEL_DEB holds no kernel that can be used"
fi
tuned=$dir/../guest-kernel
if [ -f "$tuned/vmlinux" ] && [ -z "${KERNEL_PACKAGE:-}" ]; then
	use "$(realpath "$tuned/vmlinux")" "$(realpath -m "$tuned/modules")" "tuned kernel" || true
fi
while read -r _ image; do
	use "$image" '' "$image" || true
done < <([ -z "${KERNEL_PACKAGE:-}" ] || exit 0
for image in /boot/vmlinuz-*; do
	release=${image#/boot/vmlinuz-}
	[ -d "/lib/modules/$release/kernel" ] || continue
	case $release in
	6.12*cloud*) echo "1 $image" ;;
	*cloud*) echo "2 $image" ;;
	*) echo "3 $image" ;;
	esac
done | sort -k1,1n -k2,2Vr)

use_unpacked || true
if command -v apt-get >/dev/null; then
	download_apt || {
		# Package lists that are missing or out of date
		[ "$(id -u)" = 0 ] || die "cannot download a kernel package: run apt-get update as root first"
		note "updating the package lists"
		apt update || die "apt-get update failed"
		download_apt || die "cannot download any of: ${APT_PACKAGES[*]}"
	}
elif command -v dnf >/dev/null; then
	download_dnf || die "cannot download any of: ${DNF_PACKAGES[*]}"
else
	die "no kernel in /boot that can be used, and neither apt-get nor dnf: set KERNEL=FILE and MODULES_DIR=DIR"
fi
use_unpacked || die "the distribution's kernel cannot be used"
