#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031 # each test is a subshell of its own

# The tuned guest kernel: that guest/kernel.config fits the source of the distribution, and that a kernel
# that has been built is preferred. It is not built here: that takes 10-20 minutes.

setup_file()
{
	export TOP GK BATS_TMP
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	GK=$(cd "$TOP" && realpath -m "${BUILD:-build}/guest-kernel")
	BATS_TMP=$(mktemp -d)
	chmod 755 "$BATS_TMP"
	unset KERNEL KERNEL_DEB KERNEL_SOURCE MODULES_DIR FRAGMENT
}

teardown_file()
{
	rm -rf "$BATS_TMP"
}

# Skips unless the source can be had, or is there already.
need_source()
{
	local tool
	for tool in flex bison xz dpkg-deb; do
		command -v $tool >/dev/null || skip "needs $tool"
	done
	compgen -G "$GK/download/*.deb" >/dev/null && return 0
	command -v apt-get >/dev/null || skip "needs apt-get"
	[ -n "$(apt-cache search --names-only '^linux-source-[0-9]')" ] || skip "no package linux-source-N.N in the lists"
}

@test "guest-kernel: every option of guest/kernel.config comes out as it is written" {
	need_source
	run timeout 600 "$TOP/guest/guest-kernel.sh" config "$GK"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"options of kernel.config resolve with "* ]]
	config=$GK/config-check/.config
	run ! grep -E '=m$' "$config"
	# What was not asked for by name
	grep -x 'CONFIG_SERIAL_8250_PNP=y' "$config"
	grep -x 'CONFIG_VIRTIO=y' "$config"
	grep -x 'CONFIG_STRICT_KERNEL_RWX=y' "$config"
}

@test "guest-kernel: options that do not come out as written are refused, each by name" {
	need_source
	cp "$TOP/guest/kernel.config" "$BATS_TMP/bad.config"
	cat >>"$BATS_TMP/bad.config" <<-'EOT'
		CONFIG_NO_SUCH_THING=y
		CONFIG_USB_STORAGE=y
		# CONFIG_NO_SUCH_THING_EITHER is not set
		# CONFIG_INET_TCP_DIAG is not set
		CONFIG_VETH=y
		CONFIG_ISO9660_FS=m
		nonsense
	EOT
	FRAGMENT=$BATS_TMP/bad.config run timeout 600 "$TOP/guest/guest-kernel.sh" config "$GK"
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"CONFIG_NO_SUCH_THING: no such option"* ]]
	[[ $output == *"CONFIG_USB_STORAGE=y did not survive"* ]]
	[[ $output == *"CONFIG_NO_SUCH_THING_EITHER: no such option"* ]]
	[[ $output == *"CONFIG_VETH is there more than once"* ]]
	[[ $output == *"CONFIG_ISO9660_FS=m: there are no modules"* ]]
	[[ $output == *'"nonsense" is no option'* ]]
	[[ $output == *"did not come out as they are written"* ]]
	run ! compgen -G "$GK/tmp.config.*"
}

@test "guest-kernel: what is no kernel's source is refused" {
	for tool in flex bison; do
		command -v $tool >/dev/null || skip "needs $tool"
	done
	cd "$BATS_TMP"
	mkdir -p src/linux
	echo hello >src/linux/Makefile
	tar -C src -cJf no-kernel.tar.xz linux
	KERNEL_SOURCE=$PWD/no-kernel.tar.xz run "$TOP/guest/guest-kernel.sh" config out
	echo "$output"
	[ "$status" = 1 ]
	[[ $output == *"no kernel's source"* || $output == *"cannot unpack"* ]]
	KERNEL_SOURCE=$PWD/nowhere run "$TOP/guest/guest-kernel.sh" config out
	[ "$status" = 1 ]
	[[ $output == *"nowhere cannot be read"* ]]
	run "$TOP/guest/guest-kernel.sh" install out
	[ "$status" = 1 ]
	[[ $output == *"usage:"* ]]
	mkdir 'a b'
	KERNEL_SOURCE=$PWD/no-kernel.tar.xz run "$TOP/guest/guest-kernel.sh" config 'a b'
	[ "$status" = 1 ]
	[[ $output == *"no blanks"* ]]
	run ! compgen -G 'out/tmp.*'
}

@test "guest-kernel: one that has been built is preferred, and its initramfs has no modules" {
	cd "$BATS_TMP"
	cat >kernel.S <<-'EOT'
		.section .note.Xen, "a", @note
		.long 4, 4, 18
		.asciz "Xen"
		.long 0x1000000
		.text
		.globl _start
		_start: hlt
		.ascii "Linux version 6.12.0-moat (nobody) "
	EOT
	mkdir -p tree/guest-kernel
	gcc -nostdlib -static -no-pie -Wl,--build-id=none -o tree/guest-kernel/vmlinux kernel.S
	run "$TOP/guest/kernel.sh" tree/guest
	echo "$output"
	[ "$status" = 0 ]
	grep -x 'release=6.12.0-moat' tree/guest/kernel.info
	grep -x 'package=tuned kernel' tree/guest/kernel.info
	readelf -lW tree/guest/vmlinux | grep -q LOAD
	[ ! -e tree/guest/download ]
	# Nothing changed, so nothing is done.
	before=$(stat -c %y tree/guest/vmlinux)
	run "$TOP/guest/kernel.sh" tree/guest
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ "$before" = "$(stat -c %y tree/guest/vmlinux)" ]

	gcc -static -Os -o agent -x c - <<<'int main(void) { return 0; }'
	"$TOP/guest/mkinitramfs.sh" --agent agent --release 6.12.0-moat --modroot tree/guest/modroot tuned.cpio
	cpio -t --quiet <tuned.cpio >list
	grep -x init list
	grep -x lib/modules/moat/order list
	run ! grep '\.ko' list
	run ! grep 'order.d/' list
}
