#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat

load helpers

# field NAME FIELD: of the row NAME in the last output, which is JSON
field()
{
	jq -er --arg name "$1" '.[] | select(.name == $name) | .[$ARGS.positional[0]]' --args -- "$2" <<<"$output"
}

@test "check: a table, and this host can run containers" {
	ok check
	is "$stderr" ""
	has "$(head -n1 <<<"$output")" NAME STATUS DETAIL
	for name in configuration privileges helpers accelerator qemu virtiofsd guest-kernel guest-features guest-initramfs kernel \
		namespaces seccomp overlay tun vhost-net vhost-vsock hugepages iommu cgroups state-root template; do
		[ "$(grep -cE "^$name +(ok|info|degraded) +[^ ]" <<<"$output")" = 1 ]
	done
	# Whatever is not as it should be is followed by what to do.
	is "$(awk '$2 == "degraded" { getline; if ($1 != "next:") print }' <<<"$output")" ""
}

@test "check: json has the same rows, each with the same fields" {
	local names
	ok check
	names=$(awk 'NR > 1 && $1 != "next:" { print $1, $2 }' <<<"$output")
	ok check --format json
	is "$(jq -r '.[] | .name + " " + .status' <<<"$output")" "$names"
	is "$(jq -c 'map(keys_unsorted) | unique' <<<"$output")" '[["name","status","detail","next"]]'
	is "$(jq -c '[.[] | select(.status == "degraded" and .next == "")]' <<<"$output")" '[]'
	is "$(jq -c '[.[][] | select(type != "string" or test("[[:cntrl:]]"))]' <<<"$output")" '[]'
}

@test "check: what it says is so" {
	ok check -f json
	has "$(field qemu detail)" "$("$(field qemu detail | cut -d, -f1)" --version | sed -n '1s/.* version //p')"
	has "$(field kernel detail)" "$(uname -r): "
	has "$(field guest-kernel detail)" "$(sed -n 's/^kernel_release=//p' "$BUILD/guest/manifest")"
	has "$(field guest-initramfs detail)" "$BUILD/guest/initramfs.cpio, "
	if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then
		field accelerator detail
	else
		is "$(field accelerator status)" degraded
		has "$(field accelerator detail)" "tcg: " "no security boundary"
	fi
	[ -c /dev/net/tun ] || is "$(field tun status)" degraded
	[ -c /dev/vhost-vsock ] || is "$(field vhost-vsock next)" "modprobe vhost_vsock"
}

@test "check: the kernel of the container is the one that it names" {
	ok check -f json
	kernel=$(field guest-kernel detail)
	args uname -r
	ok run --bundle "$B" "$CT"
	has "$kernel" "release $output"
}

@test "check: a program or image that is missing is exit code 1" {
	settings 'path = "/nonexistent/qemu"' 'virtio_fs_daemon = "/etc/passwd"' 'kernel = "/etc/passwd"' \
		"initrd = \"$T/none\""
	ko 1 check -f json
	is "$stderr" ""
	for name in qemu virtiofsd guest-kernel guest-initramfs; do
		is "$(field $name status)" missing
		[ -n "$(field $name next)" ]
	done
	has "$(field qemu detail)" "hypervisor.qemu.path '/nonexistent/qemu'"
	ko 1 check
	has "$output" "next: install virtiofsd"
}

@test "check: a broken configuration is exit code 1, and the host is looked at all the same" {
	settings 'nonsense = true'
	ko 1 check -f json
	is "$stderr" ""
	is "$(field configuration status)" missing
	has "$(field configuration detail)" "$T/configuration.toml:" 'unknown key "nonsense"'
	not field qemu detail
	field kernel detail
	OPTIONS=(--config "$T/nowhere.toml")
	ko 1 check
	has "$output" "$T/nowhere.toml"
	settings 'accelerator = "kvm"'
	if ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
		ko 1 check -f json
		is "$(field accelerator status)" missing
		# It says what create says.
		ko 1 create --bundle "$B" "$CT"
		has "$stderr" "$(field accelerator detail)"
	fi
}

@test "check: the state directory" {
	rm -rf "$ROOT"
	ok check -f json
	has "$(field state-root detail)" "$ROOT is not there yet"
	[ ! -e "$ROOT" ]
	mkdir -m 777 "$ROOT"
	chmod 777 "$ROOT"
	ko 1 check -f json
	is "$(field state-root status)" missing
	chmod 700 "$ROOT"
	ok check -f json
	has "$(field state-root detail)" "$ROOT, mode 0700"
}

@test "check: another user cannot run containers" {
	requires setpriv
	try setpriv --reuid 65534 --regid 65534 --clear-groups "$BIN" --root "$ROOT" check -f json
	[ "$status" = 1 ]
	is "$(field privileges status)" missing
}

@test "check: an unknown format or argument is an error" {
	ko 1 check --format xml
	message "invalid format option"
	ko 1 check more
	message '"check" requires exactly 0 argument(s)'
}
