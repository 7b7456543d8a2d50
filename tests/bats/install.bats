#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# SPDX-License-Identifier: Apache-2.0

# make install and make uninstall: what is put where, and that nothing is left.

setup()
{
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	DIR=$(mktemp -d)
	mkdir -p "$DIR"/{build/man,guest}
	printf '#!/bin/sh\necho "made by moat $*"\n' >"$DIR/build/moat"
	echo monitor >"$DIR/build/moat-monitor"
	echo standin >"$DIR/build/moat-standin"
	echo archive >"$DIR/build/libmoat.a"
	echo shared >"$DIR/build/libmoat.so.1.2.3"
	echo "1.2.3 -lthis -lthat" >"$DIR/build/libmoat.libs"
	echo page >"$DIR/build/man/moat.8"
	echo page >"$DIR/build/man/moat-run.8"
	echo page >"$DIR/build/man/moat-configuration.toml.5"
	echo kernel >"$DIR/guest/vmlinux"
	echo configuration >"$DIR/guest/vmlinux.config"
	echo initramfs >"$DIR/guest/initramfs.cpio"
	echo manifest >"$DIR/guest/manifest"
	chmod 755 "$DIR"/build/moat*
	export BUILD=$DIR/build GUEST=$DIR/guest DESTDIR="$DIR/dest dir" PREFIX=/opt/m
}

teardown()
{
	chmod -R u+w "$DIR"
	rm -rf "$DIR"
}

# Files and directories below DESTDIR, with their modes
tree()
{
	(cd "$DESTDIR" && find . -printf '%m %y %p\n' | LC_ALL=C sort -k3)
}

@test "install: every file in its place, readable for everybody in spite of the umask" {
	mkdir "$DESTDIR"
	umask 077
	"$TOP/contrib/install.sh" install
	tree
	diff <(tree | grep ' f ' | cut -d' ' -f1,3) - <<-'EOF'
		755 ./opt/m/bin/moat
		644 ./opt/m/include/moat.h
		644 ./opt/m/lib/libmoat.a
		755 ./opt/m/lib/libmoat.so.1.2.3
		644 ./opt/m/lib/pkgconfig/moat.pc
		755 ./opt/m/libexec/moat/moat-monitor
		755 ./opt/m/libexec/moat/moat-standin
		644 ./opt/m/share/bash-completion/completions/moat
		644 ./opt/m/share/doc/moat/configuration.toml.sample
		644 ./opt/m/share/man/man5/moat-configuration.toml.5
		644 ./opt/m/share/man/man8/moat-run.8
		644 ./opt/m/share/man/man8/moat.8
		644 ./opt/m/share/moat/initramfs.cpio
		644 ./opt/m/share/moat/installed
		644 ./opt/m/share/moat/manifest
		644 ./opt/m/share/moat/vmlinux
		644 ./opt/m/share/moat/vmlinux.config
	EOF
	diff <(cd "$DESTDIR" && find . -type l -printf '%p -> %l\n' | LC_ALL=C sort) - <<-'EOF'
		./opt/m/lib/libmoat.so -> libmoat.so.0
		./opt/m/lib/libmoat.so.0 -> libmoat.so.1.2.3
	EOF
	grep '^prefix=/opt/m$' "$DESTDIR/opt/m/lib/pkgconfig/moat.pc"
	grep '^Version: 1.2.3$' "$DESTDIR/opt/m/lib/pkgconfig/moat.pc"
	grep '^Libs.private: -lthis -lthat$' "$DESTDIR/opt/m/lib/pkgconfig/moat.pc"
	run ! grep -v '^755' <(tree | grep ' d ' | tail -n +2)
	grep 'config-sample' "$DESTDIR/opt/m/share/doc/moat/configuration.toml.sample"
	run ! grep -r "dest dir" "$DESTDIR"
}

@test "uninstall: removes exactly what install put, directories too" {
	mkdir -p "$DESTDIR/opt/m/bin" "$DESTDIR/opt/m/share/man/man8"
	echo other >"$DESTDIR/opt/m/bin/other"
	echo other >"$DESTDIR/opt/m/share/man/man8/other.8"
	tree >"$DIR/before"
	"$TOP/contrib/install.sh" install
	"$TOP/contrib/install.sh" install # a second time
	"$TOP/contrib/install.sh" uninstall
	tree | diff "$DIR/before" -
	run "$TOP/contrib/install.sh" uninstall
	[ "$status" = 1 ]
	[[ $output == *"nothing was installed"* ]]
}

@test "uninstall: leaves directories alone into which somebody put a file" {
	mkdir "$DESTDIR"
	"$TOP/contrib/install.sh" install
	echo mine >"$DESTDIR/opt/m/share/moat/mine"
	"$TOP/contrib/install.sh" uninstall
	diff <(cd "$DESTDIR" && find . -type f) - <<<"./opt/m/share/moat/mine"
}

@test "install: a newer version removes the files that it no longer has" {
	mkdir "$DESTDIR"
	"$TOP/contrib/install.sh" install
	rm "$BUILD/man/moat-run.8" "$GUEST/vmlinux.config"
	"$TOP/contrib/install.sh" install
	[ ! -e "$DESTDIR/opt/m/share/man/man8/moat-run.8" ]
	[ ! -e "$DESTDIR/opt/m/share/moat/vmlinux.config" ]
	[ -e "$DESTDIR/opt/m/share/man/man8/moat.8" ]
	"$TOP/contrib/install.sh" uninstall
	[ -z "$(ls -A "$DESTDIR")" ]
}

@test "install: a missing file or a relative PREFIX is an error that names it" {
	mkdir "$DESTDIR"
	rm "$GUEST/vmlinux"
	run "$TOP/contrib/install.sh" install
	[ "$status" = 1 ]
	[[ $output == *"guest/vmlinux is missing"* ]]
	[ -z "$(ls -A "$DESTDIR")" ]
	PREFIX=usr run "$TOP/contrib/install.sh" install
	[ "$status" = 1 ]
	[[ $output == *"PREFIX=usr: must be an absolute path"* ]]
}

@test "installed for real: moat finds its parts, and is gone after uninstall" {
	build=$TOP/build
	for f in release/moat release/moat-monitor release/moat-standin guest/initramfs.cpio; do
		[ -f "$build/$f" ] || skip "build/$f is not built"
	done
	mkdir "$DESTDIR"
	BUILD=$build/release GUEST=$build/guest "$TOP/contrib/install.sh" install
	moat=$DESTDIR/opt/m/bin/moat
	run "$moat" --version
	[ "$status" = 0 ]
	[[ $output == "moat version "* ]]
	# The sample is a configuration that moat accepts.
	chmod 644 "$DESTDIR/opt/m/share/doc/moat/configuration.toml.sample"
	run "$moat" --config "$DESTDIR/opt/m/share/doc/moat/configuration.toml.sample" --root "$DIR/state" list -q
	[ "$status" = 0 ]
	bash -n "$DESTDIR/opt/m/share/bash-completion/completions/moat"
	"$TOP/contrib/install.sh" uninstall
	[ -z "$(ls -A "$DESTDIR")" ]
}
