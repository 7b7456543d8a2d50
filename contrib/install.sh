#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh install|uninstall: what `make install` and `make uninstall` do
#
# Variables: PREFIX (absolute), DESTDIR (may be empty), and for install BUILD (the build tree with the
# programs) and GUEST (the guest image). share/moat/installed lists what was put where, and the
# directories that were made for it: uninstall removes that and nothing else.
set -euo pipefail
export LC_ALL=C
umask 022

die()
{
	echo "install: $*" >&2
	exit 1
}

[[ ${PREFIX:-} == /* ]] || die "PREFIX=${PREFIX:-}: must be an absolute path"
root=${DESTDIR:-}${PREFIX%/}
list=$root/share/moat/installed
HEADER=${BASH_SOURCE[0]%/*}/../libruntime/moat.h
PC=${BASH_SOURCE[0]%/*}/../libruntime/moat.pc.in

# Relative to PREFIX; those that lead to PREFIX itself are "..", "../.." and so on.
made=()
files=()

# make_dir DIR: with its parents, notes each that was not there
make_dir()
{
	[ ! -d "$1" ] || return 0
	make_dir "$(dirname -- "$1")"
	mkdir -- "$1"
	made+=("$1")
}

# link TARGET NAME: a symbolic link
link()
{
	make_dir "$(dirname -- "$root/$2")"
	ln -sfn -- "$1" "$root/$2"
	files+=("$2")
	printf '  %-8s%s\n' LINK "$root/$2"
}

# put MODE SOURCE NAME
put()
{
	[ -f "$2" ] || die "$2 is missing"
	make_dir "$(dirname -- "$root/$3")"
	install -m "$1" -- "$2" "$root/$3"
	files+=("$3")
	printf '  %-8s%s\n' INSTALL "$root/$3"
}

# install_library DIR: libmoat; DIR is for temporary files
install_library()
{
	local version libs
	read -r version libs <"$BUILD/libmoat.libs"

	put 644 "$HEADER" include/moat.h
	put 644 "$BUILD/libmoat.a" lib/libmoat.a
	put 755 "$BUILD/libmoat.so.$version" "lib/libmoat.so.$version"
	link "libmoat.so.$version" lib/libmoat.so.0
	link libmoat.so.0 lib/libmoat.so
	sed -e "s|@PREFIX@|${PREFIX%/}|" -e "s|@VERSION@|$version|" -e "s|@LIBS@|$libs|" "$PC" >"$1/pc"
	put 644 "$1/pc" lib/pkgconfig/moat.pc
}

install_all()
{
	local tmp page old=''

	: "${BUILD:?}" "${GUEST:?}"
	tmp=$(mktemp -d)
	# shellcheck disable=SC2064 # its value now
	trap "rm -rf '$tmp'" EXIT
	[ ! -f "$list" ] || old=$(<"$list")
	# Nothing is put anywhere before everything is known to be there.
	for page in "$BUILD"/moat{,-monitor,-standin} "$BUILD"/libmoat.{a,libs} "$HEADER" "$PC" \
		"$GUEST"/{vmlinux,initramfs.cpio,manifest}; do
		[ -f "$page" ] || die "$page is missing"
	done

	put 755 "$BUILD/moat" bin/moat
	put 755 "$BUILD/moat-monitor" libexec/moat/moat-monitor
	put 755 "$BUILD/moat-standin" libexec/moat/moat-standin
	install_library "$tmp"
	put 644 "$GUEST/vmlinux" share/moat/vmlinux
	[ ! -f "$GUEST/vmlinux.config" ] || put 644 "$GUEST/vmlinux.config" share/moat/vmlinux.config
	put 644 "$GUEST/initramfs.cpio" share/moat/initramfs.cpio
	put 644 "$GUEST/manifest" share/moat/manifest
	"$BUILD/moat" doc config-sample >"$tmp/sample" || die "cannot make the sample configuration"
	put 644 "$tmp/sample" share/doc/moat/configuration.toml.sample
	for page in "$BUILD"/man/*.[1-9]; do
		[ ! -f "$page" ] || put 644 "$page" "share/man/man${page##*.}/${page##*/}"
	done
	if [ -f "$BUILD/moat.bash" ]; then
		cp "$BUILD/moat.bash" "$tmp/completion"
	else
		"$BUILD/moat" completion bash >"$tmp/completion" || die "cannot make the shell completion"
	fi
	put 644 "$tmp/completion" share/bash-completion/completions/moat

	{
		printf 'file %s\n' "${files[@]}"
		((${#made[@]} == 0)) || printf 'dir %s\n' "${made[@]#"${DESTDIR:-}"}"
		grep '^dir ' <<<"$old" || true
	} | sort -u >"$tmp/list"
	# Files of an earlier installation that this one does not have
	comm -23 <(grep '^file ' <<<"$old" | sort -u) <(grep '^file ' "$tmp/list") | while read -r _ page; do
		rm -f -- "$root/$page"
	done
	install -m 644 "$tmp/list" "$list"
}

uninstall_all()
{
	local kind name
	[ -f "$list" ] || die "$list is missing: nothing was installed in $root"
	while read -r kind name; do
		[ "$kind" != file ] || rm -f -- "$root/$name"
	done <"$list"
	mapfile -t made < <(sed -n 's/^dir //p' "$list" | sort -r)
	rm -f -- "$list"
	for name in "${made[@]}"; do
		rmdir --ignore-fail-on-non-empty -- "${DESTDIR:-}$name" 2>/dev/null || true
	done
}

case ${1:-} in
install) install_all ;;
uninstall) uninstall_all ;;
*) die "usage: install.sh install|uninstall" ;;
esac
