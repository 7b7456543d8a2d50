#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# release.sh RELEASE [STAGE...]: the promise of the README on another release of Debian, or on this one without what is installed here.
# debootstrap makes a system of RELEASE (bookworm, trixie...) with nothing but its base, and make; in it, with a clean clone
# of the last commit, `make quickstart`, and the stages of run-all.sh that are given ("all" for all of them).
#
# MIRROR is where packages come from. It has namespaces of its own for mounts and processes, so nothing of it stays, and the host's kernel, devices and network.
# Some 4 GB in DIR (default: a directory below /var/tmp that goes afterwards; one that is given stays, and is used again).
set -euo pipefail
export LC_ALL=C

top=$(cd -- "$(dirname -- "$0")/.." && pwd)
[ $# -ge 1 ] || { sed -n 's/^# \(release.sh .*\)/usage: \1/p' "$0" >&2; exit 2; }
release=$1
shift
[ "$(id -u)" = 0 ] || { echo "release: this needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "release: debootstrap is not here: apt-get install debootstrap" >&2; exit 1; }

if [ -n "${DIR:-}" ]; then
	root=$DIR
else
	root=$(mktemp -d /var/tmp/moat-release.XXXXXX)
	# Not before what was mounted in it is gone, which it is with the namespace.
	trap 'rm -rf --one-file-system "$root"' EXIT
fi
[ -e "$root/etc/debian_version" ] ||
	debootstrap --variant=minbase --include=ca-certificates,make "$release" "$root" "${MIRROR:-http://deb.debian.org/debian}"
rm -rf "$root/work/main"
mkdir -p "$root/work"
git clone -q "$top" "$root/work/main"
# What the tests read of the project's surroundings
[ ! -d "$top/../shared" ] || [ -d "$root/work/shared" ] || cp -a "$top/../shared" "$root/work/"

# shellcheck disable=SC2016 # for the shell inside
unshare --mount --pid --fork --kill-child --propagation private bash -euc '
	root=$1
	shift
	mount --bind "$root" "$root"
	mkdir -p "$root/host"
	for dir in sys dev; do
		mount --rbind "/$dir" "$root/$dir"
	done
	mount -t proc proc "$root/proc"
	mount -t tmpfs tmpfs "$root/run"
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	mkdir "$root/run/lock"
	cp /etc/resolv.conf "$root/etc/"
	cd "$root"
	pivot_root . host
	umount -l /host
	cd /work/main
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
	echo "== Debian $(cat /etc/debian_version): make quickstart"
	make quickstart
	[ $# != 0 ] || exit 0
	[ "$*" = all ] && exec tests/run-all.sh
	tests/run-all.sh packages "$@"
' release "$root" "$@" </dev/null
