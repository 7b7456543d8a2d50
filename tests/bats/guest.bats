#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031 # each test is a subshell of its own

# The guest image: kernel, initramfs, bundle. Uses the kernel of build/guest, which is made if need be.

setup_file()
{
	export TOP GUEST KERNEL_RELEASE BATS_TMP
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	GUEST=$(realpath -m "$TOP/build/guest")
	[ -z "${BUILD:-}" ] || GUEST=$(cd "$TOP" && realpath -m "$BUILD/guest")
	BATS_TMP=$(mktemp -d)
	chmod 755 "$BATS_TMP"
	[ -s "$GUEST/kernel.info" ] || "$TOP/guest/kernel.sh" "$GUEST" >&2
	KERNEL_RELEASE=$(sed -n 's/^release=//p' "$GUEST/kernel.info")

	# An agent that loads every group of modules, reports and ends the VM.
	cat >"$BATS_TMP/init.c" <<-'EOF'
		#include <dirent.h>
		#include <errno.h>
		#include <fcntl.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/reboot.h>
		#include <sys/syscall.h>
		#include <sys/utsname.h>
		#include <unistd.h>

		static void load(const char *order)
		{
			char name[256];
			FILE *f = fopen(order, "r");

			while (f && fgets(name, sizeof(name), f)) {
				name[strcspn(name, "\n")] = 0;
				int fd = open(name, O_RDONLY);
				int bad = syscall(SYS_finit_module, fd, "", strstr(name, ".ko.") ? 4 : 0) && errno != EEXIST;

				printf("%s %s %s\n", bad ? "BAD" : "GOOD", name, bad ? strerror(errno) : "");
				close(fd);
			}
		}

		int main(void)
		{
			struct utsname u;
			char path[300];

			uname(&u);
			printf("RELEASE %s\n", u.release);
			if (chdir("/lib/modules/moat"))
				printf("BAD no modules\n");
			load("order");
			DIR *d = opendir("order.d");
			for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
				if (e->d_name[0] == '.')
					continue;
				snprintf(path, sizeof(path), "order.d/%s", e->d_name);
				load(path);
			}
			printf("END\n");
			fflush(stdout);
			reboot(RB_AUTOBOOT);
		}
	EOF
	gcc -static -Os -o "$BATS_TMP/agent" "$BATS_TMP/init.c"
	strip "$BATS_TMP/agent"

	# The smallest ELF that passes for a kernel with a PVH entry: a page, its note and zeros
	cat >"$BATS_TMP/kernel.S" <<-'EOF'
		.section .note.Xen, "a", @note
		.long 4, 4, 18
		.asciz "Xen"
		.long 0x1000000
		.text
		.globl _start
		_start: hlt
		.ascii "Linux version 6.12.0-test (nobody) "
		.data
		.space 100, 7
		.space 40000, 0
	EOF
	gcc -nostdlib -static -no-pie -Wl,--build-id=none -o "$BATS_TMP/kernel" "$BATS_TMP/kernel.S"
}

teardown_file()
{
	rm -rf "$BATS_TMP"
}

# mkinitramfs OUT [OPTION...]
mkinitramfs()
{
	local out=$1
	shift
	"$TOP/guest/mkinitramfs.sh" --agent "$BATS_TMP/agent" --release "$KERNEL_RELEASE" --modroot "$GUEST/modroot" \
		--decompress "$@" "$out"
}

need_modules()
{
	[ -d "$GUEST/modroot/lib/modules/$KERNEL_RELEASE" ] || skip "the kernel has everything built in"
}

le32()
{
	# shellcheck disable=SC2059 # the escapes are the point
	printf "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)))"
}

# bzimage PAYLOAD SIZE_APPENDED > a bzImage of boot protocol 2.15 with one setup sector
bzimage()
{
	local length
	length=$(($(stat -c %s "$1") + $2))
	head -c 497 /dev/zero
	printf '\x01' # setup_sects
	head -c 16 /dev/zero # up to 514
	printf 'HdrS\x0f\x02' # magic, version
	head -c 6 /dev/zero # up to 526
	printf '\x00\x03' # kernel_version at 0x300 + 0x200
	head -c $((584 - 528)) /dev/zero
	le32 256 # payload_offset behind the setup sectors
	le32 $length
	head -c $((1024 - 592)) /dev/zero
	head -c 256 /dev/zero | tr '\0' '\220'
	cat "$1"
	[ "$2" = 0 ] || le32 "$(stat -c %s "$BATS_TMP/kernel")"
	head -c 700 /dev/zero | tr '\0' '\221'
}

@test "initramfs: the same bytes from another directory, user, umask, time zone and time" {
	cd "$BATS_TMP"
	mkinitramfs one.cpio
	mkdir -p other/place
	cp -rL "$TOP/guest" other/place/guest
	cp agent other/place/agent
	cp -rL "$GUEST/modroot/lib" other/place/lib
	find other -exec touch -d '1999-12-31 23:59:59' {} +
	sleep 1.1
	(
		cd other/place
		umask 077
		chmod -R go-w,a+rX .
		export TZ=Pacific/Chatham TMPDIR=$BATS_TMP/tmp LC_ALL=C.UTF-8
		mkdir -m 1777 "$TMPDIR"
		as=()
		[ "$(id -u)" != 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
		"${as[@]}" guest/mkinitramfs.sh --agent ./agent --release "$KERNEL_RELEASE" --modroot . --decompress \
			"$TMPDIR/two.cpio"
	)
	cmp one.cpio tmp/two.cpio
}

@test "initramfs: under 6 MiB, also with the real agent" {
	cd "$BATS_TMP"
	mkinitramfs a.cpio
	size=$(stat -c %s a.cpio)
	echo "$size bytes"
	[ "$size" -lt $((6 * 1024 * 1024)) ]
	if [ -f "$GUEST/initramfs.cpio" ]; then
		size=$(stat -c %s "$GUEST/initramfs.cpio")
		echo "$size bytes in build/guest"
		[ "$size" -lt $((6 * 1024 * 1024)) ]
	fi
}

@test "initramfs: holds agent, directories and modules, all root's, no device nodes, no busybox" {
	cd "$BATS_TMP"
	mkinitramfs b.cpio
	cpio -tv --quiet <b.cpio >list
	cat list
	grep -Eq '^-rwxr-xr-x +1 root +root .* init$' list
	for dir in dev proc sys run; do
		grep -Eq "^drwxr-xr-x +2 root +root .* $dir\$" list
	done
	grep -Eq '^drwxrwxrwt +2 root +root .* tmp$' list
	run ! grep -Ev '^[-d]' list
	run ! grep -E 'busybox|bin/sh' list
	run ! grep -vE ' root +root ' list
	mkdir -p unpacked
	(cd unpacked && cpio -id --quiet <../b.cpio)
	cmp unpacked/init agent
}

@test "initramfs: every module in an order file is there, after what it depends on, and nothing else is" {
	cd "$BATS_TMP"
	mkinitramfs c.cpio
	rm -rf c && mkdir c && cd c
	cpio -id --quiet <../c.cpio
	cd lib/modules/moat
	for order in order order.d/*; do
		[ -e "$order" ] || continue # everything is built in
		seen=' '
		while read -r name; do
			[ -s "$name" ]
			tool='cat'
			[[ $name != *.xz ]] || tool='xz -dc'
			[[ $name != *.zst ]] || tool='zstd -dc'
			$tool "$name" >/tmp/moat-module.$$
			for dep in $(modinfo -F depends /tmp/moat-module.$$ | tr ',-' ' _'); do
				echo "$order: $name needs $dep"
				[[ $seen == *" $dep "* ]]
			done
			rm /tmp/moat-module.$$
			seen+="$(sed 's/\.ko.*//; s/-/_/g' <<<"$name") "
		done <"$order"
	done
	find order order.d -type f -exec sort -u {} + >../all
	diff <(find . -maxdepth 1 -name '*.ko*' -printf '%f\n' | sort) ../all
}

@test "initramfs: without modules for a kernel that has everything built in" {
	cd "$BATS_TMP"
	"$TOP/guest/mkinitramfs.sh" --agent agent d.cpio
	cpio -t --quiet <d.cpio | grep -x lib/modules/moat/order
	run ! grep -c '\.ko' <(cpio -t --quiet <d.cpio)
}

@test "initramfs: a dynamic agent, a missing one, a kernel without virtio-fs, a bad list are refused" {
	cd "$BATS_TMP"
	printf 'int main(void) { return 0; }\n' >dyn.c
	gcc -o dyn dyn.c
	run "$TOP/guest/mkinitramfs.sh" --agent dyn e.cpio
	[ "$status" = 1 ]
	[[ $output == *"linked dynamically"* ]]
	run "$TOP/guest/mkinitramfs.sh" --agent nowhere e.cpio
	[ "$status" = 1 ]
	[[ $output == *"nowhere: no such file"* ]]
	need_modules
	printf 'boot no_such_module\n' >list1
	run mkinitramfs e.cpio --list "$PWD/list1"
	[ "$status" = 1 ]
	[[ $output == *"cannot do without: no_such_module"* ]]
	printf 'boot virtiofs\n../x virtio_blk\n' >list2
	run mkinitramfs e.cpio --list "$PWD/list2"
	[ "$status" = 1 ]
	[[ $output == *"no name for a group"* ]]
	[ ! -e e.cpio ]
	printf 'boot virtiofs\nfun no_such_module\n' >list3
	run mkinitramfs f.cpio --list "$PWD/list3"
	[ "$status" = 0 ]
	[[ $output == *"group fun is left out"* ]]
}

@test "kernel: an uncompressed ELF with a PVH note that says its release, or the image as it came" {
	[ -s "$GUEST/vmlinux" ]
	if [ "$(head -c 4 "$GUEST/vmlinux" | tail -c 3)" = ELF ]; then
		readelf -nW "$GUEST/vmlinux" | grep -E 'Xen +0x[0-9a-f]+.*0x0*12\)'
	fi
	grep -aqF "$KERNEL_RELEASE" "$GUEST/vmlinux"
	if [ -f "$GUEST/manifest" ]; then
		grep -x "kernel_release=$KERNEL_RELEASE" "$GUEST/manifest"
		grep -x "vmlinux_sha256=$(sha256sum <"$GUEST/vmlinux" | cut -d' ' -f1)" "$GUEST/manifest"
		grep -x "initramfs_sha256=$(sha256sum <"$GUEST/initramfs.cpio" | cut -d' ' -f1)" "$GUEST/manifest"
	fi
}

@test "kernel: nothing is done a second time" {
	before=$(stat -c '%n %y' "$GUEST/vmlinux" "$GUEST/kernel.info")
	run "$TOP/guest/kernel.sh" "$GUEST"
	[ "$status" = 0 ]
	[ -z "$output" ]
	[ "$before" = "$(stat -c '%n %y' "$GUEST/vmlinux" "$GUEST/kernel.info")" ]
}

@test "kernel: a payload in each compression gives the same ELF" {
	cd "$BATS_TMP"
	"$TOP/guest/extract-vmlinux.sh" kernel want
	[ "$(stat -c %s want)" -lt 20000 ] # without the zeros at the end
	readelf -lW want | grep -q LOAD
	n=0
	# The kernel's build appends the size to all but gzip.
	while read -r append tool; do
		command -v "${tool%% *}" >/dev/null || continue
		$tool <kernel >payload
		bzimage payload "$append" >image
		rm -f got
		"$TOP/guest/extract-vmlinux.sh" image got
		cmp got want
		n=$((n + 1))
	done <<-'EOF'
		0 gzip -9
		4 xz --check=crc32
		4 zstd -q -19
		4 lz4 -l
		4 xz --format=lzma
		4 bzip2
		4 cat
	EOF
	echo "$n kinds"
	[ $n -ge 4 ]
}

@test "kernel: what is no kernel is refused with a reason, one without PVH entry with exit code 2" {
	cd "$BATS_TMP"
	rm -f got
	gzip <kernel >payload
	bzimage payload 0 >good

	run "$TOP/guest/extract-vmlinux.sh" nowhere got
	[ "$status" = 1 ]
	[[ $output == *"no such file"* ]]
	: >empty
	run "$TOP/guest/extract-vmlinux.sh" empty got
	[ "$status" = 1 ]
	[[ $output == *"neither an ELF file nor a bzImage"* ]]
	head -c 600 good >short
	run "$TOP/guest/extract-vmlinux.sh" short got
	[ "$status" = 1 ]
	[[ $output == *"payload lies outside"* ]]
	head -c -800 good >short
	run "$TOP/guest/extract-vmlinux.sh" short got
	[ "$status" = 1 ]
	cp good broken
	printf 'XXXXXXXXXXXXXXXX' | dd of=broken bs=1 seek=1380 conv=notrunc status=none
	run "$TOP/guest/extract-vmlinux.sh" broken got
	[ "$status" = 1 ]
	[[ $output == *"cannot unpack the payload"* ]]
	echo "no kernel at all, only text" | gzip >payload
	bzimage payload 0 >text
	run "$TOP/guest/extract-vmlinux.sh" text got
	[ "$status" = 1 ]
	[[ $output == *"not a 64-bit ELF kernel"* ]]
	run "$TOP/guest/extract-vmlinux.sh" dyn got
	[ "$status" = 2 ]
	[ ! -e got ]
}

@test "kernel: KERNEL= and MODULES_DIR= are used, and a file that is no kernel is refused" {
	need_modules
	cd "$BATS_TMP"
	image=("$GUEST"/download/root/boot/vmlinuz-*)
	[ -f "${image[0]}" ] || image=("/boot/vmlinuz-$KERNEL_RELEASE")
	[ -f "${image[0]}" ] || skip "the kernel in build/guest came from elsewhere"
	rm -rf chosen modules
	cp -rL "$GUEST/modroot/lib/modules/$KERNEL_RELEASE" modules
	rm -f modules/modules.dep* # an index has to be made, and not in there
	KERNEL=${image[0]} MODULES_DIR=modules run "$TOP/guest/kernel.sh" chosen
	echo "$output"
	[ "$status" = 0 ]
	cmp chosen/vmlinux "$GUEST/vmlinux"
	[ ! -e modules/modules.dep ]
	[ ! -e chosen/download ]
	KERNEL=/bin/sh run "$TOP/guest/kernel.sh" chosen2
	[ "$status" = 1 ]
	[[ $output == *"KERNEL=/bin/sh cannot be used"* ]]
	mkdir -p no-modules
	KERNEL=${image[0]} MODULES_DIR=no-modules run "$TOP/guest/kernel.sh" chosen2
	[ "$status" = 1 ]
	[[ $output == *"has no virtio_pci"* || $output == *"depmod failed"* ]]
}

@test "kernel: packages of Ubuntu's kind, image and modules apart, are found, downloaded and unpacked" {
	need_modules
	cd "$BATS_TMP"
	image=("$GUEST"/download/root/boot/vmlinuz-*)
	[ -f "${image[0]}" ] || skip "the kernel in build/guest came from elsewhere"
	command -v dpkg-deb >/dev/null || skip "needs dpkg-deb"
	compgen -G '/boot/vmlinuz-*' >/dev/null && skip "an installed kernel comes first"
	r=$KERNEL_RELEASE
	mkdir -p debs deb-image/{DEBIAN,boot} deb-modules/{DEBIAN,lib/modules} bin
	cp "${image[0]}" "deb-image/boot/vmlinuz-$r"
	echo CONFIG_MODULE_DECOMPRESS=y >"deb-image/boot/config-$r"
	cp -rL "$GUEST/modroot/lib/modules/$r" deb-modules/lib/modules/
	rm -f deb-modules/lib/modules/"$r"/modules.dep*
	for p in image modules; do
		printf 'Package: linux-%s-%s\nVersion: 1.2\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' \
			$p 6.8.0-1-generic >deb-$p/DEBIAN/control
		dpkg-deb -Znone -b deb-$p debs/linux-$p-6.8.0-1-generic_1.2_all.deb >/dev/null
	done
	cat >bin/apt-cache <<-'EOF'
		#!/bin/bash
		for last; do :; done
		case "$1 $last" in
		"show linux-image-virtual") exit 0 ;;
		"show "*) exit 100 ;;
		"depends linux-image-virtual") printf '%s\n' "$last" '  Depends: linux-image-6.8.0-1-generic' ;;
		"depends linux-image-6.8.0-1-generic")
			printf '%s\n' "$last" '  Depends: kmod' ' |Depends: linux-modules-6.8.0-1-generic' \
				'  Depends: linux-modules-6.8.0-1-generic-unsigned' '  Depends: linux-base' \
				'  Depends: linux-modules-extra-6.8.0-1-generic' ;;
		*) echo "$last" ;;
		esac
	EOF
	cat >bin/apt-get <<-EOF
		#!/bin/bash
		[[ " \$* " == *" download "* ]] || exit 1
		while [ "\$1" != download ]; do shift; done
		shift
		for p; do cp "$PWD/debs/\${p}_1.2_all.deb" . || exit 1; done
	EOF
	chmod 755 bin/*
	PATH=$PWD/bin:$PATH run "$TOP/guest/kernel.sh" ubuntu
	echo "$output"
	[ "$status" = 0 ]
	cmp ubuntu/vmlinux "$GUEST/vmlinux"
	cmp ubuntu/vmlinux.config "deb-image/boot/config-$r"
	grep -x decompress=1 ubuntu/kernel.info
	grep -x 'package=linux-image-6.8.0-1-generic 1.2,linux-modules-6.8.0-1-generic 1.2' ubuntu/kernel.info
	# KERNEL_DEB does the same with files at hand.
	KERNEL_DEB="debs/linux-image-6.8.0-1-generic_1.2_all.deb debs/linux-modules-6.8.0-1-generic_1.2_all.deb" \
		run "$TOP/guest/kernel.sh" from-files
	[ "$status" = 0 ]
	cmp from-files/vmlinux "$GUEST/vmlinux"
	KERNEL_DEB="debs/linux-image-6.8.0-1-generic_1.2_all.deb" run "$TOP/guest/kernel.sh" image-only
	[ "$status" = 1 ]
}

@test "boot: the kernel starts the initramfs' /init, and every module loads" {
	command -v qemu-system-x86_64 >/dev/null || skip "needs qemu-system-x86_64"
	cd "$BATS_TMP"
	mkinitramfs boot.cpio
	timeout 120 qemu-system-x86_64 -M q35 -accel tcg -cpu max -m 256 -nodefaults -no-user-config -display none \
		-no-reboot -serial stdio -kernel "$GUEST/vmlinux" -initrd boot.cpio \
		-append "console=ttyS0 quiet reboot=t panic=-1 tsc=reliable no_timer_check cryptomgr.notests" \
		</dev/null >console 2>&1 || true
	tr -d '\r' <console
	tr -d '\r' <console | grep -xF "RELEASE $KERNEL_RELEASE"
	tr -d '\r' <console | grep -x END
	run ! grep BAD console
}

@test "bundle: runs under runc, arguments survive" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v runc >/dev/null || skip "needs runc"
	[ -x /bin/busybox ] || skip "needs busybox-static"
	cd "$BATS_TMP"
	# shellcheck disable=SC2016 # not expanded: that is tested
	(umask 077 && "$TOP/guest/mkbundle.sh" bundle printf '<%s>\n' 'a "b"' '' '$x \n' --help)
	run runc --root "$BATS_TMP/runc" run --bundle bundle "guest-bats-$$"
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = $'<a "b">\n<>\n<$x \\n>\n<--help>' ]
	# Again over the same directory, with other arguments; readable for everybody in spite of the umask
	"$TOP/guest/mkbundle.sh" bundle sh -c 'ls -ld / /bin /etc/passwd | cut -c1-10; ls -ld /tmp | cut -c1-10'
	run runc --root "$BATS_TMP/runc" run --bundle bundle "guest-bats-$$"
	echo "$output"
	[ "$output" = $'drwxr-xr-x\ndrwxr-xr-x\n-rw-r--r--\ndrwxrwxrwt' ]
}
