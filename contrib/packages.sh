#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packages.sh install|missing|list GROUP...: the packages of this distribution that moat needs
#
# Groups: build (compile, make the guest image), kernel (make guest-kernel, with build), run (QEMU, virtiofsd),
# demo (make quickstart), bench (make bench, with build and run), test (make check-all). "?" marks a package that not every
# release has or needs. Installing needs root and happens only if something is missing; the
# package lists are fetched only if they lack something.
set -euo pipefail
export LC_ALL=C

die()
{
	echo "packages: $*" >&2
	exit 1
}

apt_group()
{
	case $1 in
	build)
		echo gcc make libc6-dev pkg-config libjansson-dev libyajl-dev libcap-dev libseccomp-dev libxxhash-dev libnl-route-3-dev
		echo libsystemd-dev binutils kmod xz-utils zstd lz4 bzip2 ca-certificates
		;;
	kernel) echo flex bison bc libelf-dev xz-utils ;;
	run) echo qemu-system-x86 qemu-system-common 'virtiofsd?' ;;
	demo) echo busybox-static jq ;;
	bench) echo busybox-static jq runc 'crun?' podman conmon 'nftables?' gnuplot-nox iproute2 e2fsprogs qemu-utils ;;
	test)
		echo bats check clang clang-format clang-tidy 'libclang-rt-dev?' cppcheck shellcheck
		echo cpio jq busybox-static procps util-linux mount e2fsprogs xfsprogs qemu-utils iproute2 runc 'crun?' man-db mandoc
		echo podman conmon containerd docker.io 'docker-cli?' containernetworking-plugins iptables 'nftables?' protobuf-compiler curl 'dpdk-dev?' dbus-daemon
		echo systemd dbus dmsetup
		;;
	*) die "no group $1" ;;
	esac
}

# Not tried yet: see README.md for what has been.
dnf_group()
{
	case $1 in
	build)
		echo gcc make glibc-static pkgconf-pkg-config jansson-devel yajl-devel libcap-devel libcap-static
		echo libseccomp-devel xxhash-devel libnl3-devel systemd-devel binutils kmod xz zstd lz4 bzip2 cpio rpm 'dnf-plugins-core?'
		;;
	kernel) echo flex bison bc elfutils-libelf-devel xz ;;
	run) echo qemu-kvm-core virtiofsd ;;
	demo) echo busybox jq ;;
	bench) echo busybox jq runc 'crun?' podman conmon gnuplot-minimal iproute e2fsprogs qemu-img ;;
	test)
		echo bats check-devel clang clang-tools-extra compiler-rt cppcheck ShellCheck
		echo cpio jq busybox procps-ng util-linux e2fsprogs xfsprogs qemu-img iproute runc 'crun?' man-db mandoc
		echo podman conmon 'containerd?' moby-engine containernetworking-plugins iptables-nft protobuf-compiler curl dbus-daemon
		echo systemd device-mapper
		;;
	*) die "no group $1" ;;
	esac
}

if command -v apt-get >/dev/null; then
	tool=apt
elif command -v dnf >/dev/null; then
	tool=dnf
else
	die "neither apt-get nor dnf here: install what contrib/packages.sh lists by hand"
fi

apt_has()
{
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_known()
{
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

apt_update()
{
	apt-get -q update
}

apt_install()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends "$@"
}

dnf_has()
{
	rpm -q --whatprovides "$1" >/dev/null 2>&1
}

dnf_known()
{
	dnf -q info "$1" >/dev/null 2>&1
}

dnf_update()
{
	dnf -q makecache
}

dnf_install()
{
	dnf -q -y install --setopt=install_weak_deps=False "$@"
}

# wanted GROUP...: their packages, one a line
wanted()
{
	local group
	for group in "$@"; do
		"${tool}_group" "$group" || exit
	done | tr ' ' '\n' | sort -u
}

# missing GROUP...: those that are not installed, "?" kept
missing()
{
	local package
	wanted "$@" | while read -r package; do
		"${tool}_has" "${package%\?}" || echo "$package"
	done
}

install_missing()
{
	local package updated=0 names=()
	local -a want

	mapfile -t want < <(missing "$@")
	for package in "${want[@]}"; do
		# Nothing to do for packages that the lists do not have and that are not needed
		[[ $package == *\? ]] && ! "${tool}_known" "${package%\?}" && continue
		names+=("${package%\?}")
	done
	((${#names[@]})) || return 0
	[ "$(id -u)" = 0 ] || die "these packages are missing, and only root can install them: ${names[*]}"
	for package in "${names[@]}"; do
		if ! "${tool}_known" "$package"; then
			"${tool}_update"
			updated=1
			break
		fi
	done
	# With fresh lists an optional one may have become known.
	names=()
	for package in "${want[@]}"; do
		[[ $package == *\? ]] && ! "${tool}_known" "${package%\?}" && continue
		names+=("${package%\?}")
	done
	"${tool}_install" "${names[@]}" && return 0
	# A list that names a version which the server has replaced meanwhile
	((updated == 0)) || die "cannot install ${names[*]}"
	"${tool}_update"
	"${tool}_install" "${names[@]}" || die "cannot install ${names[*]}"
}

[ $# -ge 2 ] || die "usage: packages.sh install|missing|list GROUP..."
what=$1
shift
case $what in
install) install_missing "$@" ;;
missing) missing "$@" ;;
list) wanted "$@" ;;
*) die "usage: packages.sh install|missing|list GROUP..." ;;
esac
